// Control packets, in both directions. The first byte chooses: packets of a hostile worker, one a line, read as the
// supervisor reads them, with what it counts of them; a packet of the supervisor; a worker's last words.
#include <algorithm>
#include <cmath>

#include "supervisor/launch/replica_metrics.h"
#include "tests/fuzz/fuzz.h"
#include "worker/protocol/control.h"

namespace berth::fuzz {
namespace {

using namespace berth::protocol;

constexpr std::size_t kLongestError = kMostMessageBytes;

void CheckBounds(const HelloMessage& m) { Require(m.protocol >= 0 && m.build.size() <= 256, "hello is in bounds"); }
void CheckBounds(const LoadingMessage& m) { Require(m.fraction >= 0 && m.fraction <= 1, "a fraction is 0 to 1"); }
void CheckBounds(const ReadyMessage& m) {
  Require(m.window >= 1 && m.window <= 65'536, "a window is in bounds");
  Require(m.capabilities.dimensions >= 0 && m.capabilities.context >= 0, "capabilities are not negative");
  for (const std::string& route : m.capabilities.routes) Require(route.starts_with('/'), "a route is a path", route);
}
void CheckBounds(const BeatMessage& m) {
  Require(m.counters.size() <= 256 && m.histograms.size() <= 256 && m.gauges.size() <= 256,
          "a beat's series are bounded");
  for (const auto& [name, value] : m.gauges) Require(std::isfinite(value) && value >= 0, "gauges are sane", name);
  for (const auto& [name, value] : m.counters) Require(std::isfinite(value) && value >= 0, "counters rise", name);
  for (const auto& [name, delta] : m.histograms) {
    Require(delta.counts.size() == delta.bounds.size() + 1, "a histogram has a count for each bucket", name);
    Require(std::ranges::is_sorted(delta.bounds) && std::isfinite(delta.sum), "a histogram's numbers are sane", name);
  }
}
void CheckBounds(const FailedMessage& m) { Require(m.reason.size() <= kMaxPacket, "a reason is bounded"); }
void CheckBounds(const DrainedMessage&) {}
void CheckBounds(const StartMessage& m) {
  Require(m.threads >= 1 && m.replica >= 0 && m.batch_max_tokens >= 0, "start is in bounds");
}
void CheckBounds(const DrainMessage& m) { Require(m.deadline_ms >= 0, "a deadline is not negative"); }

// What was read is written and read again to the same. A number's spelling can grow, beyond a packet's size too.
template <class Message, class Decode>
void CheckRoundTrip(const Message& message, Decode decode) {
  const std::string once = Encode(message);
  if (once.size() > kMaxPacket) return;
  const auto again = decode(once);
  Require(again.has_value(), "what was written can be read", once);
  Require(Encode(*again) == once, "reading and writing change nothing", once);
}

void CountBeat(const FromWorker& message, launch::ReplicaMetrics& metrics) {
  if (const auto* beat = std::get_if<BeatMessage>(&message)) metrics.Beat(*beat);
  if (const auto* loading = std::get_if<LoadingMessage>(&message)) {
    metrics.LoadStage(loading->stage, std::chrono::seconds(1));
  }
  if (const auto* hello = std::get_if<HelloMessage>(&message)) metrics.Hello(42, hello->build);
}

void FromAWorker(std::string_view packets) {
  observe::Metrics registry;
  launch::ReplicaMetrics metrics(registry, "bge", 0, std::vector<std::string>{"cpu"});
  const std::size_t before = std::ranges::count(registry.Serialize(), '\n');
  Slices lines(packets);
  int hellos = 0;
  while (!lines.empty()) {
    const auto message = DecodeFromWorker(lines.Until('\n'));
    if (!message) {
      RequireReadable(message.error().message, kLongestError);
      continue;
    }
    std::visit([](const auto& m) { CheckBounds(m); }, *message);
    CheckRoundTrip(*message, DecodeFromWorker);
    if (std::holds_alternative<HelloMessage>(*message) && ++hellos > 1) continue;  // the supervisor takes one
    CountBeat(*message, metrics);
  }
  const std::string text = registry.Serialize();
  const std::size_t grown = std::ranges::count(text, '\n') - before;
  Require(grown < 1000, "a worker cannot add time series of its own", std::to_string(grown));
  Require(text.find(" Nan\n") == std::string::npos, "no series becomes NaN");  // prometheus-cpp's spelling, as a value
}

void FromTheSupervisor(std::string_view packet) {
  const auto message = DecodeToWorker(packet);
  if (!message) return RequireReadable(message.error().message, kLongestError);
  std::visit([](const auto& m) { CheckBounds(m); }, *message);
  CheckRoundTrip(*message, DecodeToWorker);
}

void LastWords(std::string_view reason) {
  const FromWorker failed = FailedMessage{std::string(reason), true};
  const std::string packet = Encode(failed);
  Require(packet.size() <= kMaxPacket, "whatever a worker's last words are, they fit a packet");
  const auto read = DecodeFromWorker(packet);
  Require(read.has_value(), "last words arrive", read ? "" : read.error().message);
  const std::string& arrived = std::get<FailedMessage>(*read).reason;
  Require(arrived.empty() == reason.empty(), "last words are not lost", arrived);
}

void Run(std::string_view input) {
  Slices slices(input);
  switch (slices.Byte() % 3) {
    case 0: return FromAWorker(slices.Rest());
    case 1: return FromTheSupervisor(slices.Rest());
    default: return LastWords(slices.Rest());
  }
}

const Registration kRegistration("control", Run);

}  // namespace
}  // namespace berth::fuzz
