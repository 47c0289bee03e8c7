// The other half of Simulation: what must hold, whatever happens.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/sim/simulation.h"
#include "tests/sim/spoken_rules.h"

namespace berth::sim {

using launch::State;

// Nobody announces what a reading of a device says.
constexpr Duration kReadingsAreSeenWithin = std::chrono::seconds(5);
// Nor that a replica has nothing to do any more: it looks so often whether it has, and who waits for it looks after it.
constexpr Duration kRestIsSeenWithin = std::chrono::seconds(3);

// Devices: nothing starts on one that is lost, does not answer, or has no room beside what others hold there
// (M3, P9). Order: what is `after` others starts beside a ready replica of each; at boot, waves one after
// another.
void Simulation::CheckStart(const SimReplica& replica) {
  world_.Require(!schedule_.ending(), replica.assignment().model, " starts while everything ends");
  const placement::Assignment& at = replica.assignment();
  const launch::Turn against = AgainstDevices(at, false);
  world_.Require(against.obstacle.empty(), at.model, " starts, but ", against.obstacle);
  const config::Model& model = *config::FindModel(legal_.plan, at.model);
  for (const std::string& dependency : model.after) {
    const bool ready = std::ranges::any_of(replicas_, [&](const auto& other) {
      return other->assignment().model == dependency && other->life().state() == State::kReady;
    });
    world_.Require(ready, model.name, " starts, but ", dependency, " is not ready");
  }
  launch::Life& life = const_cast<SimReplica&>(replica).life();
  if (!life.turn_view().boot_turn) return;
  for (const auto& other : replicas_) {
    const launch::TurnView view = other->life().turn_view();
    world_.Require(view.wave >= life.turn_view().wave || !view.boot_turn || view.hopeless, life.who(),
                   " starts before ", other->life().who(), " of an earlier wave had its turn");
    const bool due = config::FindModel(legal_.plan, view.model)->start == config::Start::kBoot &&
                     !other->was_ready() && !excused_.contains(view.model);
    world_.Require(legal_.plan.rules.on_failure == config::OnFailure::kContinue ||
                       view.wave >= life.turn_view().wave || !due,
                   life.who(), " starts before ", other->life().who(), " of an earlier wave was ready");
  }
}

// Where replicas are: replica i of models that are together has one device.
void Simulation::CheckTogether() {
  std::map<std::pair<std::string, int>, std::set<std::string>> where;
  for (const auto& replica : replicas_) {
    const placement::Assignment& of = replica->assignment();
    std::set<std::string>& devices = where[{of.model, of.replica}] = {of.devices.begin(), of.devices.end()};
    const config::Model& model = *config::FindModel(legal_.plan, of.model);
    world_.Require(devices.size() == of.devices.size() && std::ssize(of.devices) == model.devices_per_replica,
                   of.model, " is on ", of, ", and should be on ", model.devices_per_replica);
  }
  for (const auto& list : legal_.plan.rules.together) {
    for (const auto& [who, devices] : where) {
      if (std::ranges::find(list, who.first) == list.end()) continue;
      for (const std::string& other : list) {
        const auto beside = where.find({other, who.second});
        world_.Require(beside == where.end() || beside->second == devices, other, " is not together with ",
                       who.first);
      }
    }
  }
}

namespace {

// What a replica adds to those on its device by mapping weights: on the CPU the first of each file, elsewhere
// nothing.
Bytes WeightsOn(const std::string& device, const config::Model& model, std::set<std::string>& mapped) {
  const bool first = device == "cpu" && model.mapped.count > 0 && mapped.insert(model.weights).second;
  return first ? model.mapped : Bytes{};
}

}  // namespace

// Memory: reservations within capacity, weights that several map counted once; a process has one until it is
// proven gone; who comes back by himself keeps his place until he is stopped or given up, whoever was held
// back meanwhile; and nothing else has one.
void Simulation::CheckDevices() {
  std::map<std::string, Bytes> reserved;
  std::set<std::string> mapped;
  std::map<std::string, std::vector<const config::Model*>> tenants;
  std::map<std::pair<std::string, int>, std::set<std::string>> held;
  for (const auto& reservation : schedule_.ledger().reservations()) {
    reserved[reservation.device] +=
        reservation.bytes +
        WeightsOn(reservation.device, *config::FindModel(legal_.plan, reservation.model), mapped);
    tenants[reservation.device].push_back(config::FindModel(legal_.plan, reservation.model));
    held[{reservation.model, reservation.replica}].insert(reservation.device);
  }
  for (const config::Device& device : legal_.plan.devices) {
    world_.Require(reserved[device.name] <= device.capacity(), device.name, ": ", reserved[device.name],
                   " reserved of ", device.capacity());
    world_.Require(schedule_.ledger().Reserved(device.name) == reserved[device.name], device.name,
                   ": the ledger adds up ", schedule_.ledger().Reserved(device.name), ", and not ",
                   reserved[device.name]);
    const std::string broken = BrokenRule(legal_.plan, tenants[device.name]);
    world_.Require(broken.empty(), device.name, ": ", broken);
  }
  for (const auto& replica : replicas_) {
    const auto found = held.find({replica->assignment().model, replica->assignment().replica});
    const std::vector<std::string>& devices = replica->assignment().devices;
    const bool holds = found != held.end();
    world_.Require(!holds || found->second == std::set(devices.begin(), devices.end()), replica->life().who(),
                   " has reservations elsewhere, or not on all of its devices");
    world_.Require(holds || !replica->occupies_device(), replica->life().who(), " is on ",
                   replica->assignment(), " without a reservation");
    world_.Require(!holds || replica->has_place(), replica->life().who(),
                   " is at rest, but has a reservation");
    world_.Require(holds || !replica->has_place(), replica->life().who(),
                   " comes back, but has lost its place");
  }
}

void Simulation::CheckLoads() {
  std::map<std::string, int> loading;
  for (const auto& replica : replicas_) {
    const State state = replica->life().state();
    if (state != State::kStarting && state != State::kLoading) continue;
    for (const std::string& device : replica->assignment().devices) {
      world_.Require(++loading[device] == 1, "two replicas load on ", device, ", one is ",
                     replica->life().who());
    }
  }
}

// ---- once nothing more happens at an instant

void Simulation::CheckInstant() {
  for (const auto& replica : replicas_) {
    launch::Life& life = replica->life();
    replica->CheckInstant();
    if (life.state() == State::kWaiting) CheckWaiting(*replica);
    const std::string& model = life.model().name;
    const bool comes_and_goes = config::OnDemand(life.model()) && !stopped_.contains(model);
    world_.Require(ended_ || comes_and_goes || life.wanted() == intents_.at(model), life.who(), " is not what was asked for");
  }
  if (ended_) CheckWaves();
  for (const config::Model& model : legal_.plan.models) CheckProxy(model.name);
  traffic_.CheckInstant();
}

// What stands between a life and its start, by the present state of all.
launch::Turn Simulation::Obstacle(const launch::Life& life) {
  launch::Turn turn = schedule_.TurnOf(life);
  if (!turn.obstacle.empty()) return turn;
  if (HoldsDevices(life.assignment())) return {"its device is loading", false};
  const placement::Assignment& assignment = life.assignment();
  const auto own = [&](const auto& held) {
    return held.model == assignment.model && held.replica == assignment.replica;
  };
  // Who comes back has kept its place.
  if (std::ranges::none_of(schedule_.ledger().reservations(), own)) {
    if (launch::Turn room = NoRoom(life); !room.obstacle.empty()) return room;
  }
  return AgainstDevices(assignment, false);
}

launch::Turn Simulation::NoRoom(const launch::Life& life) {
  if (HasRoomBeside(life, [](const launch::Life&) { return true; })) return {};
  if (launch::Turn alone = AgainstDevices(life.assignment(), true); !alone.obstacle.empty()) return alone;
  return {"its device is full", !HasRoomBeside(life, [&](const launch::Life& other) { return !MayGo(other, life); })};
}

// Whether it could be where it belongs if of all others only those that `stays` says were there.
bool Simulation::HasRoomBeside(const launch::Life& life, const Stays& stays) {
  return std::ranges::all_of(life.assignment().devices, [&](const std::string& device) {
    return ObstacleOn(device, life, stays).obstacle.empty();
  });
}

// Whether it is the model itself, or one that must be ready for it to start.
bool Simulation::IsBeneath(const std::string& name, const std::string& model) const {
  if (name == model) return true;
  const std::vector<std::string>& after = config::FindModel(legal_.plan, model)->after;
  return std::ranges::any_of(after, [&](const std::string& one) { return IsBeneath(name, one); });
}

bool Simulation::IsGoing(const launch::Life& life) const {
  return life.gave_way_to() != nullptr || (!life.wanted() && life.has_process());
}

// Who gives its place back for another one, sooner or later.
bool Simulation::MayGo(const launch::Life& life, const launch::Life& newcomer) const {
  const config::Model& model = life.model();
  return life.state() != State::kStuck && (IsGoing(life) ||
         (config::OnDemand(model) && !model.pinned && !IsBeneath(model.name, newcomer.model().name) &&
          model.priority <= newcomer.model().priority));
}

launch::Life& Simulation::LifeOf(const placement::Ledger::Reservation& held) {
  const std::vector<launch::Life*> lives = schedule_.Of(held.model);
  return **std::ranges::find(lives, held.replica, [](const launch::Life* life) { return life->assignment().replica; });
}

bool Simulation::HoldsDevices(const placement::Assignment& at) {
  return std::ranges::any_of(at.devices,
                             [&](const std::string& device) { return !schedule_.slots().Holder(device).empty(); });
}

launch::Turn Simulation::AgainstDevices(const placement::Assignment& at, bool alone) const {
  for (const std::string& device : at.devices) {
    if (launch::Turn turn = devices_.Against(device, {at.model, at.replica}, at.memory, alone);
        !turn.obstacle.empty())
      return turn;
  }
  return {};
}

launch::Turn Simulation::ObstacleOn(const std::string& device, const launch::Life& life, const Stays& stays) {
  const placement::Ledger& ledger = schedule_.ledger();
  std::set<std::string> mapped;
  std::vector<const config::Model*> tenants = {&life.model()};
  Bytes need = life.assignment().memory + WeightsOn(device, life.model(), mapped);
  for (const auto& held : ledger.reservations()) {
    if (held.device != device || !stays(LifeOf(held))) continue;
    tenants.push_back(config::FindModel(legal_.plan, held.model));
    need += held.bytes + WeightsOn(device, *tenants.back(), mapped);
  }
  if (ledger.Capacity(device) < need) return {"its device is full", true};
  return BrokenRule(legal_.plan, tenants).empty() ? launch::Turn{}
                                                  : launch::Turn{"a rule is against it", true};
}

// It never sleeps when it could start, and knows whether what it waits for is coming.
void Simulation::CheckWaiting(SimReplica& replica) {
  const launch::Life& life = replica.life();
  // Nor does anybody tell that strangers can be told from ours from now on.
  const bool known_now = !life.hopeless() && !AgainstDevices(life.assignment(), true).obstacle.empty();
  if (known_now || devices_.ChangedSince(replica.looked_at())) {
    world_.Require(world_.clock.now() - replica.looked_at() <= kReadingsAreSeenWithin, life.who(),
                   " does not look at its device");
    return;
  }
  if (life.gave_way_to() != nullptr && life.gave_way_to()->state() == State::kWaiting && !life.gave_way_to()->hopeless()) {
    return;  // not before that one
  }
  const launch::Turn turn = Obstacle(life);
  world_.Require(!turn.obstacle.empty(), life.who(), " could start, but sleeps: ", life.reason());
  world_.Require(turn.hopeless == life.hopeless(), life.who(),
                 " takes its waiting for hopeless, or not, but ", turn.obstacle);
  const auto rests = [&](const launch::Life& other) {
    const launch::Occupant at = other.occupant();
    return MayGo(other, life) && at.ready && at.in_flight == 0 && world_.clock.now() - at.last_busy > kRestIsSeenWithin;
  };
  const bool only_room = schedule_.TurnOf(life).obstacle.empty() && AgainstDevices(life.assignment(), true).obstacle.empty() &&
                         !HoldsDevices(life.assignment());
  const bool room_now = life.has_place() || HasRoomBeside(life, [](const launch::Life&) { return true; });
  const bool room_comes = room_now || HasRoomBeside(life, [&](const launch::Life& other) { return !IsGoing(other); });
  const bool room_rests = HasRoomBeside(life, [&](const launch::Life& other) { return !rests(other); });
  world_.Require(!only_room || room_comes || !room_rests, life.who(), " waits, and who rests in its place is not told to go");
  if (!schedule_.TurnOf(life).obstacle.empty()) {
    world_.Require(turn.obstacle == life.reason(), life.who(), " says \"", life.reason(), "\", but ",
                   turn.obstacle);
  }
}

// In the end a wave is told to stop as soon as the later ones have come to rest, and, before the deadline,
// not sooner.
void Simulation::CheckWaves() {
  std::map<int, std::vector<const launch::Life*>, std::greater<>> waves;
  for (const auto& replica : replicas_) waves[replica->assignment().wave].push_back(&replica->life());
  bool told = true;
  for (const auto& [wave, lives] : waves) {
    bool rests = true;
    for (const launch::Life* life : lives) {
      const bool wanted = !told && intents_.at(life->model().name);
      const bool comes_and_goes = !told && config::OnDemand(life->model());  // until it is told
      world_.Require(comes_and_goes || life->wanted() == wanted, life->who(),
                     (told ? " was not told to end" : " was told to end too soon"));
      rests &= !life->on_its_way();
    }
    told &= rests || world_.clock.now() >= schedule_.deadline();
  }
}

// What the proxy believes of a model is what is, and nobody waits beside a free place, or for what will not
// come.
void Simulation::CheckProxy(const std::string& model) {
  const route::Admission::View view = traffic_.admission(model).Describe();
  const launch::ModelCondition condition = schedule_.ConditionOf(model, world_.clock.now());
  world_.Require(view.condition.state == condition.state && view.condition.ready == condition.ready &&
                     view.condition.coming == condition.coming &&
                     view.condition.draining == condition.draining &&
                     view.condition.on_demand == condition.on_demand &&
                     view.condition.reason == condition.reason,
                 "the proxy is not told what became of ", condition.reason);
  if (view.waiting == 0) return;
  world_.Require(view.open > 0 || condition.coming, model, ": requests wait for what will not come");
  for (const auto& replica : replicas_) {
    world_.Require(replica->assignment().model != model || !replica->has_room(), model,
                   ": requests wait, but ", replica->life().who(), " has room");
  }
}

// ---- in the end

void Simulation::CheckRest() {
  for (const auto& replica : replicas_) CheckRestOf(*replica);
  world_.Require(traffic_.Unanswered().empty(), "requests without a reply: ", traffic_.Unanswered());
  for (const config::Model& model : legal_.plan.models) {
    const route::Admission::View view = traffic_.admission(model.name).Describe();
    world_.Require(view.waiting == 0 && view.running == 0, model.name, ": ", view.running, " in flight and ",
                   view.waiting, " waiting, but every request has its reply");
  }
}

void Simulation::CheckRestOf(SimReplica& replica) {
  launch::Life& life = replica.life();
  const std::string what =
      life.who() + " is " + std::string(Name(life.state())) + " in the end (" + life.reason() + ")";
  const bool waits_in_vain = life.state() == State::kWaiting && life.hopeless();
  world_.Require(!life.on_its_way() || (waits_in_vain && !ended_), what);
  world_.Require(life.state() != State::kStuck, what);
  world_.Require(!ended_ || !life.has_process(), what, " after the shutdown");
  world_.Require(!life.wanted() || life.state() != State::kStopped, what, ", but wanted");
}

}  // namespace berth::sim
