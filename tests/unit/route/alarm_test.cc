#include "supervisor/route/alarm.h"

#include <gtest/gtest.h>

#include <optional>

namespace berth::route {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class AlarmTest : public ::testing::Test {
 protected:
  void Set(std::chrono::nanoseconds after) {
    alarm_->Set(Clock::now() + after, [this] { ++fired_; });
  }
  // Until nothing is waited for.
  void RunOut() {
    io_.restart();
    io_.run();
  }

  boost::asio::io_context io_;
  std::optional<Alarm> alarm_{std::in_place, io_};
  int fired_ = 0;
};

TEST_F(AlarmTest, FiresOnceAndCanBeSetAgain) {
  Set(milliseconds(1));
  RunOut();
  EXPECT_EQ(fired_, 1);
  Set(milliseconds(1));
  RunOut();
  EXPECT_EQ(fired_, 2);
}

TEST_F(AlarmTest, ClearedDoesNotFire) {
  Set(milliseconds(1));
  alarm_->Clear();
  RunOut();
  EXPECT_EQ(fired_, 0);
}

TEST_F(AlarmTest, SetToLaterFiresLaterThoughItsTimerWasArmedForTheFirst) {
  Set(milliseconds(1));
  const TimePoint later = Clock::now() + milliseconds(20);
  TimePoint when{};
  alarm_->Set(later, [&when] { when = Clock::now(); });
  RunOut();
  EXPECT_GE(when, later);
}

TEST_F(AlarmTest, SetToEarlierDoesNotWaitForTheFirst) {
  Set(hours(1));
  Set(milliseconds(1));
  io_.run_one();  // the first wait, given up
  io_.run_one();
  EXPECT_EQ(fired_, 1);
  alarm_->Stop();
  RunOut();
}

TEST_F(AlarmTest, ClearedAndSetAgainWhileItsTimerRuns) {
  Set(milliseconds(1));
  alarm_->Clear();
  Set(milliseconds(2));
  RunOut();
  EXPECT_EQ(fired_, 1);
}

TEST_F(AlarmTest, MaySetItselfWhenItFires) {
  alarm_->Set(Clock::now(), [this] { Set(milliseconds(1)); });
  RunOut();
  EXPECT_EQ(fired_, 1);
}

TEST_F(AlarmTest, EndsWithItsOwner) {
  Set(milliseconds(1));
  alarm_.reset();
  RunOut();
  EXPECT_EQ(fired_, 0);
}

TEST_F(AlarmTest, StoppedKeepsNothingWaiting) {
  Set(hours(1));
  alarm_->Stop();
  RunOut();  // would take an hour
  EXPECT_EQ(fired_, 0);
}

}  // namespace
}  // namespace berth::route
