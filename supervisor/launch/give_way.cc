#include "supervisor/launch/give_way.h"

#include <algorithm>
#include <tuple>

namespace berth::launch {
namespace {

std::string NameOf(const Occupant& occupant) {
  return occupant.model + "/" + std::to_string(occupant.replica);
}

// The ledger as it would be without some of the occupants.
class Trial {
 public:
  Trial(const placement::Assignment& newcomer, placement::Ledger ledger)
      : newcomer_(newcomer), ledger_(std::move(ledger)) {}

  bool Fits() const {
    return ledger_.Check(newcomer_.devices, newcomer_.model, newcomer_.replica, newcomer_.memory).has_value();
  }
  // True: the newcomer fits without it, and did not before.
  bool FitsWithout(const Occupant& occupant) {
    ledger_.Release(occupant.model, occupant.replica);
    return Fits();
  }

 private:
  const placement::Assignment& newcomer_;
  placement::Ledger ledger_;
};

bool MayGo(const Occupant& occupant, TimePoint now) {
  return occupant.waiting ||
         (occupant.ready && (occupant.in_flight == 0 || now - occupant.ready_since >= kLeastService));
}

// Those that are not needed after all stay: a small one that was taken before a large one alone made room.
void Spare(std::vector<std::size_t>& victims, const std::vector<Occupant>& occupants,
           const std::vector<std::size_t>& going, const placement::Assignment& newcomer,
           const placement::Ledger& ledger) {
  for (std::size_t i = 0; i < victims.size();) {
    Trial without(newcomer, ledger);
    for (const std::size_t other : going) without.FitsWithout(occupants[other]);
    for (std::size_t j = 0; j < victims.size(); ++j) {
      if (j != i) without.FitsWithout(occupants[victims[j]]);
    }
    if (without.Fits())
      victims.erase(victims.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  }
}

}  // namespace

Way FindWay(const placement::Assignment& newcomer, int priority, const std::vector<Occupant>& occupants,
            placement::Ledger ledger, TimePoint now) {
  std::vector<std::size_t> going, able, later;
  for (std::size_t i = 0; i < occupants.size(); ++i) {
    const bool same_model = occupants[i].model == newcomer.model;
    if (occupants[i].going)
      going.push_back(i);
    else if (!same_model && occupants[i].priority <= priority)
      (MayGo(occupants[i], now) ? able : later).push_back(i);
  }
  Trial trial(newcomer, ledger);
  for (const std::size_t i : going) {
    if (trial.FitsWithout(occupants[i])) return {{}, NameOf(occupants[i]) + ", which gives its place back"};
  }
  std::ranges::sort(able, {}, [&](std::size_t i) {
    const Occupant& each = occupants[i];
    return std::tuple(each.in_flight > 0, each.priority, each.last_busy, i);
  });
  Way way;
  for (const std::size_t i : able) {
    way.victims.push_back(i);
    if (!trial.FitsWithout(occupants[i])) continue;
    Spare(way.victims, occupants, going, newcomer, ledger);
    way.waits_for = NameOf(occupants[way.victims.back()]) + ", which gives way to it";
    return way;
  }
  for (const std::size_t i : later) {
    if (!trial.FitsWithout(occupants[i])) continue;
    return {{}, NameOf(occupants[i]) + ", which is on its way or busy, and will give way"};
  }
  return {};
}

}  // namespace berth::launch
