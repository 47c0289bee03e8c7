// Events and logs as NDJSON: one object per line, in order, ending with the ring or, with follow=1, with the
// client or the daemon.
#include <boost/asio/this_coro.hpp>
#include <charconv>

#include "supervisor/admin/handlers.h"
#include "supervisor/admin/render.h"

namespace asio = boost::asio;

namespace berth::admin {
namespace {

constexpr std::size_t kLinesPerChunk = 256;
constexpr std::uint64_t kDefaultTail = 100;
constexpr std::uint64_t kMostTail = 10'000;
// A stream without news looks this often whether its client and the daemon still want it.
constexpr Duration kLongestSleep = std::chrono::seconds(15);

Result<std::uint64_t> NumberOf(const Call& call, std::string_view name, std::uint64_t preset, std::uint64_t most) {
  const std::string text = call.Parameter(name);
  if (text.empty()) return preset;
  std::uint64_t number = 0;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || rest != text.data() + text.size() || number > most) {
    return Invalid(name, "=", text, " is not a whole number from 0 to ", most);
  }
  return number;
}

http::Response BadParameter(const Error& error) { return http::ErrorResponse(400, "bad_parameter", error.message); }

// Registers a stream's wake-up where the daemon's end finds it.
class Registered {
 public:
  Registered(Context& context, Wakeup& wakeup) : context_(context), wakeup_(wakeup) {
    context_.streams.insert(&wakeup_);
  }
  ~Registered() { context_.streams.erase(&wakeup_); }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

 private:
  Context& context_;
  Wakeup& wakeup_;
};

// Ends a subscription when the stream ends, however it ends.
class Unsubscriber {
 public:
  explicit Unsubscriber(std::function<void()> end) : end_(std::move(end)) {}
  ~Unsubscriber() { end_(); }
  Unsubscriber(const Unsubscriber&) = delete;
  Unsubscriber& operator=(const Unsubscriber&) = delete;

 private:
  std::function<void()> end_;
};

// Writes what `next` gives until it gives "", then sleeps until `wakeup` and goes on, or ends.
asio::awaitable<void> Stream(Call& call, std::shared_ptr<Wakeup> wakeup, std::function<std::string()> next,
                             bool follow) {
  const Registered registered(call.context, *wakeup);
  std::function<void()> on_gone = [wakeup] { wakeup->Wake(); };
  call.exchange.OnGone(std::move(on_gone));
  std::vector<http::Field> fields = {{"Content-Type", "application/x-ndjson"}};
  bool there = co_await call.exchange.BeginStream(200, std::move(fields));
  while (there && !call.exchange.gone()) {
    std::string chunk = next();
    if (!chunk.empty()) {
      there = co_await call.exchange.WriteChunk(std::move(chunk));
    } else if (follow && !call.context.stopping) {
      co_await wakeup->Wait(kLongestSleep);
    } else {
      break;
    }
  }
  if (there) co_await call.exchange.EndStream();
}

template <class Items>
std::string Lines(const Items& items) {
  std::string lines;
  for (const auto& item : items) lines.append(Dump(Render(item))).append("\n");
  return lines;
}

std::function<std::string()> EventsAfter(const observe::Events& events, std::uint64_t seen) {
  return [&events, seen]() mutable {
    const auto batch = events.Since(seen, kLinesPerChunk);
    if (!batch.empty()) seen = batch.back().seq;
    return Lines(batch);
  };
}

// First the tail, then what follows it.
std::function<std::string()> LogLines(const Control& control, std::string model, std::size_t tail) {
  // The newest line there is, also when tail=0 asks for none of the old ones.
  const auto newest = control.LogTail(model, 1);
  std::uint64_t seen = newest.empty() ? 0 : newest.back().seq;
  return [&control, model = std::move(model), tail, seen, first = true]() mutable {
    const auto batch = first ? control.LogTail(model, tail) : control.LogSince(model, seen);
    first = false;
    if (!batch.empty()) seen = batch.back().seq;
    return Lines(batch);
  };
}

// The lines of the runs that ended last, replica by replica.
std::function<std::string()> PreviousLines(const Control& control, const std::string& model, int replicas) {
  std::vector<launch::LogLine> lines;
  for (int replica = 0; replica < replicas; ++replica) {
    for (std::string& text : control.LogOfPreviousRun(model, replica)) {
      lines.push_back({lines.size() + 1, replica, "", std::move(text)});
    }
  }
  return [text = Lines(lines)]() mutable { return std::exchange(text, {}); };
}

}  // namespace

Answer HandleEvents(Call& call) {
  observe::Events& events = call.context.events;
  const auto tail = NumberOf(call, "tail", kDefaultTail, kMostTail);
  if (!tail) co_return BadParameter(tail.error());
  const std::uint64_t last = events.last_seq();
  const auto since = NumberOf(call, "since", last - std::min(last, *tail), UINT64_MAX);
  if (!since) co_return BadParameter(since.error());
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto wakeup = std::make_shared<Wakeup>(executor);
  const auto id = events.Subscribe([wakeup] { wakeup->Wake(); });
  const Unsubscriber unsubscriber([&events, id] { events.Unsubscribe(id); });
  auto next = EventsAfter(events, *since);
  co_await Stream(call, std::move(wakeup), std::move(next), call.Flag("follow"));
  co_return std::nullopt;
}

Answer HandleLogs(Call& call) {
  Control& control = call.context.control;
  const auto tail = NumberOf(call, "tail", kDefaultTail, kMostTail);
  if (!tail) co_return BadParameter(tail.error());
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto wakeup = std::make_shared<Wakeup>(executor);
  const auto id = control.SubscribeLogs(call.model, [wakeup] { wakeup->Wake(); });
  const Unsubscriber unsubscriber([&control, id] { control.UnsubscribeLogs(id); });
  const bool previous = call.Flag("previous");
  auto next = previous ? PreviousLines(control, call.model, FindModel(call.context.plan, call.model)->replicas)
                       : LogLines(control, call.model, *tail);
  co_await Stream(call, std::move(wakeup), std::move(next), !previous && call.Flag("follow"));
  co_return std::nullopt;
}

}  // namespace berth::admin
