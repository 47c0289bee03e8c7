#include "supervisor/base/task_group.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <string>

#include "supervisor/base/deadline.h"

namespace berth {
namespace {

namespace asio = boost::asio;

// Never ends by itself.
asio::awaitable<void> WaitForCancel(std::string& trace) {
  asio::steady_timer timer(co_await asio::this_coro::executor, TimePoint::max());
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  trace += error == asio::error::operation_aborted ? "cancelled;" : "expired;";
}

// Does not handle the cancellation: it leaves as an exception.
asio::awaitable<void> WaitAndThrow() {
  asio::steady_timer timer(co_await asio::this_coro::executor, TimePoint::max());
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> Append(std::string& trace, std::string word) {
  co_await asio::post(asio::use_awaitable);
  trace += word;
}

asio::awaitable<void> JoinAndSay(TaskGroup& group, std::string& trace) {
  co_await group.Join();
  trace += "joined;";
}

asio::awaitable<void> Throw() {
  co_await asio::post(asio::use_awaitable);
  throw std::runtime_error("broken invariant");
}

TEST(TaskGroup, JoinReturnsAfterTheLastTask) {
  asio::io_context io;
  std::string trace;
  TaskGroup group(io.get_executor());
  group.Spawn("a", Append(trace, "a;"));
  group.Spawn("b", Append(trace, "b;"));
  EXPECT_EQ(group.size(), 2U);
  asio::co_spawn(io, JoinAndSay(group, trace), asio::detached);
  io.run();
  EXPECT_EQ(trace, "a;b;joined;");
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroup, JoinOfAnEmptyGroupReturnsAtOnce) {
  asio::io_context io;
  std::string trace;
  TaskGroup group(io.get_executor());
  asio::co_spawn(io, JoinAndSay(group, trace), asio::detached);
  io.run();
  EXPECT_EQ(trace, "joined;");
}

TEST(TaskGroup, JoinWaitsForATaskThatIsStillRunning) {
  asio::io_context io;
  std::string trace;
  TaskGroup group(io.get_executor());
  group.Spawn("waits", WaitForCancel(trace));
  asio::co_spawn(io, JoinAndSay(group, trace), asio::detached);
  io.poll();
  EXPECT_EQ(trace, "");
  group.Cancel();
  io.run();
  EXPECT_EQ(trace, "cancelled;joined;");
}

TEST(TaskGroup, CancelReachesEveryTask) {
  asio::io_context io;
  std::string trace;
  TaskGroup group(io.get_executor());
  for (int i = 0; i < 3; ++i) group.Spawn("waits", WaitForCancel(trace));
  io.poll();
  group.Cancel();
  io.run();
  EXPECT_EQ(trace, "cancelled;cancelled;cancelled;");
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroup, CancellationThatLeavesATaskIsNoError) {
  asio::io_context io;
  TaskGroup group(io.get_executor());
  group.Spawn("throws", WaitAndThrow());
  io.poll();
  group.Cancel();
  io.run();
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroup, CanBeUsedAgainAfterItWasJoined) {
  asio::io_context io;
  std::string trace;
  TaskGroup group(io.get_executor());
  for (int round = 0; round < 2; ++round) {
    group.Spawn("a", Append(trace, "a;"));
    asio::co_spawn(io, JoinAndSay(group, trace), asio::detached);
    io.run();
    io.restart();
  }
  EXPECT_EQ(trace, "a;joined;a;joined;");
}

TEST(TaskGroupDeathTest, ExceptionEndsTheProgramWithTheTasksName) {
  const auto run = [] {
    asio::io_context io;
    TaskGroup group(io.get_executor());
    group.Spawn("fleet", Throw());
    io.run();
  };
  EXPECT_DEATH(run(), "internal error: task fleet: broken invariant");
}

asio::awaitable<int> Answer() {
  co_await asio::post(asio::use_awaitable);
  co_return 42;
}

asio::awaitable<int> Never(std::string& trace) {
  co_await WaitForCancel(trace);
  co_return 0;
}

asio::awaitable<void> Race(asio::awaitable<int> operation, TimePoint deadline, std::optional<int>& result) {
  result = co_await WithDeadline(std::move(operation), deadline);
}

TEST(WithDeadline, OperationInTimeGivesItsValue) {
  asio::io_context io;
  std::optional<int> result;
  asio::co_spawn(io, Race(Answer(), TimePoint::max(), result), asio::detached);
  io.run();
  EXPECT_EQ(result, 42);
}

TEST(WithDeadline, PassedDeadlineCancelsTheOperationAndWaitsForItsEnd) {
  asio::io_context io;
  std::string trace;
  std::optional<int> result = 1;
  asio::co_spawn(io, Race(Never(trace), TimePoint::min(), result), asio::detached);
  io.run();
  EXPECT_EQ(result, std::nullopt);
  EXPECT_EQ(trace, "cancelled;");
}

}  // namespace
}  // namespace berth
