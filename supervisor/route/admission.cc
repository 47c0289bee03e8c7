#include "supervisor/route/admission.h"

#include <algorithm>
#include <utility>

namespace berth::route {

Admission::Admission(const config::Model& model, std::uint64_t seed, std::function<void()> wanted)
    : model_(model), wanted_(std::move(wanted)) {
  pick_.random = seed | 1;  // xorshift never leaves 0
}

Standing Admission::StandingOf(const Ticket& ticket) {
  Standing standing;
  if (ticket.state_ == Ticket::State::kHeld) standing.endpoint = ticket.endpoint_;
  if (ticket.state_ == Ticket::State::kRefused) standing.refusal = ticket.refusal_;
  standing.closing = ticket.closing_;
  standing.down = ticket.down_;
  return standing;
}

void Admission::Wake(const Wakes& wakes) {
  for (const auto& ticket : wakes) ticket->changed_();
}

Admission::Seat* Admission::FindSeat(const launch::Endpoint& endpoint) {
  for (Seat& seat : seats_) {
    if (seat.endpoint.get() == &endpoint) return &seat;
  }
  return nullptr;
}

Admission::Seat* Admission::FreeSeat(const launch::Endpoint* except) {
  candidates_.clear();
  for (const Seat& seat : seats_) {
    const bool eligible = seat.open && seat.endpoint.get() != except;
    candidates_.push_back({seat.endpoint->replica, seat.in_flight, seat.endpoint->window, eligible});
  }
  const auto picked = Pick(candidates_, model_.balance, pick_);
  return picked ? &seats_[*picked] : nullptr;
}

bool Admission::AnyOpen() const {
  return std::any_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.open; });
}

void Admission::Hold(Ticket& ticket, Seat& seat) {
  ticket.state_ = Ticket::State::kHeld;
  ticket.endpoint_ = seat.endpoint;
  ticket.closing_ = ticket.down_ = false;
  seat.holders.push_back(&ticket);
  ++seat.in_flight;
  seat.endpoint->in_flight.store(seat.in_flight, std::memory_order_relaxed);
}

// A held place becomes free.
void Admission::Leave(Ticket& ticket) {
  Seat* seat = FindSeat(*ticket.endpoint_);
  auto holder = std::find(seat->holders.begin(), seat->holders.end(), &ticket);
  *holder = seat->holders.back();
  seat->holders.pop_back();
  --seat->in_flight;
  seat->endpoint->in_flight.store(seat->in_flight, std::memory_order_relaxed);
  ticket.state_ = Ticket::State::kIdle;
  ticket.endpoint_.reset();
  if (!seat->open && seat->in_flight == 0) seats_.erase(seats_.begin() + (seat - seats_.data()));
}

void Admission::ServeQueue(Wakes& wakes) {
  while (!queue_.empty()) {
    Seat* seat = FreeSeat(nullptr);
    if (!seat) return;
    Hold(*queue_.front(), *seat);
    wakes.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
}

void Admission::RefuseQueue(Refusal refusal, Wakes& wakes) {
  for (auto& ticket : queue_) {
    ticket->state_ = Ticket::State::kRefused;
    ticket->refusal_ = refusal;
    wakes.push_back(std::move(ticket));
  }
  queue_.clear();
}

// Somebody waits, and nothing is on its way that was not asked for.
bool Admission::MustBeAskedFor() const {
  return wanted_ && !draining_ && !queue_.empty() && !AnyOpen() && condition_.on_demand;
}

std::optional<Refusal> Admission::WhyNot(bool again, bool may_load) const {
  if (!AnyOpen() && !condition_.coming && !condition_.on_demand) {
    return condition_.draining ? Refusal::kDraining : Refusal::kNotComing;
  }
  if (!AnyOpen() && !may_load && !again) return Refusal::kNotLoaded;
  if (!again && queue_.size() >= static_cast<std::size_t>(model_.queue.max)) return Refusal::kQueueFull;
  return std::nullopt;
}

Standing Admission::Acquire(const std::shared_ptr<Ticket>& ticket, bool again, bool may_load) {
  std::unique_lock lock(mutex_);
  ticket->state_ = Ticket::State::kRefused;
  ticket->closing_ = ticket->down_ = false;
  Seat* seat = draining_ || !queue_.empty() ? nullptr : FreeSeat(nullptr);
  if (draining_) {
    ticket->refusal_ = Refusal::kDraining;
  } else if (seat) {
    Hold(*ticket, *seat);
  } else if (const auto refusal = WhyNot(again, may_load)) {
    ticket->refusal_ = *refusal;
  } else {
    ticket->state_ = Ticket::State::kWaiting;
    again ? queue_.push_front(ticket) : queue_.push_back(ticket);
  }
  const Standing standing = StandingOf(*ticket);
  const bool ask = ticket->state_ == Ticket::State::kWaiting && MustBeAskedFor();
  lock.unlock();
  if (ask) wanted_();
  return standing;
}

Standing Admission::Look(const Ticket& ticket) const {
  std::lock_guard lock(mutex_);
  return StandingOf(ticket);
}

bool Admission::Move(const std::shared_ptr<Ticket>& ticket) {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    if (ticket->state_ != Ticket::State::kHeld || !queue_.empty()) return false;
    const std::shared_ptr<launch::Endpoint> from = ticket->endpoint_;
    const PickState turn = pick_;
    if (!FreeSeat(from.get())) return false;
    pick_ = turn;
    Leave(*ticket);  // may erase a seat: the free one is looked up again
    Hold(*ticket, *FreeSeat(from.get()));
    ServeQueue(wakes);
  }
  Wake(wakes);
  return true;
}

void Admission::Release(const std::shared_ptr<Ticket>& ticket, bool completed) {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    if (ticket->state_ == Ticket::State::kHeld) {
      Leave(*ticket);
      if (completed) rate_.Completed(Clock::now());
      ServeQueue(wakes);
    } else if (ticket->state_ == Ticket::State::kWaiting) {
      queue_.erase(std::find(queue_.begin(), queue_.end(), ticket));
    }
    ticket->state_ = Ticket::State::kIdle;
  }
  Wake(wakes);
}

void Admission::Up(std::shared_ptr<launch::Endpoint> endpoint) {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    capabilities_ = endpoint->capabilities;
    Seat seat;
    seat.endpoint = std::move(endpoint);
    auto after = std::upper_bound(seats_.begin(), seats_.end(), seat, [](const Seat& a, const Seat& b) {
      return a.endpoint->replica < b.endpoint->replica;
    });
    seats_.insert(after, std::move(seat));
    if (!draining_) ServeQueue(wakes);
  }
  Wake(wakes);
}

void Admission::Tell(const launch::Endpoint& endpoint, bool down, Wakes& wakes) {
  Seat* seat = FindSeat(endpoint);
  if (!seat) return;
  seat->open = false;
  for (Ticket* ticket : seat->holders) {
    ticket->closing_ = true;
    ticket->down_ = ticket->down_ || down;
    wakes.push_back(ticket->shared_from_this());
  }
  if (seat->in_flight == 0) seats_.erase(seats_.begin() + (seat - seats_.data()));
}

void Admission::Closing(const launch::Endpoint& endpoint) {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    Tell(endpoint, false, wakes);
  }
  Wake(wakes);
}

void Admission::Down(const launch::Endpoint& endpoint) {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    Tell(endpoint, true, wakes);
  }
  Wake(wakes);
}

void Admission::SetCondition(launch::ModelCondition condition) {
  Wakes wakes;
  bool ask = false;
  {
    std::lock_guard lock(mutex_);
    condition_ = std::move(condition);
    // Nobody may wait for what will not come.
    ask = MustBeAskedFor();
    if (!AnyOpen() && !condition_.coming && !condition_.on_demand) {
      RefuseQueue(condition_.draining ? Refusal::kDraining : Refusal::kNotComing, wakes);
    }
  }
  Wake(wakes);
  if (ask) wanted_();
}

void Admission::Drain() {
  Wakes wakes;
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    RefuseQueue(Refusal::kDraining, wakes);
  }
  Wake(wakes);
}

Admission::View Admission::Describe() const {
  std::lock_guard lock(mutex_);
  View view;
  view.condition = condition_;
  view.capabilities = capabilities_;
  view.waiting = static_cast<int>(queue_.size());
  for (const Seat& seat : seats_) {
    view.open += seat.open;
    view.running += seat.in_flight;
  }
  return view;
}

int Admission::RetryAfterSeconds(TimePoint now) {
  std::lock_guard lock(mutex_);
  return rate_.RetryAfterSeconds(static_cast<int>(queue_.size()) + 1, now);
}

}  // namespace berth::route
