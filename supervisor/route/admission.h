// Who may be with which replica: for one model, its open replicas with the requests outstanding at each, and
// the first-in-first-out queue of requests that wait for a place. Counter and queue change together under one
// small mutex, so they cannot disagree. Also the way in which news of a replica (closing, down) reaches the
// requests that are with it, however silent its socket is.
// Thread-safe: the control thread reports replicas and conditions, io threads ask for places. Never blocks
// but on its mutex, never calls out while holding it.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "config/plan.h"
#include "supervisor/launch/endpoint.h"
#include "supervisor/route/drain_rate.h"
#include "supervisor/route/pick.h"

namespace berth::route {

enum class Refusal {
  kQueueFull,
  kNotComing,  // no replica is ready or on its way
  kDraining,
  kNotLoaded,  // it would have to be loaded, and the request does not want that
};

// One request's claim to a place. `changed` is called on any thread, outside every lock, when something
// happened to the ticket while its owner was not asking; it must only wake the owner.
class Ticket : public std::enable_shared_from_this<Ticket> {
 public:
  explicit Ticket(std::function<void()> changed) : changed_(std::move(changed)) {}

 private:
  friend class Admission;
  enum class State { kIdle, kWaiting, kHeld, kRefused };
  const std::function<void()> changed_;
  // Guarded by the mutex of the admission.
  State state_ = State::kIdle;
  std::shared_ptr<launch::Endpoint> endpoint_;
  Refusal refusal_ = Refusal::kNotComing;
  bool closing_ = false;
  bool down_ = false;
};

// How a ticket stands.
struct Standing {
  std::shared_ptr<launch::Endpoint> endpoint;  // set: it has a place there
  std::optional<Refusal> refusal;              // neither: it waits
  bool closing = false;                        // of that endpoint: go elsewhere if nothing has begun
  bool down = false;                           // of that endpoint: its process is gone
};

class Admission {
 public:
  // `model` outlives this. `wanted` is called on any thread, outside every lock, when a request waits for a model that
  // comes on demand and nobody has been told yet; it must only pass that on.
  Admission(const config::Model& model, std::uint64_t seed, std::function<void()> wanted = nullptr);

  // Takes a free place if nobody waits for one, else queues or refuses. `again`: a request that had a place
  // and lost it through no fault of its own goes to the front, whatever the queue's bound. `may_load`: it waits for a
  // model that would have to be loaded for it.
  Standing Acquire(const std::shared_ptr<Ticket>& ticket, bool again, bool may_load = true);
  Standing Look(const Ticket& ticket) const;
  // Exchanges the place for one at another replica. False: none has room; the ticket keeps its place.
  bool Move(const std::shared_ptr<Ticket>& ticket);
  // Gives the place back, or leaves the queue. `completed`: its request was served. Idempotent.
  void Release(const std::shared_ptr<Ticket>& ticket, bool completed);

  void Up(std::shared_ptr<launch::Endpoint> endpoint);
  void Closing(const launch::Endpoint& endpoint);
  void Down(const launch::Endpoint& endpoint);
  void SetCondition(launch::ModelCondition condition);
  // Refuses all that wait and all that will come.
  void Drain();

  struct View {
    launch::ModelCondition condition;
    std::optional<protocol::Capabilities> capabilities;  // of the last replica that was ready
    int open = 0;      // replicas that take requests
    int waiting = 0;
    int running = 0;
  };
  View Describe() const;
  int RetryAfterSeconds(TimePoint now);

 private:
  struct Seat {
    std::shared_ptr<launch::Endpoint> endpoint;
    int in_flight = 0;
    bool open = true;
    std::vector<Ticket*> holders;
  };
  using Wakes = std::vector<std::shared_ptr<Ticket>>;

  Seat* FindSeat(const launch::Endpoint& endpoint);
  Seat* FreeSeat(const launch::Endpoint* except);
  bool AnyOpen() const;
  void Hold(Ticket& ticket, Seat& seat);
  void Leave(Ticket& ticket);
  void ServeQueue(Wakes& wakes);
  void RefuseQueue(Refusal refusal, Wakes& wakes);
  void Tell(const launch::Endpoint& endpoint, bool down, Wakes& wakes);
  std::optional<Refusal> WhyNot(bool again, bool may_load) const;
  bool MustBeAskedFor() const;
  static Standing StandingOf(const Ticket& ticket);
  static void Wake(const Wakes& wakes);

  const config::Model& model_;
  const std::function<void()> wanted_;
  mutable std::mutex mutex_;  // guards all below
  std::vector<Seat> seats_;   // by replica; a closing one beside its successor
  std::deque<std::shared_ptr<Ticket>> queue_;
  std::vector<Candidate> candidates_;  // scratch of FreeSeat
  PickState pick_;
  DrainRate rate_;
  launch::ModelCondition condition_;
  std::optional<protocol::Capabilities> capabilities_;
  bool draining_ = false;
};

}  // namespace berth::route
