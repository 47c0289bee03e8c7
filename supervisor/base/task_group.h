// Coroutines that are joined. Spawn() starts one on the group's executor; Join() returns when all have
// ended; Cancel() asks every one of them to stop. An exception that leaves a task is a broken invariant: it
// ends the program with the task's name, since nobody could answer for the state it left behind.
// Not thread-safe: use it from its executor only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <list>
#include <string>

namespace berth {

class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();  // the group must be empty
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  void Spawn(std::string name, boost::asio::awaitable<void> task);
  void Cancel();
  boost::asio::awaitable<void> Join();
  std::size_t size() const { return tasks_.size(); }

 private:
  struct Task {
    std::string name;
    boost::asio::cancellation_signal cancel;
  };
  boost::asio::any_io_executor executor_;
  std::list<Task> tasks_;
  boost::asio::steady_timer empty_;  // cancelled when the last task ends
};

}  // namespace berth
