// All lives of a plan: whose turn it is, what each may hold, what the operators' verbs mean, in which order
// everything ends. Pure like the lives themselves (life.h). Owned by the fleet, or by a simulation; one thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"
#include "supervisor/launch/life.h"
#include "supervisor/launch/load_slots.h"
#include "supervisor/launch/model_summary.h"
#include "supervisor/launch/turn.h"
#include "supervisor/placement/ledger.h"

namespace berth::launch {

class Schedule {
 public:
  explicit Schedule(const config::Plan& plan) : plan_(plan), ledger_(plan) {}

  // A life for each assignment, in the order in which they load.
  Life& Add(const placement::Assignment& assignment, std::uint64_t seed, Duration gone_limit, Hands& hands,
            TimePoint now);

  // Every model with start: boot, in order.
  void Boot(TimePoint now);
  // Operators' verbs; idempotent. kNotFound; kConflict while everything ends.
  Status Start(const std::string& model, TimePoint now);
  Status Stop(const std::string& model, TimePoint now);
  Status Restart(const std::string& model, TimePoint now);
  // A request waits for a model that comes on demand, and for all that it is `after`: they start, unless an operator has
  // stopped them, they have failed, or everything ends.
  void Demand(const std::string& model, TimePoint now);

  // Everything stops, in reverse order, by `deadline`; a second call may shorten the first. Look() goes on with it.
  void End(TimePoint deadline, TimePoint now);
  void Look(TimePoint now);
  bool ending() const { return ending_; }
  TimePoint deadline() const { return deadline_; }  // while ending
  bool all_told() const { return ending_ && wave_ < 0; }  // every life was told to stop

  Turn TurnOf(const Life& life) const;
  // For one that the ledger has no place for: tells others to go where that helps. What it waits for then; empty: nothing.
  std::string MakeRoom(const Life& life, TimePoint now);
  std::vector<Life*> Of(const std::string& model) const;  // "": all
  std::vector<ReplicaSummary> Summaries(const std::string& model, TimePoint now) const;
  ModelCondition ConditionOf(const std::string& model, TimePoint now) const;

  const config::Plan& plan() const { return plan_; }
  placement::Ledger& ledger() { return ledger_; }
  const placement::Ledger& ledger() const { return ledger_; }
  LoadSlots& slots() { return slots_; }

 private:
  Status CheckVerb(const std::string& model) const;
  bool Needs(const config::Model& model, const std::string& other) const;  // directly or through others

  const config::Plan& plan_;
  placement::Ledger ledger_;
  LoadSlots slots_;
  std::vector<std::unique_ptr<Life>> lives_;
  std::set<std::string> stopped_;  // models that an operator stopped
  bool ending_ = false;
  TimePoint deadline_ = TimePoint::max();
  int wave_ = -1;                  // while ending: those above are told to stop
};

}  // namespace berth::launch
