// Which inputs run together next. Pure: no thread, no clock, no lock. Batches are packed without padding, so
// a batch costs the tokens it holds, whatever their lengths; what remains to be decided is whose turn it is.
//
//  - The oldest request is always part of the next batch, so none starves.
//  - Behind it, whoever has been served the fewest tokens comes first, and they take turns, one input each: a
//    request with one input waits neither behind another's 2,048 nor behind many such requests.
//  - An input that no longer fits is passed over by shorter ones of other requests, so that it blocks nobody.
//  - A batch that still has room waits for company, at most max_delay after its oldest request arrived.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "supervisor/base/duration.h"

namespace berth::engine {

struct Limits {
  int max_tokens = 0;     // of a batch; one longer input still runs, alone
  int max_sequences = 0;  // of a batch
  Duration max_delay{};
};

// One request: the token counts of its inputs that have not run, in the order in which they will.
struct Waiting {
  std::span<const int> lengths;  // never empty
  TimePoint since;               // its arrival
  std::int64_t served = 0;       // tokens of its inputs that have run
};

struct Batch {
  std::vector<int> take;  // per request, how many of its next inputs; empty: nothing to run now
  int sequences = 0;
  int tokens = 0;
  std::optional<TimePoint> wait_until;  // with nothing to run: when to ask again at the latest
};

// `waiting`: oldest first.
Batch NextBatch(std::span<const Waiting> waiting, const Limits& limits, TimePoint now);

}  // namespace berth::engine
