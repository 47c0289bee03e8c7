#include "supervisor/base/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace asio = boost::asio;

namespace berth {
namespace {

[[noreturn]] void DieOfTask(const std::string& name, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "internal error: task %s: %s\n", name.c_str(), e.what());
  } catch (...) {
    std::fprintf(stderr, "internal error: task %s: unknown exception\n", name.c_str());
  }
  std::abort();
}

bool IsCancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor) : executor_(executor), empty_(executor) {
  empty_.expires_at(asio::steady_timer::time_point::max());
}

TaskGroup::~TaskGroup() = default;

void TaskGroup::Spawn(std::string name, asio::awaitable<void> task) {
  auto it = tasks_.emplace(tasks_.end());
  it->name = std::move(name);
  auto done = [this, it](std::exception_ptr error) {
    if (error && !IsCancellation(error)) DieOfTask(it->name, error);
    tasks_.erase(it);
    if (tasks_.empty()) empty_.cancel();
  };
  asio::co_spawn(executor_, std::move(task), asio::bind_cancellation_slot(it->cancel.slot(), std::move(done)));
}

void TaskGroup::Cancel() {
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    auto next = std::next(it);  // a task may end, and leave the list, inside emit()
    it->cancel.emit(asio::cancellation_type::terminal);
    it = next;
  }
}

asio::awaitable<void> TaskGroup::Join() {
  while (!tasks_.empty()) {
    boost::system::error_code ignored;
    co_await empty_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

}  // namespace berth
