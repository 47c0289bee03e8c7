#include "worker/engine/tensor_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/engine/tiny_bert.h"
#include "worker/engine/encoder.h"

namespace berth::engine {
namespace {

TEST(TensorMemory, TensorsAreTakenFromTheBudgetAndGivenBack) {
  Budget budget(MiB(8));
  const TensorMemory memory(budget);
  {
    const at::Tensor one = at::zeros({256, 1024}, at::kFloat);
    EXPECT_EQ(budget.taken(), MiB(1).count);
    const at::Tensor view = one.view({-1});
    EXPECT_EQ(budget.taken(), MiB(1).count) << "a view has no memory of its own";
    const at::Tensor other = one + 1;
    EXPECT_EQ(budget.taken(), MiB(2).count);
    EXPECT_EQ(other.sum().item<float>(), 256.0F * 1024.0F);
  }
  EXPECT_EQ(budget.taken(), 0u);
  EXPECT_GE(budget.peak(), MiB(2).count);
}

TEST(TensorMemory, ATensorAboveTheBudgetIsAnErrorWithTheNumbersAndNothingIsKept) {
  Budget budget(MiB(8));
  budget.Settle(MiB(2).count);
  const TensorMemory memory(budget);
  const at::Tensor fits = at::empty({4, 1 << 20}, at::kByte);
  std::string message;
  bool over = false;
  try {
    const at::Tensor tensor = at::empty({3, 1 << 20}, at::kByte);
  } catch (const std::exception& error) {
    over = IsOverBudget(error);
    message = error.what();
  }
  EXPECT_TRUE(over);
  EXPECT_NE(message.find("3 MiB more asked for, 6 MiB of private memory held, the budget is 8 MiB"),
            std::string::npos)
      << message;
  EXPECT_EQ(budget.taken(), MiB(4).count);
  const at::Tensor fills = at::empty({2, 1 << 20}, at::kByte);
  EXPECT_EQ(budget.taken(), MiB(6).count) << "up to the last byte";
}

TEST(TensorMemory, AMachineWithoutMemoryIsNotTheBudget) {
  Budget budget;
  const TensorMemory memory(budget);
  bool threw = false, over = true;
  try {
    const at::Tensor tensor = at::empty({std::int64_t{1} << 46}, at::kByte);
  } catch (const std::exception& error) {
    threw = true;
    over = IsOverBudget(error);
  }
  EXPECT_TRUE(threw);
  EXPECT_FALSE(over);
  EXPECT_EQ(budget.taken(), 0u);
}

// The encoder's half of the promise: the batch fails, what it had is free again, the next one runs.
TEST(TensorMemory, ABatchThatDoesNotFitFailsAloneAndTheNextOneRuns) {
  TinyBert bert;
  bert.Write();
  Budget budget(MiB(1));
  const TensorMemory memory(budget);
  auto encoder = Encoder::Load(bert.dir(), {GiB(1), nullptr});
  ASSERT_TRUE(encoder) << encoder.error().message;
  const std::uint64_t at_rest = budget.taken();
  const std::vector<std::int32_t> ids(60, 3);
  const std::vector<Sequence> few(1, Sequence{ids}), many(16, Sequence{ids});
  const Sink sink = [](std::size_t, std::span<const float>) {};
  ASSERT_TRUE((*encoder)->Encode(few, sink));
  Charge squeeze;  // leaves room for the small batch alone
  ASSERT_TRUE(squeeze.Hold(budget, MiB(1).count - budget.peak()));
  const Status refused = (*encoder)->Encode(many, sink);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(refused.error().message.find("over the memory budget"), std::string::npos) << refused.error().message;
  squeeze.Reset();
  EXPECT_EQ(budget.taken(), at_rest);
  EXPECT_TRUE((*encoder)->Encode(few, sink));
}

}  // namespace
}  // namespace berth::engine
