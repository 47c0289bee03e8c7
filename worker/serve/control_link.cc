#include "worker/serve/control_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <utility>
#include <variant>

#include "supervisor/base/log.h"
#include "worker/protocol/control_channel.h"

namespace berth::serve {
namespace {

constexpr Duration kSendPatience = std::chrono::seconds(5);

bool WaitFor(int fd, short events, TimePoint deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd poll{fd, events, 0};
  return left > 0 && ::poll(&poll, 1, static_cast<int>(left)) > 0;
}

protocol::BeatMessage MakeBeat(const ControlLink::Pulse& pulse,
                               const engine::Metrics::Increments& increments) {
  if (pulse.each) pulse.each();
  protocol::BeatMessage beat;
  beat.steps = pulse.steps();
  beat.begun = pulse.begun();
  beat.memory = pulse.memory();
  if (pulse.gauges) beat.gauges = pulse.gauges();
  for (std::size_t i = 0; i < engine::kCounters; ++i) {
    if (increments.counters[i] > 0) beat.counters.emplace(Name(engine::Counter(i)), increments.counters[i]);
  }
  for (std::size_t i = 0; i < engine::kHistograms; ++i) {
    const auto& distribution = increments.histograms[i];
    if (distribution.counts.empty()) continue;
    const auto bounds = Bounds(engine::Histogram(i));
    protocol::HistogramDelta delta{{bounds.begin(), bounds.end()}, distribution.counts, distribution.sum};
    beat.histograms.emplace(Name(engine::Histogram(i)), std::move(delta));
  }
  return beat;
}

}  // namespace

ControlLink::~ControlLink() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (fd_) ::shutdown(fd_.get(), SHUT_RD);  // wakes the listener
  if (beats_.joinable()) beats_.join();
  if (listener_.joinable()) listener_.join();
}

Status ControlLink::Send(const protocol::FromWorker& message) {
  const std::string packet = protocol::Encode(message);
  const TimePoint deadline = Clock::now() + kSendPatience;
  while (true) {
    const auto sent = protocol::SendPacket(fd_.get(), packet);
    if (!sent) return sent.error();
    if (*sent) return Ok();
    if (!WaitFor(fd_.get(), POLLOUT, deadline)) {
      return MakeError(ErrorKind::kTimeout, "the supervisor has not read its control socket for 5 seconds");
    }
  }
}

Result<protocol::StartMessage> ControlLink::ReceiveStart(Duration timeout) {
  if (!WaitFor(fd_.get(), POLLIN, Clock::now() + timeout)) {
    return MakeError(ErrorKind::kTimeout, "no start message within ", FormatDuration(timeout));
  }
  const auto packet = protocol::ReceivePacket(fd_.get());
  if (!packet) return packet.error();
  if (!*packet) return MakeError(ErrorKind::kUnavailable, "the supervisor left before its start message");
  auto message = protocol::DecodeToWorker(**packet);
  if (!message) return message.error();
  if (auto* start = std::get_if<protocol::StartMessage>(&*message)) return std::move(*start);
  return Invalid("the first message is not a start message");
}

void ControlLink::Listen(std::function<void(protocol::DrainMessage)> drain, std::function<void()> gone) {
  listener_ = std::thread([this, drain = std::move(drain), gone = std::move(gone)] {
    while (true) {
      const auto packet = protocol::ReceivePacket(fd_.get());
      if (!packet || !*packet) return gone();
      const auto message = protocol::DecodeToWorker(**packet);
      if (!message) {
        LogWarning("ignored a control message: " + message.error().message);
      } else if (const auto* asked = std::get_if<protocol::DrainMessage>(&*message)) {
        drain(*asked);
      }
    }
  });
}

void ControlLink::Beat(Duration interval, Pulse pulse, engine::Metrics& metrics) {
  beats_ = std::thread(
      [this, interval, pulse = std::move(pulse), &metrics] { BeatLoop(interval, pulse, metrics); });
}

void ControlLink::BeatLoop(Duration interval, const Pulse& pulse, engine::Metrics& metrics) {
  std::unique_lock lock(mutex_);
  for (TimePoint next = Clock::now() + interval; !stopping_; next += interval) {
    if (stop_.wait_until(lock, next, [this] { return stopping_; })) return;
    lock.unlock();
    SendBeat(pulse, metrics);
    lock.lock();
  }
}

void ControlLink::SendBeat(const Pulse& pulse, engine::Metrics& metrics) {
  const auto increments = metrics.Take();
  const auto sent =
      protocol::SendPacket(fd_.get(), protocol::Encode(protocol::FromWorker(MakeBeat(pulse, increments))));
  if (!sent || !*sent) metrics.Return(increments);
}

}  // namespace berth::serve
