// The control side of a fake worker: beats from a thread of their own, and a thread that reads what the
// supervisor says. Both run until the process ends.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "tests/support/fake_state.h"

namespace berth::fake {

// Sends whatever it is, as it is; a supervisor that is gone ends the process.
void SendRaw(const std::string& packet);
void Send(const protocol::FromWorker& message);

// As the kernel counts it, or as the behaviour says it lies.
protocol::MemoryReport OwnMemory(const Behaviour& behaviour);

// Waits for the supervisor's `start`; ends the process when something else comes.
protocol::StartMessage AwaitStart();
void StartBeating(State& state);
// `drain`: called on the reading thread with the time that is left. EOF ends the process.
void StartListening(State& state, std::function<void(std::chrono::milliseconds)> drain);

}  // namespace berth::fake
