#include "supervisor/placement/ledger.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/placement/plan_builder.h"

namespace berth::placement {
namespace {

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
  ASSERT_TRUE(ledger.Reserve("cpu", "bge", 0, GiB(2)));
  ASSERT_TRUE(ledger.Reserve("cpu", "bge", 1, GiB(2)));
  ASSERT_TRUE(ledger.Reserve("other", "ears", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(4));
  EXPECT_EQ(ledger.Reserved("other"), GiB(1));
  EXPECT_EQ(ledger.Capacity("cpu"), GiB(12));
  EXPECT_EQ(ledger.reservations().size(), 3U);
}

TEST(Ledger, FillsADeviceToTheLastByteAndNotFurther) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve("other", "a", 0, GiB(4)));
  const Status more = ledger.Reserve("other", "b", 0, Bytes{1});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::kExhausted);
  EXPECT_EQ(ledger.Reserved("other"), GiB(4));
}

TEST(Ledger, RefusalSaysWhoHoldsWhat) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve("cpu", "chat", 0, GiB(8)));
  ASSERT_TRUE(ledger.Reserve("cpu", "bge", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve("cpu", "bge", 1, GiB(1)));
  EXPECT_EQ(ledger.Reserve("cpu", "ears", 1, GiB(3)).error().message,
            "model \"ears\": replica 1 needs 3 GiB on cpu, 2 GiB of 12 GiB free (chat 8 GiB, bge 2 x 1 GiB); stop "
            "one of these, or lower its memory");
}

TEST(Ledger, RefusalOnAnEmptyDeviceDoesNotAskToStopAnything) {
  EXPECT_EQ(TwoDevices().Reserve("other", "big", 0, GiB(5)).error().message,
            "model \"big\": replica 0 needs 5 GiB on other, 4 GiB of 4 GiB free; lower its memory");
}

TEST(Ledger, HugeRequestDoesNotWrapAround) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve("cpu", "a", 0, GiB(1)));
  EXPECT_FALSE(ledger.Reserve("cpu", "b", 0, Bytes{UINT64_MAX}));
}

TEST(Ledger, UnknownDeviceIsNotFound) {
  EXPECT_EQ(TwoDevices().Reserve("gpu0", "a", 0, GiB(1)).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(TwoDevices().Capacity("gpu0"), Bytes{0});
}

TEST(Ledger, ReplicaHoldsADeviceOnce) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve("cpu", "a", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserve("cpu", "a", 0, GiB(1)).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(ledger.Reserve("other", "a", 0, GiB(1)));
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(1));
}

TEST(Ledger, ReleaseFreesOneReplicaOnAllItsDevicesOnly) {
  Ledger ledger = TwoDevices();
  ASSERT_TRUE(ledger.Reserve("cpu", "a", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve("other", "a", 0, GiB(1)));
  ASSERT_TRUE(ledger.Reserve("cpu", "a", 1, GiB(2)));
  ASSERT_TRUE(ledger.Reserve("cpu", "b", 0, GiB(4)));
  ledger.Release("a", 0);
  ledger.Release("a", 0);
  ledger.Release("nobody", 3);
  EXPECT_EQ(ledger.Reserved("cpu"), GiB(6));
  EXPECT_EQ(ledger.Reserved("other"), Bytes{0});
  EXPECT_TRUE(ledger.Reserve("cpu", "a", 0, GiB(6)));
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
    } else if (!ledger.Reserve(device, model, replica, MiB(random() % 4096))) {
      ++refused;
    }
    ASSERT_LE(ledger.Reserved("cpu"), GiB(12));
    ASSERT_LE(ledger.Reserved("other"), GiB(4));
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace berth::placement
