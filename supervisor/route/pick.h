// Which replica gets the next request. Pure: no clock, no locks; the caller brings the view and keeps the
// cursor between calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "config/plan.h"

namespace berth::route {

struct Candidate {
  int replica = 0;       // slot index, unique; candidates come sorted by it
  int in_flight = 0;
  int window = 1;
  bool eligible = true;  // false: closing, or it has just failed this request
};

struct PickState {
  int last_replica = -1;      // round robin goes on after it, whoever came or left since (C5)
  std::uint64_t random = 1;   // xorshift64*, never 0
};

// Index of an eligible candidate with room in its window, or nothing.
//   least_loaded: the smallest share of its window in use; ties take turns, so that equal replicas share idle
//   traffic. round_robin: the next slot index after the last one. random: uniform.
std::optional<std::size_t> Pick(std::span<const Candidate> candidates, config::Balance balance, PickState& state);

}  // namespace berth::route
