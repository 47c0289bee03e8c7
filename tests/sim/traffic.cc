#include "tests/sim/traffic.h"

#include "tests/sim/sim_replica.h"

namespace berth::sim {

using namespace std::chrono_literals;

Traffic::Traffic(World& world, const config::Plan& plan) : world_(world) {
  for (const config::Model& model : plan.models) {
    const auto wanted = [this, name = model.name] {
      world_.clock.After(Duration(0), [this, name] { world_.schedule.Demand(name, world_.clock.now()); });
    };
    admissions_[model.name] = std::make_unique<route::Admission>(model, world.random.Next(), wanted);
    patience_[model.name] = model.queue.timeout;
  }
}

void Traffic::Arrive(const std::string& model) {
  requests_.push_back(std::make_unique<Request>());
  Request& request = *requests_.back();
  open_.push_back(&request);
  request.number = requests_.size();
  request.model = model;
  // As in the proxy, the callback only wakes the owner.
  request.ticket = std::make_shared<route::Ticket>(
      [this, &request] { world_.clock.After(Duration(0), [this, &request] { LookAgain(request); }); });
  world_.clock.After(patience_[model], [this, &request] {
    if (!request.replied && request.at == nullptr) Reply(request, "503 timed out in the queue");
  });
  if (world_.random.Percent(20)) {
    world_.clock.After(world_.random.Skewed(1ms, 60s), [this, &request] {
      if (!request.replied) Reply(request, "499 the client left");
    });
  }
  Handle(request, admission(model).Acquire(request.ticket, false));
}

void Traffic::Handle(Request& request, const route::Standing& standing) {
  if (standing.refusal) return Reply(request, "refused");
  if (!standing.endpoint) return;  // it waits
  request.at = replicas_.at({standing.endpoint->model, standing.endpoint->replica});
  request.begun = false;
  request.at->Offer(request, *standing.endpoint);
}

void Traffic::LookAgain(Request& request) {
  if (request.replied) return;
  const route::Standing standing = admission(request.model).Look(*request.ticket);
  if (request.at == nullptr && !standing.closing && !standing.down) return Handle(request, standing);
  if (standing.down && request.begun) return Reply(request, "502 lost");
  if (standing.down || (standing.closing && !request.begun)) Elsewhere(request);
}

// Nothing was begun: another replica may have it, or it waits again.
void Traffic::Elsewhere(Request& request) {
  if (request.at != nullptr) request.at->Withdraw(request);
  request.at = nullptr;
  route::Admission& places = admission(request.model);
  if (places.Move(request.ticket)) return Handle(request, places.Look(*request.ticket));
  places.Release(request.ticket, false);
  Handle(request, places.Acquire(request.ticket, true));
  if (!request.replied && request.at == nullptr) {
    world_.clock.After(patience_[request.model], [this, &request] {
      if (!request.replied && request.at == nullptr) Reply(request, "503 timed out in the queue");
    });
  }
}

void Traffic::Begun(Request& request) {
  request.begun = true;
  world_.Require(!request.replied, "request ", request.number, " is begun after its reply");
  world_.Require(++request.times_begun == 1, "request ", request.number, " is begun twice");
}

void Traffic::Finished(Request& request) { Reply(request, "200"); }

void Traffic::Reply(Request& request, const std::string& what) {
  world_.Require(!request.replied, "request ", request.number, " gets a second reply: ", what);
  request.replied = true;
  std::erase(open_, &request);
  ++replies_[what];
  if (request.at != nullptr) request.at->Withdraw(request);
  admission(request.model).Release(request.ticket, what == "200");
}

void Traffic::CheckInstant() {
  for (const Request* request : open_) {
    const route::Standing standing = admission(request->model).Look(*request->ticket);
    const bool waits = !standing.endpoint && !standing.refusal;
    const bool knows = request->at == nullptr
                           ? waits
                           : standing.endpoint && !standing.down && (request->begun || !standing.closing);
    if (!knows) {
      world_.Require(false, "request ", request->number, " to ", request->model, " is not woken");
    }
  }
}

std::string Traffic::Unanswered() const {
  std::string text;
  for (const auto& request : requests_) {
    if (!request->replied)
      text += (text.empty() ? "" : ", ") + std::to_string(request->number) + " to " + request->model;
  }
  return text;
}

std::uint64_t Traffic::count(const std::string& reply) const {
  const auto found = replies_.find(reply);
  return found == replies_.end() ? 0 : found->second;
}

}  // namespace berth::sim
