// What a fake worker's threads share: counters that beats report, the control descriptor, the claim table.
// Owned by main(), outlives every thread. Atomics only, or set before the threads start.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/fake_behaviour.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/control.h"

namespace berth::fake {

struct State {
  Behaviour behaviour;
  protocol::StartMessage start;
  std::unique_ptr<protocol::ClaimView> claims;  // none: the worker runs without a claim table
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> begun{0};
};

// Ends the process as the behaviour says a crash does.
[[noreturn]] void Crash(const Behaviour& behaviour);

}  // namespace berth::fake
