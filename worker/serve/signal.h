// A word that one thread says once and a coroutine waits for: how an engine's callbacks reach the coroutine of a
// request. Said before or after the wait began, the word is heard; what is said after it is dropped. One waits.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace berth::serve {

template <class Word>
class Signal : public std::enable_shared_from_this<Signal<Word>> {
 public:
  // Any thread. The first word counts.
  void Say(Word word) {
    std::function<void(Word)> resume;
    {
      std::lock_guard lock(mutex_);
      if (said_) return;
      said_ = word;
      resume = std::move(resume_);
    }
    if (resume) resume(word);
  }

  // Once; resumed on the coroutine's own executor.
  boost::asio::awaitable<Word> Wait() {
    auto self = this->shared_from_this();
    auto initiate = [self](auto handler) { self->Hand(std::move(handler)); };
    auto pending = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Word)>(
        initiate, boost::asio::use_awaitable);
    co_return co_await std::move(pending);
  }

 private:
  template <class Handler>
  void Hand(Handler handler) {
    auto executor = boost::asio::get_associated_executor(handler);
    auto shared = std::make_shared<Handler>(std::move(handler));
    auto work = boost::asio::make_work_guard(executor);
    auto resume = [shared, executor, work = std::move(work)](Word word) {
      boost::asio::post(executor, [shared, word] { std::move (*shared)(word); });
    };
    std::unique_lock lock(mutex_);
    if (!said_) {
      resume_ = std::move(resume);
      return;
    }
    lock.unlock();
    resume(*said_);
  }

  std::mutex mutex_;
  std::optional<Word> said_;           // guarded by mutex_
  std::function<void(Word)> resume_;   // guarded by mutex_
};

}  // namespace berth::serve
