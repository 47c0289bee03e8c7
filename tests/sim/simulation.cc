#include "tests/sim/simulation.h"

#include <algorithm>
#include <utility>

namespace berth::sim {
namespace {

using namespace std::chrono_literals;
using launch::State;

constexpr Duration kFaultsFor = 5min;
// Longer than every fate that was cast before the faults stopped: the last of those processes has crashed by
// then.
constexpr Duration kRestWithin = 10min + 10s;
// From the moment when a device has let go of what such a process left behind: longer than any back-off.
constexpr Duration kRecoverWithin = 2min;

}  // namespace

Simulation::Simulation(std::uint64_t seed, std::ostream* trace)
    : random_(seed),
      legal_(RandomPlan(random_)),
      schedule_(legal_.plan),
      world_{{}, Random(random_.Next()), schedule_, trace, true, {}, {}},
      devices_(
          world_, legal_.plan, [this](const std::string& device) { Lost(device); },
          [this] {
            for (const auto& replica : replicas_) replica->LookAtPlace();
          }),
      traffic_(world_, legal_.plan),
      news_{[this](const std::string& model) { Changed(model); },
            [this](SimReplica& replica) { CheckStart(replica); }} {
  for (const placement::Assignment& assignment : legal_.placement.assignments) {
    world_.Say("plan: " + assignment.model + "/" + std::to_string(assignment.replica) + " on " +
               JoinDevices(assignment) + ", " + FormatBytes(assignment.memory) + ", wave " +
               std::to_string(assignment.wave));
    replicas_.push_back(std::make_unique<SimReplica>(world_, devices_, traffic_, assignment, news_));
  }
  for (const config::Model& model : legal_.plan.models) Changed(model.name);
  CheckTogether();
}

std::string Simulation::Run() {
  PlanStory();
  const TimePoint rest = world_.clock.now() + kFaultsFor + kRestWithin;
  const auto end = [&] { return std::max<TimePoint>(rest, world_.harmed_until + kRecoverWithin); };
  while (world_.broken.empty() && world_.clock.Step(end())) {
    ++events_;
    Settle();
    CheckDevices();
    CheckLoads();
    if (world_.clock.instant_over()) CheckInstant();
  }
  if (world_.broken.empty()) CheckRest();
  return world_.broken;
}

// ---- the story

void Simulation::PlanStory() {
  world_.clock.After(0us, [this] {
    for (const config::Model& model : legal_.plan.models)
      intents_[model.name] = model.start == config::Start::kBoot;
    schedule_.Boot(world_.clock.now());
  });
  devices_.PlanStory(kFaultsFor);
  PlanRequests();
  PlanVerbs();
  world_.clock.After(kFaultsFor, [this] {
    world_.Say("the faults stop");
    world_.faults = false;
  });
  if (!random_.Percent(35)) return;
  // Half of them early, while much is on its way.
  const Duration when =
      random_.Percent(50) ? random_.Skewed(1ms, kFaultsFor) : random_.Between(0us, 2 * kFaultsFor);
  PlanEnd(when, random_.Between(Duration(0), Duration(1min)));
  if (random_.Percent(40)) PlanEnd(when + random_.Skewed(1ms, 30s), random_.Skewed(1ms, 30s));  // in a hurry
}

void Simulation::PlanEnd(Duration when, Duration limit) {
  world_.clock.After(when, [this, limit] {
    const TimePoint now = world_.clock.now();
    world_.Say("shutdown within " + FormatDuration(limit));
    ended_ = true;
    for (const config::Model& model : legal_.plan.models) traffic_.admission(model.name).Drain();
    schedule_.End(now + limit, now);
    deadline_ = std::min<TimePoint>(deadline_, now + limit);
    world_.Require(schedule_.deadline() == deadline_,
                   "the end is not hurried, or given more time than it was first");
    for (const config::Model& model : legal_.plan.models) Changed(model.name);
    world_.clock.After(limit, [this] { schedule_.Look(world_.clock.now()); });
  });
}

void Simulation::PlanRequests() {
  if (legal_.plan.models.empty()) return;
  const auto count = random_.Between(0, 200);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string model = random_.Of(legal_.plan.models).name;
    // A few at once, so that queues fill.
    const Duration when = random_.Between(Duration(0), kFaultsFor + 1min);
    const auto together = random_.Percent(20) ? random_.Between(2, 40) : 1;
    for (std::int64_t n = 0; n < together; ++n)
      world_.clock.After(when, [this, model] { traffic_.Arrive(model); });
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
  const auto verb = random_.Between(0, 3);
  world_.Say((verb == 0 ? "operator: stop " : verb == 1 ? "operator: restart " : "operator: start ") + model);
  const Status done = verb == 0   ? schedule_.Stop(model, now)
                      : verb == 1 ? schedule_.Restart(model, now)
                                  : schedule_.Start(model, now);
  world_.Require(done || ended_, "a verb is refused");
  if (!done) return;
  intents_[model] = verb != 0;
  if (verb == 0) stopped_.insert(model);
  else stopped_.erase(model);
  if (verb == 0) excused_.insert(model);
  for (const auto& replica : replicas_) {
    if (verb == 0 || replica->assignment().model != model) continue;
    if (verb == 1) replica->MustBeReplaced();
    const launch::Life& life = replica->life();
    const bool anew = life.state() == State::kWaiting && life.entered() == now;
    world_.Require(!anew || life.failures_in_window(now) == 0, life.who(),
                   ": old failures count against a new start");
  }
}

// As the fleet does: what changes pokes all who wait, and each looks until nothing comes of it.
void Simulation::Settle() {
  int rounds = 0;
  for (bool any = true; any && world_.broken.empty();) {
    any = false;
    for (const auto& replica : replicas_) {
      any |= replica->due();
      replica->LookIfDue();
    }
    if (std::exchange(changed_, false) && schedule_.ending()) schedule_.Look(world_.clock.now());
    world_.Require(++rounds < 1000, "the lives wake each other again and again at the same instant");
  }
}

void Simulation::Lost(const std::string& device) {
  for (const auto& replica : replicas_) {
    if (placement::IsOn(replica->assignment(), device)) replica->LoseDevice();
  }
}

void Simulation::Changed(const std::string& model) {
  changed_ = true;
  for (const auto& replica : replicas_) replica->Poke();
  traffic_.admission(model).SetCondition(schedule_.ConditionOf(model, world_.clock.now()));
}

}  // namespace berth::sim
