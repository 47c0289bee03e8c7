// Who gives way so that another replica can have its place: models that come and go with their requests do, others
// never. Pure: the caller says who is where, and what time it is; who is chosen is told to stop by the schedule.
//
//  - Nobody gives way to what would not fit even then, to what is less important, to another replica of its own model,
//    or to what can only run beside it (`after`); and nobody whose place is not needed.
//  - Who has nothing to do goes first: the least important, then the one that has rested longest. Who is busy goes only
//    after a while of service, so that two models that are both wanted take turns instead of throwing each other out
//    before their first answer (thrash), and so that steady work on one does not starve the other. Going means
//    draining: nothing new is admitted, what was begun is finished.
//  - Who loads, or is otherwise on its way, is left alone; the newcomer waits for it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"

namespace berth::launch {

// Service that a busy replica is left, from when it was ready, while others wait for its place.
inline constexpr Duration kLeastService = std::chrono::seconds(5);

// A replica that has a place and comes and goes with its requests.
struct Occupant {
  std::string model;
  int replica = 0;
  int priority = 0;
  bool ready = false;
  bool waiting = false;  // has its place from before, and no process
  bool going = false;    // it was told to end and gives its place back then
  int in_flight = 0;     // requests that are with it
  TimePoint ready_since{};
  TimePoint last_busy{};
};

struct Way {
  std::vector<std::size_t> victims;  // of the occupants: these must be told to go
  // Not empty: "bge/0, which gives way" and the like; there will be room, only not yet. With neither there is
  // no way.
  std::string waits_for;
};

// For a replica whose place the ledger refuses.
Way FindWay(const placement::Assignment& newcomer, int priority, const std::vector<Occupant>& occupants,
            placement::Ledger ledger, TimePoint now);

}  // namespace berth::launch
