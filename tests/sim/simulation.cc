#include "tests/sim/simulation.h"

#include <algorithm>
#include <map>

namespace berth::sim {
namespace {

using namespace std::chrono_literals;
using launch::State;

constexpr Duration kFaultsFor = 5min;
// Longer than every limit of a plan and every fate after one another.
constexpr Duration kRestWithin = 10min;

}  // namespace

Simulation::Simulation(std::uint64_t seed, std::ostream* trace)
    : random_(seed),
      legal_(RandomPlan(random_)),
      schedule_(legal_.plan),
      world_{{}, Random(random_.Next()), schedule_, trace, true, {}},
      traffic_(world_, legal_.plan),
      news_{[this](const std::string& model) { Changed(model); },
            [this](SimReplica& replica) { CheckStart(replica); }} {
  for (const placement::Assignment& assignment : legal_.placement.assignments) {
    world_.Say("plan: " + assignment.model + "/" + std::to_string(assignment.replica) + " on " + assignment.device +
               ", " + FormatBytes(assignment.memory) + ", wave " + std::to_string(assignment.wave));
    replicas_.push_back(std::make_unique<SimReplica>(world_, traffic_, assignment, news_));
  }
  for (const config::Model& model : legal_.plan.models) Changed(model.name);
}

std::string Simulation::Run() {
  PlanStory();
  const TimePoint end = world_.clock.now() + kFaultsFor + kRestWithin;
  while (world_.broken.empty() && world_.clock.Step(end)) {
    ++events_;
    Settle();
    CheckDevices();
    CheckLoads();
  }
  if (world_.broken.empty()) CheckRest();
  return world_.broken;
}

// ---- the story

void Simulation::PlanStory() {
  world_.clock.After(0us, [this] { schedule_.Boot(world_.clock.now()); });
  PlanRequests();
  PlanVerbs();
  world_.clock.After(kFaultsFor, [this] {
    world_.Say("the faults stop");
    world_.faults = false;
  });
  if (random_.Percent(25)) {
    world_.clock.After(random_.Between(Duration(0), 2 * kFaultsFor), [this] {
      const Duration limit = random_.Between(Duration(0), Duration(30s));
      world_.Say("shutdown within " + FormatDuration(limit));
      ended_ = true;
      for (const config::Model& model : legal_.plan.models) traffic_.admission(model.name).Drain();
      schedule_.End(world_.clock.now() + limit, world_.clock.now());
    });
  }
}

void Simulation::PlanRequests() {
  if (legal_.plan.models.empty()) return;
  const auto count = random_.Between(0, 200);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string model = random_.Of(legal_.plan.models).name;
    // A few at once, so that queues fill.
    const Duration when = random_.Between(Duration(0), kFaultsFor + 1min);
    const auto together = random_.Percent(20) ? random_.Between(2, 40) : 1;
    for (std::int64_t n = 0; n < together; ++n) world_.clock.After(when, [this, model] { traffic_.Arrive(model); });
  }
}

void Simulation::PlanVerbs() {
  if (legal_.plan.models.empty()) return;
  const auto count = random_.Between(0, 30);
  for (std::int64_t i = 0; i < count; ++i) {
    world_.clock.After(random_.Between(Duration(0), kFaultsFor), [this] { Verb(); });
  }
}

void Simulation::Verb() {
  const std::string model = random_.Of(legal_.plan.models).name;
  const TimePoint now = world_.clock.now();
  switch (random_.Between(0, 3)) {
    case 0:
      world_.Say("operator: stop " + model);
      (void)schedule_.Stop(model, now);  // refused while all ends
      break;
    case 1:
      world_.Say("operator: restart " + model);
      (void)schedule_.Restart(model, now);
      break;
    default:
      world_.Say("operator: start " + model);
      (void)schedule_.Start(model, now);
  }
}

// As the fleet does: what changes pokes all who wait, and each looks until nothing comes of it.
void Simulation::Settle() {
  bool any = true;
  while (any && world_.broken.empty()) {
    any = false;
    for (const auto& replica : replicas_) {
      any |= replica->due();
      replica->LookIfDue();
    }
    if (schedule_.ending()) schedule_.Look(world_.clock.now());
  }
}

void Simulation::Changed(const std::string& model) {
  for (const auto& replica : replicas_) replica->Poke();
  traffic_.admission(model).SetCondition(schedule_.ConditionOf(model, world_.clock.now()));
}

// ---- the promises

// Order: what is `after` others starts beside a ready replica of each; at boot, waves one after another.
void Simulation::CheckStart(const SimReplica& replica) {
  const config::Model& model = *config::FindModel(legal_.plan, replica.assignment().model);
  for (const std::string& dependency : model.after) {
    const bool ready = std::ranges::any_of(replicas_, [&](const auto& other) {
      return other->assignment().model == dependency && other->life().state() == State::kReady;
    });
    world_.Require(ready, model.name + " starts, but " + dependency + " is not ready");
  }
  launch::Life& life = const_cast<SimReplica&>(replica).life();
  if (!life.turn_view().boot_turn) return;
  for (const auto& other : replicas_) {
    const launch::TurnView view = other->life().turn_view();
    world_.Require(view.wave >= life.turn_view().wave || !view.boot_turn || view.hopeless,
                   life.who() + " starts before " + other->life().who() + " of an earlier wave had its turn");
  }
}

// Memory: reservations within capacity; a process has one until it is proven gone, and nothing else has.
void Simulation::CheckDevices() {
  std::map<std::string, Bytes> reserved;
  std::map<std::pair<std::string, int>, std::string> held;
  for (const auto& reservation : schedule_.ledger().reservations()) {
    reserved[reservation.device] += reservation.bytes;
    held[{reservation.model, reservation.replica}] = reservation.device;
  }
  for (const config::Device& device : legal_.plan.devices) {
    world_.Require(reserved[device.name] <= device.memory, device.name + ": " + FormatBytes(reserved[device.name]) +
                                                               " reserved of " + FormatBytes(device.memory));
  }
  for (const auto& replica : replicas_) {
    const auto found = held.find({replica->assignment().model, replica->assignment().replica});
    const bool holds = found != held.end() && found->second == replica->assignment().device;
    world_.Require(holds || !replica->occupies_device(),
                   replica->life().who() + " is on " + replica->assignment().device + " without a reservation");
    world_.Require(!holds || replica->life().has_process(),
                   replica->life().who() + " has no process, but a reservation");
  }
}

void Simulation::CheckLoads() {
  std::map<std::string, int> loading;
  for (const auto& replica : replicas_) {
    const State state = replica->life().state();
    if (state != State::kStarting && state != State::kLoading) continue;
    world_.Require(++loading[replica->assignment().device] == 1,
                   "two replicas load on " + replica->assignment().device + ", one is " + replica->life().who());
  }
}

void Simulation::CheckRest() {
  for (const auto& replica : replicas_) CheckRestOf(*replica);
  world_.Require(traffic_.Unanswered().empty(), "requests without a reply: " + traffic_.Unanswered());
  for (const config::Model& model : legal_.plan.models) {
    const route::Admission::View view = traffic_.admission(model.name).Describe();
    world_.Require(view.waiting == 0 && view.running == 0,
                   model.name + ": " + std::to_string(view.running) + " in flight and " +
                       std::to_string(view.waiting) + " waiting, but every request has its reply");
  }
}

bool Simulation::CouldStart(const SimReplica& replica) const {
  const placement::Assignment& assignment = replica.assignment();
  const placement::Ledger& ledger = schedule_.ledger();
  const config::Model& model = *config::FindModel(legal_.plan, assignment.model);
  const bool dependencies = std::ranges::all_of(model.after, [&](const std::string& dependency) {
    return std::ranges::any_of(replicas_, [&](const auto& other) {
      return other->assignment().model == dependency && other->life().state() == State::kReady;
    });
  });
  return dependencies && ledger.Capacity(assignment.device) - ledger.Reserved(assignment.device) >= assignment.memory;
}

void Simulation::CheckRestOf(SimReplica& replica) {
  launch::Life& life = replica.life();
  const std::string what = life.who() + " is " + std::string(Name(life.state())) + " in the end (" + life.reason() + ")";
  const bool waits_in_vain = life.state() == State::kWaiting && life.hopeless() && !CouldStart(replica);
  world_.Require(!life.on_its_way() || (waits_in_vain && !ended_), what);
  world_.Require(life.state() != State::kStuck, what);
  world_.Require(!ended_ || !life.has_process(), what + " after the shutdown");
  world_.Require(!life.wanted() || life.state() != State::kStopped, what + ", but wanted");
}

}  // namespace berth::sim
