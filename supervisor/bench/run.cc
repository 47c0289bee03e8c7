#include "supervisor/bench/run.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>

#include "supervisor/base/deadline.h"
#include "supervisor/base/task_group.h"

namespace asio = boost::asio;

namespace berth::bench {
namespace {

constexpr Duration kProgressInterval = std::chrono::seconds(1);

// One run: workers take arrivals in order.
class Runner {
 public:
  Runner(const RunOptions& options, const std::vector<Arrival>& arrivals, const std::function<void(std::string_view)>& progress)
      : options_(options), arrivals_(arrivals), progress_(progress), io_(1), client_(options.target, options.api_key),
        workers_(io_.get_executor()), reports_(io_.get_executor()), stop_(io_, SIGINT, SIGTERM) {}

  std::vector<Sample> Run() {
    start_ = Clock::now();
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(options_.concurrency), arrivals_.size());
    for (std::size_t i = 0; i < count; ++i) workers_.Spawn("bench worker", Work());
    reports_.Spawn("bench progress", Report());
    stop_.async_wait([this](boost::system::error_code cancelled, int) {
      if (cancelled) return;
      next_ = arrivals_.size();
      workers_.Cancel();
    });
    asio::co_spawn(io_, End(), [](const std::exception_ptr& broken) {
      if (broken) std::rethrow_exception(broken);
    });
    io_.run();
    return std::move(samples_);
  }

 private:
  asio::awaitable<void> Work() {
    while (next_ < arrivals_.size()) {
      const std::size_t number = next_++;
      const Arrival& arrival = arrivals_[number];
      const TimePoint due = arrival.at ? start_ + *arrival.at : Clock::now();
      if (due > Clock::now()) co_await SleepUntil(due);
      const auto cancelled = co_await asio::this_coro::cancellation_state;
      if (cancelled.cancelled() != asio::cancellation_type::none) co_return;
      ++running_;
      std::string body = BodyOf(options_, arrival, number);
      auto sending = client_.Send(std::string(PathOf(options_.api)), std::move(body), due, options_.timeout);
      Sample sample = co_await std::move(sending);
      --running_;
      sample.began = std::chrono::duration_cast<Duration>(due - start_);
      Count(sample);
      samples_.push_back(std::move(sample));
    }
  }

  asio::awaitable<void> Report() {
    while (true) {
      co_await SleepFor(kProgressInterval);
      const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
      std::array<char, 160> line{};
      std::snprintf(line.data(), line.size(), "%4.0f s  %zu of %zu done, %zu failed, %d running, %.1f tokens/s", seconds,
                    samples_.size(), arrivals_.size(), failed_, running_, static_cast<double>(tokens_) / seconds);
      progress_(line.data());
    }
  }

  asio::awaitable<void> End() {
    co_await workers_.Join();
    stop_.cancel();
    reports_.Cancel();
    co_await reports_.Join();
  }

  void Count(const Sample& sample) {
    if (!sample.error.empty()) ++failed_;
    else tokens_ += options_.api == Api::kEmbeddings ? sample.prompt_tokens : sample.output_tokens;
  }

  const RunOptions& options_;
  const std::vector<Arrival>& arrivals_;
  const std::function<void(std::string_view)>& progress_;
  asio::io_context io_;
  Client client_;
  TaskGroup workers_, reports_;
  asio::signal_set stop_;
  TimePoint start_;
  std::size_t next_ = 0, failed_ = 0;
  std::int64_t tokens_ = 0;
  int running_ = 0;
  std::vector<Sample> samples_;
};

}  // namespace

std::string_view PathOf(Api api) {
  switch (api) {
    case Api::kChat: return "/chat/completions";
    case Api::kCompletions: return "/completions";
    case Api::kEmbeddings: return "/embeddings";
  }
  return "";
}

std::string BodyOf(const RunOptions& options, const Arrival& arrival, std::uint64_t number) {
  const std::string prompt = PromptOf(arrival, options.seed * kMostRequests + number);
  nlohmann::json body{{"model", options.model}};
  if (options.api == Api::kEmbeddings) {
    body["input"] = prompt;
    return body.dump();
  }
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  body["max_tokens"] = arrival.output_tokens;
  if (options.ignore_eos) body["ignore_eos"] = true;
  if (options.api == Api::kChat) body["messages"] = {{{"role", "user"}, {"content", prompt}}};
  else body["prompt"] = prompt;
  return body.dump();
}

std::vector<Sample> Run(const RunOptions& options, const std::vector<Arrival>& arrivals,
                        const std::function<void(std::string_view)>& progress) {
  return Runner(options, arrivals, progress).Run();
}

}  // namespace berth::bench
