// How large the KV cache of a replica is, and with it the longest sequence that it serves: what its memory has left
// when weights and the largest step have theirs. Pure; asked after a step of the largest size was measured, and, with
// estimates in place of measurements, before a worker is started.
#pragma once

#include <cstdint>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"

namespace berth::engine {

struct CacheNeeds {
  Bytes memory;                     // of the replica, private; 0: not limited, and one longest sequence is enough
  Bytes held;                       // private already: weights that are not mapped, packed copies, libraries
  Bytes activations;                // the most that a step takes beyond that
  Bytes block;                      // of kBlockTokens positions
  std::int64_t context = 0;         // asked for, in tokens; 0: the largest that fits
  std::int64_t model_context = 0;   // the model's own
  int max_sequences = 1;            // more blocks than these can use are not taken
};

struct CachePlan {
  std::int64_t blocks = 0;
  std::int64_t context = 0;  // tokens of one sequence, prompt and output
};

// Errors: kInvalid (the context asked for is longer than the model's), kExhausted (it, or one block where none was
// asked for, does not fit; with the bytes needed, what they are for, and the context that would fit).
Result<CachePlan> PlanCache(const CacheNeeds& needs);

}  // namespace berth::engine
