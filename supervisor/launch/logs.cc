#include "supervisor/launch/logs.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <optional>

#include "supervisor/base/deadline.h"
#include "supervisor/base/log.h"
#include "supervisor/launch/log_file.h"
#include "supervisor/launch/log_text.h"

namespace asio = boost::asio;

namespace berth::launch {
namespace {

constexpr std::size_t kTailLines = 1000;         // per model
constexpr std::size_t kPreviousRunLines = 50;    // per replica
constexpr Duration kPipeLinger = std::chrono::seconds(1);
// What is read of one pipe in a second; a faster writer waits for the next second.
constexpr std::size_t kMaxReadPerSecond = 8 * 1024 * 1024;

std::int64_t Second(TimePoint now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
}

using Key = std::pair<std::string, int>;

// A model's name may hold '/', which cannot be in a file's, and no '+'.
std::string FileName(const Key& key) {
  std::string name = key.first + "." + std::to_string(key.second) + ".log";
  std::ranges::replace(name, '/', '+');
  return name;
}

}  // namespace

class Logs::State : public std::enable_shared_from_this<Logs::State> {
 public:
  // One process's output, from Capture() to the end of its pipe.
  struct Run {
    Run(asio::any_io_executor executor, Fd fd) : pipe(executor, fd.Release()), linger(executor) {}
    asio::posix::stream_descriptor pipe;
    asio::steady_timer linger;  // of CloseLater; cancelled when the pipe is read to its end
    std::deque<std::string> last_lines;
    LineCutter cutter;
    LineBudget budget;
    std::uint64_t dropped = 0;  // since the last line that was kept
    std::int64_t read_second = 0;
    std::size_t read_in_second = 0;
  };
  struct ModelLog {
    std::deque<LogLine> lines;
    std::uint64_t next_seq = 1;
  };
  struct Subscriber {
    std::string model;
    std::function<void()> wake;
  };
  struct Output {
    LogFile file;
    bool complained = false;  // about a disk that takes no more, once until it does again
  };

  State(asio::any_io_executor executor, std::filesystem::path dir, config::LogSettings settings,
        observe::Metrics& metrics)
      : executor_(executor), dir_(std::move(dir)), settings_(std::move(settings)), metrics_(&metrics) {}

  void Capture(const Key& key, Fd fd) {
    ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
    auto run = std::make_shared<Run>(executor_, std::move(fd));
    running_[key] = run;
    outputs_.erase(key);  // its file is opened anew: somebody may have deleted it
    asio::co_spawn(executor_, Read(shared_from_this(), key, run), Rethrow);
  }

  void EndRun(const Key& key) {
    const auto it = running_.find(key);
    if (it == running_.end()) return;
    previous_[key] = it->second;
    asio::co_spawn(executor_, CloseLater(it->second), Rethrow);
    running_.erase(it);
  }

  // The object that made the state is gone: nothing more is read.
  void Close() {
    boost::system::error_code ignored;
    for (auto& [key, run] : running_) run->pipe.close(ignored);
    for (auto& [key, run] : previous_) run->pipe.close(ignored);
    subscribers_.clear();
    metrics_ = nullptr;
  }

  std::map<std::string, ModelLog> models_;
  std::map<Key, std::shared_ptr<Run>> previous_;
  std::map<std::uint64_t, Subscriber> subscribers_;
  std::uint64_t next_subscriber_ = 1;

 private:
  static void Rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  }

  static asio::awaitable<void> Read(std::shared_ptr<State> self, Key key, std::shared_ptr<Run> run) {
    std::string buffer(64 * 1024, '\0');
    for (;;) {
      boost::system::error_code error;
      auto space = asio::buffer(buffer);
      const std::size_t n =
          co_await run->pipe.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
      self->Keep(key, *run, run->cutter.Feed(std::string_view(buffer).substr(0, n)));
      co_await Throttle(run, n);
    }
    self->End(key, *run);
    boost::system::error_code ignored;
    run->pipe.close(ignored);
    run->linger.cancel();
  }

  static asio::awaitable<void> Throttle(std::shared_ptr<Run> run, std::size_t n) {
    const std::int64_t second = Second(Clock::now());
    if (second != run->read_second) run->read_in_second = 0;
    run->read_second = second;
    run->read_in_second += n;
    if (run->read_in_second < kMaxReadPerSecond) co_return;
    co_await SleepUntil(TimePoint(std::chrono::seconds(second + 1)));
  }

  // A descendant of the ended process may hold the pipe open for ever.
  static asio::awaitable<void> CloseLater(std::shared_ptr<Run> run) {
    if (!run->pipe.is_open()) co_return;
    boost::system::error_code ignored;
    run->linger.expires_after(kPipeLinger);
    co_await run->linger.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    run->pipe.close(ignored);
  }

  void Keep(const Key& key, Run& run, std::vector<std::string> lines) {
    if (lines.empty() || metrics_ == nullptr) return;
    const std::int64_t second = Second(Clock::now());
    std::uint64_t dropped = 0;
    for (std::string& line : lines) {
      if (!run.budget.Admit(second, line.size())) {
        ++run.dropped;
        ++dropped;
        continue;
      }
      TellDropped(key, run);
      KeepLine(key, run, std::move(line));
    }
    if (dropped > 0) {
      metrics_->Counter("log_dropped_lines_total", {{"model", key.first}}).Increment(static_cast<double>(dropped));
    }
    Wake(key.first);
  }

  void End(const Key& key, Run& run) {
    Keep(key, run, run.cutter.Finish());
    if (run.dropped == 0 || metrics_ == nullptr) return;
    TellDropped(key, run);
    Wake(key.first);
  }

  void TellDropped(const Key& key, Run& run) {
    if (run.dropped == 0) return;
    KeepLine(key, run, std::to_string(std::exchange(run.dropped, 0)) + " lines dropped here: too many");
  }

  void Wake(const std::string& model) {
    for (const auto& [id, subscriber] : subscribers_) {
      if (subscriber.model == model) subscriber.wake();
    }
  }

  void KeepLine(const Key& key, Run& run, std::string text) {
    std::string time = TimestampNow();
    Write(key, time + " " + key.first + "/" + std::to_string(key.second) + " " + text);
    run.last_lines.push_back(text);
    if (run.last_lines.size() > kPreviousRunLines) run.last_lines.pop_front();
    ModelLog& model = models_[key.first];
    model.lines.push_back({model.next_seq++, key.second, std::move(time), std::move(text)});
    if (model.lines.size() > kTailLines) model.lines.pop_front();
  }

  void Write(const Key& key, const std::string& line) {
    auto it = outputs_.find(key);
    if (it == outputs_.end()) {
      it = outputs_.emplace(key, Output{{dir_ / FileName(key), settings_.max_size, settings_.keep}}).first;
    }
    const Status status = it->second.file.Append(line);
    if (!status && !it->second.complained) LogError(status.error().message + "; lines are lost until that is mended");
    it->second.complained = !status;
  }

  asio::any_io_executor executor_;
  std::filesystem::path dir_;
  config::LogSettings settings_;
  observe::Metrics* metrics_;
  std::map<Key, std::shared_ptr<Run>> running_;
  std::map<Key, Output> outputs_;
};

Logs::Logs(asio::any_io_executor executor, std::filesystem::path dir, config::LogSettings settings,
           observe::Metrics& metrics)
    : state_(std::make_shared<State>(executor, std::move(dir), std::move(settings), metrics)) {}

Logs::~Logs() { state_->Close(); }

void Logs::Capture(std::string model, int replica, Fd pipe) {
  state_->Capture({std::move(model), replica}, std::move(pipe));
}

void Logs::EndRun(const std::string& model, int replica) { state_->EndRun({model, replica}); }

std::vector<LogLine> Logs::Tail(const std::string& model, std::size_t lines) const {
  const auto it = state_->models_.find(model);
  if (it == state_->models_.end()) return {};
  const std::deque<LogLine>& kept = it->second.lines;
  return {kept.end() - static_cast<std::ptrdiff_t>(std::min(lines, kept.size())), kept.end()};
}

std::vector<LogLine> Logs::Since(const std::string& model, std::uint64_t seq) const {
  const auto it = state_->models_.find(model);
  if (it == state_->models_.end()) return {};
  const std::deque<LogLine>& kept = it->second.lines;
  return {std::ranges::upper_bound(kept, seq, {}, &LogLine::seq), kept.end()};
}

std::vector<std::string> Logs::PreviousRun(const std::string& model, int replica) const {
  const auto it = state_->previous_.find({model, replica});
  if (it == state_->previous_.end()) return {};
  return {it->second->last_lines.begin(), it->second->last_lines.end()};
}

std::uint64_t Logs::Subscribe(const std::string& model, std::function<void()> wake) {
  const std::uint64_t id = state_->next_subscriber_++;
  state_->subscribers_[id] = {model, std::move(wake)};
  return id;
}

void Logs::Unsubscribe(std::uint64_t id) { state_->subscribers_.erase(id); }

}  // namespace berth::launch
