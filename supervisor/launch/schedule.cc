#include "supervisor/launch/schedule.h"

#include <algorithm>

namespace berth::launch {

Life& Schedule::Add(const placement::Assignment& assignment, std::uint64_t seed, Duration gone_limit, Hands& hands,
                    TimePoint now) {
  const config::Model* model = config::FindModel(plan_, assignment.model);
  lives_.push_back(std::make_unique<Life>(*this, *model, assignment, seed, gone_limit, hands, now));
  return *lives_.back();
}

void Schedule::Boot(TimePoint now) {
  // All are marked before the first one looks: a wave waits for those before it.
  for (const auto& life : lives_) {
    if (life->model().start == config::Start::kBoot) life->Start(true, now);
  }
}

Status Schedule::CheckVerb(const std::string& model) const {
  if (ending_) return MakeError(ErrorKind::kConflict, "the daemon is shutting down");
  if (!model.empty() && !Of(model).empty()) return Ok();
  return MakeError(ErrorKind::kNotFound, "model \"", model, "\" is not in the plan");
}

Status Schedule::Start(const std::string& model, TimePoint now) {
  if (auto status = CheckVerb(model); !status) return status;
  stopped_.erase(model);
  for (Life* life : Of(model)) life->Start(false, now);
  return Ok();
}

Status Schedule::Stop(const std::string& model, TimePoint now) {
  if (auto status = CheckVerb(model); !status) return status;
  const bool news = stopped_.insert(model).second;
  for (Life* life : Of(model)) life->Stop(now);
  if (news) Of(model).front()->Announce();  // clients hear another word of a model that was stopped already, too
  return Ok();
}

Status Schedule::Restart(const std::string& model, TimePoint now) {
  if (auto status = CheckVerb(model); !status) return status;
  stopped_.erase(model);
  for (Life* life : Of(model)) life->Restart(now);
  return Ok();
}

void Schedule::Demand(const std::string& name, TimePoint now) {
  const config::Model* model = config::FindModel(plan_, name);
  if (ending_ || model == nullptr || stopped_.contains(model->name) || !config::OnDemand(*model)) return;
  for (const std::string& dependency : model->after) Demand(dependency, now);
  for (Life* life : Of(model->name)) {
    const State state = life->state();
    const bool rests = state == State::kStopped || state == State::kDraining || state == State::kStopping;
    if (rests && !life->wanted()) life->Start(false, now);
  }
}

// There are no cycles in a plan.
bool Schedule::Needs(const config::Model& model, const std::string& other) const {
  return std::ranges::any_of(model.after, [&](const std::string& name) {
    return name == other || Needs(*config::FindModel(plan_, name), other);
  });
}

std::string Schedule::MakeRoom(const Life& newcomer, TimePoint now) {
  std::vector<Life*> lives;
  std::vector<Occupant> occupants;
  for (const auto& life : lives_) {
    if (life.get() == &newcomer || !life->has_place() || life->state() == State::kStuck) continue;
    const Occupant occupant = life->occupant();
    const bool stays = !config::OnDemand(life->model()) || life->model().pinned || Needs(newcomer.model(), life->model().name);
    if (stays && !occupant.going) continue;
    lives.push_back(life.get());
    occupants.push_back(occupant);
  }
  const Way way = FindWay(newcomer.assignment(), newcomer.model().priority, occupants, ledger_, now);
  for (const std::size_t victim : way.victims) lives[victim]->GiveWay(newcomer, now);
  return way.waits_for;
}

void Schedule::End(TimePoint deadline, TimePoint now) {
  if (!ending_) {
    for (const auto& life : lives_) wave_ = std::max(wave_, life->assignment().wave);
  }
  ending_ = true;
  deadline_ = std::min(deadline_, deadline);
  for (const auto& life : lives_) life->Hurry(deadline_);
  Look(now);
}

// Waves stop in reverse: what depends on others goes first.
void Schedule::Look(TimePoint now) {
  for (; wave_ >= 0; --wave_) {
    bool busy = false;
    for (const auto& life : lives_) {
      if (life->assignment().wave != wave_) continue;
      life->Stop(now);  // no effect where it was said
      busy |= life->on_its_way();
    }
    if (busy && now < deadline_) return;
  }
}

Turn Schedule::TurnOf(const Life& life) const {
  if (ending_) return {"the daemon is shutting down", true};
  std::vector<TurnView> all;
  all.reserve(lives_.size());
  for (const auto& other : lives_) all.push_back(other->turn_view());
  return launch::TurnOf(life.turn_view(), life.model().after, all, plan_.rules.on_failure);
}

std::vector<Life*> Schedule::Of(const std::string& model) const {
  std::vector<Life*> found;
  for (const auto& life : lives_) {
    if (model.empty() || life->assignment().model == model) found.push_back(life.get());
  }
  return found;
}

std::vector<ReplicaSummary> Schedule::Summaries(const std::string& model, TimePoint now) const {
  std::vector<ReplicaSummary> summaries;
  for (const Life* life : Of(model)) {
    summaries.push_back({life->state(), life->reason(), life->hopeless(), life->retry_after(now), life->wanted()});
  }
  return summaries;
}

ModelCondition Schedule::ConditionOf(const std::string& model, TimePoint now) const {
  const bool ending = ending_ || stopped_.contains(model);
  return launch::ConditionOf(model, Summaries(model, now), ending, config::OnDemand(*config::FindModel(plan_, model)));
}

}  // namespace berth::launch
