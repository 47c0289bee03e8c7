#include "tests/support/fake_control.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <thread>
#include <utility>

#include "supervisor/base/exit_code.h"
#include "worker/protocol/control_channel.h"

namespace berth::fake {
namespace {

std::uint64_t KiBytesOf(const std::string& status, const std::string& key) {
  const auto at = status.find("\n" + key + ":");
  if (at == std::string::npos) return 0;
  return std::strtoull(status.c_str() + at + key.size() + 2, nullptr, 10) * 1024;
}

void Beat(State& state) {
  std::uint64_t counted = 0;
  for (int beats = 0; state.behaviour.stop_beats_after < 0 || beats < state.behaviour.stop_beats_after;
       ++beats) {
    protocol::BeatMessage beat;
    beat.steps = state.steps;
    beat.begun = state.begun;
    beat.memory = OwnMemory(state.behaviour);
    for (const auto& [name, each] : state.behaviour.counters) {
      beat.counters[name] = each * static_cast<double>(beat.begun - counted);
    }
    const auto sent =
        protocol::SendPacket(protocol::kControlFd, protocol::Encode(protocol::FromWorker(beat)));
    // A beat that found no room is merged with the next: its requests are counted there.
    if (sent && *sent) counted = beat.begun;
    std::this_thread::sleep_for(std::chrono::milliseconds(state.behaviour.beat_ms));
  }
}

void Listen(State& state, const std::function<void(std::chrono::milliseconds)>& drain) {
  for (;;) {
    const auto packet = protocol::ReceivePacket(protocol::kControlFd);
    if (!packet || !*packet) {
      if (state.behaviour.ignore_eof) return;
      ::_exit(Code(WorkerExit::kDone));
    }
    const auto message = protocol::DecodeToWorker(**packet);
    const auto* wanted = message ? std::get_if<protocol::DrainMessage>(&*message) : nullptr;
    if (wanted && !state.behaviour.ignore_drain) drain(std::chrono::milliseconds(wanted->deadline_ms));
  }
}

}  // namespace

void SendRaw(const std::string& packet) {
  if (::send(protocol::kControlFd, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
    std::perror("fake-worker: control socket");
    ::_exit(Code(WorkerExit::kTryAgain));
  }
}

void Send(const protocol::FromWorker& message) { SendRaw(protocol::Encode(message)); }

protocol::MemoryReport OwnMemory(const Behaviour& behaviour) {
  std::ifstream file("/proc/self/status");
  const std::string status(std::istreambuf_iterator<char>(file), {});
  const std::uint64_t lie = behaviour.reported_memory;
  return {lie > 0 ? lie : KiBytesOf(status, "RssAnon"), KiBytesOf(status, "VmData"), KiBytesOf(status, "VmHWM")};
}

protocol::StartMessage AwaitStart() {
  const auto packet = protocol::ReceivePacket(protocol::kControlFd);
  if (!packet || !*packet) ::_exit(Code(WorkerExit::kDone));
  auto message = protocol::DecodeToWorker(**packet);
  if (message && std::holds_alternative<protocol::StartMessage>(*message)) {
    return std::get<protocol::StartMessage>(*std::move(message));
  }
  std::fprintf(stderr, "fake-worker: the first packet is not a start message: %s\n",
               message ? "another message" : message.error().message.c_str());
  ::_exit(Code(WorkerExit::kBadOptions));
}

void StartBeating(State& state) {
  std::thread([&state] { Beat(state); }).detach();
}

void StartListening(State& state, std::function<void(std::chrono::milliseconds)> drain) {
  std::thread([&state, drain = std::move(drain)] { Listen(state, drain); }).detach();
}

}  // namespace berth::fake
