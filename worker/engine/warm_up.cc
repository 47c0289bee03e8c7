#include "worker/engine/warm_up.h"

#include <algorithm>
#include <future>
#include <memory>

namespace berth::engine {
namespace {

constexpr int kSmallSequences = 4;
constexpr int kSmallTokens = 16;
constexpr double kPatienceSeconds = 2;

// `count` inputs of `length` tokens, pairs when the model ranks them; seconds taken.
Result<double> RunOnce(Engine& engine, const Encoder& encoder, int count, int length) {
  auto job = std::make_shared<Job>();
  std::vector<std::int32_t> ids(static_cast<std::size_t>(length));
  for (int i = 0; i < length; ++i) ids[static_cast<std::size_t>(i)] = i % encoder.vocab_size();
  job->inputs.assign(static_cast<std::size_t>(count), ids);
  if (encoder.task() == Task::kRanking) job->seconds.assign(job->inputs.size(), ids.size() / 2);
  std::promise<JobEnd> promise;
  job->ended = [&promise](JobEnd end) { promise.set_value(end); };
  engine.Submit(job);
  const JobEnd end = promise.get_future().get();
  if (end == JobEnd::kDone) return std::chrono::duration<double>(job->inference).count();
  const ErrorKind kind = end == JobEnd::kOverBudget ? ErrorKind::kExhausted : ErrorKind::kInternal;
  return MakeError(kind, "the warm-up inference failed: ", job->error);
}

}  // namespace

Status WarmUp(Engine& engine, const Encoder& encoder, const Limits& limits) {
  const int small = std::min(kSmallTokens, encoder.max_tokens());
  if (const auto first = RunOnce(engine, encoder, 1, small); !first) return first.error();
  const auto took = RunOnce(engine, encoder, kSmallSequences, small);
  if (!took) return took.error();
  const double tokens_per_second = kSmallSequences * small / std::max(*took, 1e-6);
  const double affordable = std::min<double>(limits.max_tokens, tokens_per_second * kPatienceSeconds);
  const int count = std::clamp(static_cast<int>(affordable) / encoder.max_tokens(), 1, limits.max_sequences);
  const auto large = RunOnce(engine, encoder, count, encoder.max_tokens());
  return large ? Ok() : Status(large.error());
}

}  // namespace berth::engine
