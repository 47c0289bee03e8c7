#include "supervisor/placement/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/placement/plan_builder.h"

namespace berth::placement {
namespace {

using testing::PlanBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const config::Plan& Plan() {
  static const config::Plan plan = [] {
    testing::PlanBuilder builder;
    builder.Device("cpu", GiB(12)).Device("other", GiB(4));
    for (const char* name : {"bge", "ears", "chat", "big", "a", "b", "c", "m"}) builder.Model(name, GiB(1));
    return builder;
  }();
  return plan;
}

Ledger TwoDevices() { return Ledger(Plan()); }

TEST(Ledger, ReservationsAddUpPerDevice) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 0, GiB(2)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 1, GiB(2)));
  ASSERT_TRUE(ledger.Reserve({"other"}, "ears", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(4));
  EXPECT_EQ(ledger.Reserved("other"), GiB(1));
  EXPECT_EQ(ledger.Capacity("cpu"), GiB(12));
  EXPECT_EQ(ledger.reservations().size(), 3U);
}

TEST(Ledger, FillsADeviceToTheLastByteAndNotFurther) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"other"}, "a", 0, GiB(4)));
  const Status more = ledger.Reserve({"other"}, "b", 0, Bytes{1});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::kExhausted);
  EXPECT_EQ(ledger.Reserved("other"), GiB(4));
}

TEST(Ledger, RefusalSaysWhoHoldsWhat) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "chat", 0, GiB(8)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 1, GiB(1)));
  EXPECT_EQ(ledger.Reserve({"cpu"}, "ears", 1, GiB(3)).error().message,
            "model \"ears\": replica 1 needs 3 GiB on cpu, 2 GiB of 12 GiB free (chat 8 GiB, bge 2 x 1 GiB); stop "
            "one of these, or lower its memory");
}

TEST(Ledger, RefusalOnAnEmptyDeviceDoesNotAskToStopAnything) {
  EXPECT_EQ(TwoDevices().Reserve({"other"}, "big", 0, GiB(5)).error().message,
            "model \"big\": replica 0 needs 5 GiB on other, 4 GiB of 4 GiB free; lower its memory");
}

TEST(Ledger, HugeRequestDoesNotWrapAround) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(1)));
  EXPECT_FALSE(ledger.Reserve({"cpu"}, "b", 0, Bytes{UINT64_MAX}));
}

TEST(Ledger, UnknownDeviceIsNotFound) {
  EXPECT_EQ(TwoDevices().Reserve({"gpu0"}, "a", 0, GiB(1)).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(TwoDevices().Capacity("gpu0"), Bytes{0});
}

TEST(Ledger, ReplicaHoldsADeviceOnce) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserve({"cpu"}, "a", 0, GiB(1)).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(ledger.Reserve({"other"}, "a", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(1));
}

TEST(Ledger, ReleaseFreesOneReplicaOnAllItsDevicesOnly) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve({"other"}, "a", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 1, GiB(2)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "b", 0, GiB(4)));
  ledger.Release("a", 0);
  ledger.Release("a", 0);
  ledger.Release("nobody", 3);
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(6));
  EXPECT_EQ(ledger.Reserved("other"), Bytes{0});
  EXPECT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(6)));
}

TEST(Ledger, NoScheduleOverfillsADevice) {
  std::mt19937 random(7);
  Ledger ledger = TwoDevices();
  int refused = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::string device = random() % 2 == 0 ? "cpu" : "other";
    const std::string model = testing::Numbered("m", static_cast<int>(random() % 4));
    const int replica = static_cast<int>(random() % 3);
    if (random() % 3 == 0) {
      ledger.Release(model, replica);
    } else if (!ledger.Reserve({device}, model, replica, MiB(random() % 4096))) {
      ++refused;
    }
    ASSERT_LE(ledger.Reserved("cpu"), GiB(12));
    ASSERT_LE(ledger.Reserved("other"), GiB(4));
  }
  EXPECT_GT(refused, 1000);
}

TEST(Ledger, SeveralDevicesAreReservedTogetherOrNotAtAll) {
  const config::Plan plan = PlanBuilder().Device("gpu0", GiB(10)).Device("gpu1", GiB(10)).Model("a", GiB(6)).Model("b", GiB(6));
  Ledger ledger(plan);
  ASSERT_TRUE(ledger.Reserve({"gpu1"}, "b", 0, GiB(6)));
  const Status refused = ledger.Reserve({"gpu0", "gpu1"}, "a", 0, GiB(6));
  EXPECT_THAT(refused.error().message, HasSubstr("needs 6 GiB on gpu1, 4 GiB of 10 GiB free"));
  EXPECT_EQ(ledger.Reserved("gpu0"), Bytes{});
  ledger.Release("b", 0);
  ASSERT_TRUE(ledger.Reserve({"gpu0", "gpu1"}, "a", 0, GiB(6)));
  EXPECT_EQ(ledger.Reserved("gpu0"), GiB(6));
  EXPECT_EQ(ledger.Reserved("gpu1"), GiB(6));
  ledger.Release("a", 0);
  EXPECT_EQ(ledger.Reserved("gpu1"), Bytes{});
}

config::Plan PlanWithWeights() {
  return PlanBuilder().Device("cpu", GiB(10)).Model("a", GiB(1), 2).Maps("file", GiB(4)).Model("b", GiB(1)).Maps("file", GiB(4))
      .Model("c", GiB(1)).Maps("other", GiB(4));
}

TEST(Ledger, MappedWeightsAreReservedFromTheFirstReplicaToTheLast) {
  const config::Plan plan = PlanWithWeights();
  Ledger ledger(plan);
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "b", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(5));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 1, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(7));
  ASSERT_EQ(ledger.shared().size(), 1U);
  EXPECT_THAT(ledger.shared()[0].models, ElementsAre("b", "a"));
  EXPECT_EQ(ledger.shared()[0].bytes, GiB(4));
  ledger.Release("b", 0);
  ledger.Release("a", 0);
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(5)) << "a/1 maps them still";
  ledger.Release("a", 1);
  EXPECT_EQ(ledger.Reserved("cpu"), Bytes{});
  EXPECT_TRUE(ledger.shared().empty());
}

TEST(Ledger, WeightsCountAgainstTheCapacityAndAreNamed) {
  const config::Plan plan = PlanWithWeights();
  Ledger ledger(plan);
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "a", 0, GiB(2)));
  EXPECT_EQ(ledger.Reserve({"cpu"}, "c", 0, GiB(1)).error().message,
            "model \"c\": replica 0 needs 1 GiB and 4 GiB of weights on cpu, 4 GiB of 10 GiB free "
            "(a 2 GiB, weights of a 4 GiB); stop one of these, or lower its memory");
  EXPECT_TRUE(ledger.Reserve({"cpu"}, "a", 1, GiB(1))) << "which maps what is there";
}

}  // namespace
}  // namespace berth::placement
