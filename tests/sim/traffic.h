// Clients: requests arrive, wait in the real Admission, are offered to simulated processes, and get exactly
// one reply each. The steps between are those of route/dispatch, without sockets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/route/admission.h"
#include "tests/sim/world.h"

namespace berth::sim {

class SimReplica;

struct Request {
  std::uint64_t number = 0;
  std::string model;
  std::shared_ptr<route::Ticket> ticket;
  SimReplica* at = nullptr;  // where it was offered
  bool begun = false;        // there
  int times_begun = 0;
  bool replied = false;
};

class Traffic {
 public:
  Traffic(World& world, const config::Plan& plan);

  route::Admission& admission(const std::string& model) { return *admissions_.at(model); }
  void AddReplica(const std::string& model, int replica, SimReplica& where) { replicas_[{model, replica}] = &where; }

  void Arrive(const std::string& model);
  // From the processes.
  void Begun(Request& request);
  void Finished(Request& request);

  // Once nothing more happens at an instant: everybody knows how his request stands.
  void CheckInstant();
  // At the end: what was not answered, "" for nothing.
  std::string Unanswered() const;
  std::uint64_t count(const std::string& reply) const;

 private:
  void Handle(Request& request, const route::Standing& standing);
  void LookAgain(Request& request);
  void Elsewhere(Request& request);
  void Reply(Request& request, const std::string& what);

  World& world_;
  std::map<std::string, std::unique_ptr<route::Admission>> admissions_;
  std::map<std::string, Duration> patience_;
  std::map<std::pair<std::string, int>, SimReplica*> replicas_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<Request*> open_;  // without a reply yet
  std::map<std::string, std::uint64_t> replies_;
};

}  // namespace berth::sim
