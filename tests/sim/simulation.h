// One seed, one story: a random legal plan, the real decisions (launch::Schedule and its lives, the ledger, the
// admission), simulated processes that fail in every way, clients and operators who do as they like, and the
// promises that must hold after every single event. Then the faults stop, and all must come to rest.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <ostream>
#include <string>
#include <vector>

#include "tests/sim/plan.h"
#include "tests/sim/sim_replica.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"

namespace berth::sim {

class Simulation {
 public:
  // `trace`: gets a line for each change of state, each verb, each broken promise; null for none.
  Simulation(std::uint64_t seed, std::ostream* trace);

  // The first broken promise, with its time; "" when all were kept.
  std::string Run();

  std::uint64_t events() const { return events_; }
  const Traffic& traffic() const { return traffic_; }

 private:
  void PlanStory();
  void PlanRequests();
  void PlanVerbs();
  void PlanEnd(Duration when, Duration limit);
  void Verb();
  void Settle();            // all that is due looks
  void Changed(const std::string& model);
  void Lost(const std::string& device);

  void CheckTogether();     // where the replicas are, before anything starts
  void CheckStart(const SimReplica& replica);
  void CheckDevices();
  void CheckLoads();
  void CheckInstant();      // once nothing more happens at this instant
  void CheckWaiting(SimReplica& replica);
  void CheckWaves();
  void CheckProxy(const std::string& model);
  launch::Turn Obstacle(const launch::Life& life);
  launch::Turn AgainstDevices(const placement::Assignment& at, bool alone) const;
  launch::Turn NoRoom(const launch::Life& life);
  using Stays = std::function<bool(const launch::Life&)>;
  launch::Turn ObstacleOn(const std::string& device, const launch::Life& life, const Stays& stays);
  bool HasRoomBeside(const launch::Life& life, const Stays& stays);
  bool IsBeneath(const std::string& name, const std::string& model) const;
  bool IsGoing(const launch::Life& life) const;
  bool MayGo(const launch::Life& life, const launch::Life& newcomer) const;
  bool HoldsDevices(const placement::Assignment& at);  // somebody loads on one of them
  launch::Life& LifeOf(const placement::Ledger::Reservation& held);
  void CheckRest();         // in the end
  void CheckRestOf(SimReplica& replica);

  Random random_;
  const LegalPlan legal_;
  launch::Schedule schedule_;
  World world_;
  Devices devices_;
  Traffic traffic_;
  const News news_;
  std::vector<std::unique_ptr<SimReplica>> replicas_;  // in the order in which they load
  std::map<std::string, bool> intents_;  // of each model: what was last asked for
  std::set<std::string> stopped_;  // models of which an operator's last word was stop
  std::set<std::string> excused_;  // models that an operator stopped: later waves go on without them
  bool changed_ = false;  // something, since the end was last looked at
  bool ended_ = false;    // by an operator
  TimePoint deadline_ = TimePoint::max();  // of the end
  std::uint64_t events_ = 0;
};

}  // namespace berth::sim
