#include "worker/generation/scheduler.h"

#include <algorithm>
#include <ranges>

namespace berth::engine {
namespace {

constexpr int kPromptShare = 4;  // a quarter of a step's tokens, and of its rows where prompts want them

std::int64_t BlocksFor(std::int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

void InsertByAge(std::vector<Sequence*>& sequences, Sequence& sequence) {
  sequences.insert(std::ranges::upper_bound(sequences, sequence.age, {}, &Sequence::age), &sequence);
}

}  // namespace

Scheduler::Scheduler(const Limits& limits, BlockPool& pool) : limits_(limits), pool_(pool) {}

void Scheduler::Add(Sequence& sequence) {
  jobs_[sequence.job].waiting.push_back(&sequence);
  ++waiting_;
}

void Scheduler::Remove(Sequence& sequence) {
  const auto found = jobs_.find(sequence.job);
  Job& job = found->second;
  if (sequence.age == 0) {
    waiting_ -= static_cast<std::int64_t>(std::erase(job.waiting, &sequence));
  } else {
    ReleaseBlocks(sequence);
    std::erase(sequence.running ? running_ : preempted_, &sequence);
    sequence.running = false;
    --job.active;
  }
  if (job.waiting.empty() && job.active == 0) jobs_.erase(found);
}

StepPlan Scheduler::Next() {
  StepPlan plan;
  PlanDecodes(plan);
  PlanPrompts(plan);
  PlanStarts(plan);
  return plan;
}

// --- who has one token in the step ---

void Scheduler::PlanDecodes(StepPlan& plan) {
  for (Sequence* sequence : Decoders()) {
    if (sequence->running && HasRoomForNext(*sequence, plan)) AddChunk(*sequence, plan);
  }
}

// The oldest first; where there are too many, those that have waited longest.
std::vector<Sequence*> Scheduler::Decoders() const {
  std::vector<Sequence*> decoders;
  std::ranges::copy_if(running_, std::back_inserter(decoders),
                       [](const Sequence* each) { return each->pending() == 1; });
  const auto limit = static_cast<std::size_t>(DecodeLimit());
  if (decoders.size() <= limit) return decoders;
  std::ranges::stable_sort(decoders, {}, &Sequence::last_step);
  decoders.resize(limit);
  std::ranges::sort(decoders, {}, &Sequence::age);
  return decoders;
}

int Scheduler::DecodeLimit() const {
  int tokens = limits_.step_tokens, rows = limits_.logit_rows;
  const auto has_prompt = [](const Sequence* each) { return each->pending() > 1; };
  const auto wants_rows = [](const Sequence* each) { return each->pending() > 1 && each->prompt_rows; };
  const bool may_start = waiting() > 0 && running() < limits_.max_sequences && pool_.available() > running();
  if (may_start || std::ranges::any_of(running_, has_prompt)) {
    tokens -= std::max(1, tokens / kPromptShare);
    rows -= std::ranges::any_of(running_, wants_rows) ? std::max(1, rows / kPromptShare) : 1;
  }
  return std::max(1, std::min(tokens, rows));
}

// False: the sequence was the youngest itself, and had to give way.
bool Scheduler::HasRoomForNext(Sequence& sequence, StepPlan& plan) {
  if (sequence.blocks.size() * kBlockTokens >= sequence.ids.size()) return true;
  while (true) {
    if (const auto block = pool_.Allocate()) {
      sequence.blocks.push_back(*block);
      return true;
    }
    // In the plan are only sequences that are older than this one.
    Sequence& youngest = *running_.back();
    Preempt(youngest);
    ++plan.preempted;
    if (&youngest == &sequence) return false;
  }
}

// --- prompts, and who starts ---

void Scheduler::PlanPrompts(StepPlan& plan) {
  for (Sequence* sequence : running_) {
    if (sequence->pending() > 1) AddChunk(*sequence, plan);
  }
}

void Scheduler::PlanStarts(StepPlan& plan) {
  while (running() < limits_.max_sequences && plan.tokens < limits_.step_tokens && plan.rows < limits_.logit_rows) {
    Sequence* next = NextToStart();
    if (next == nullptr || !TakeBlocks(*next)) return;
    Started(*next);
    AddChunk(*next, plan);
  }
}

// The first position whose logits are still wanted.
std::int64_t Scheduler::RowsFrom(const Sequence& sequence) const {
  const auto last = static_cast<std::int64_t>(sequence.ids.size()) - 1;
  return sequence.prompt_rows ? std::min(sequence.rows_given, last) : last;
}

// As much of what is pending as the step has tokens and rows for. False: nothing.
bool Scheduler::AddChunk(Sequence& sequence, StepPlan& plan) const {
  const std::int64_t rows_from = RowsFrom(sequence);
  const std::int64_t begin = sequence.computed;
  const std::int64_t by_tokens = begin + limits_.step_tokens - plan.tokens;
  const std::int64_t by_rows = std::max(begin, rows_from) + limits_.logit_rows - plan.rows;
  const std::int64_t end = std::min({static_cast<std::int64_t>(sequence.ids.size()), by_tokens, by_rows});
  if (end <= begin) return false;
  const std::int64_t first_row = std::clamp(rows_from, begin, end);
  plan.pieces.push_back({&sequence, begin, end, first_row});
  plan.tokens += static_cast<int>(end - begin);
  plan.rows += static_cast<int>(end - first_row);
  return true;
}

Sequence* Scheduler::NextToStart() {
  if (!preempted_.empty()) return preempted_.front();
  const Job* best = nullptr;
  for (const auto& [serial, job] : jobs_) {
    if (job.waiting.empty() || (best != nullptr && job.active >= best->active)) continue;
    const Sequence* leader = job.waiting.front()->leader;
    if (leader == nullptr || leader->prefilled) best = &job;
  }
  return best == nullptr ? nullptr : best->waiting.front();
}

// For all tokens so far: what the cache has of them, and new ones. False: they do not fit now; nothing is taken.
bool Scheduler::TakeBlocks(Sequence& sequence) {
  if (sequence.age == 0) sequence.ids.assign(sequence.prompt.begin(), sequence.prompt.end());
  const std::span<const std::int32_t> ids = sequence.ids;
  const std::int64_t reusable = RowsFrom(sequence) / kBlockTokens;
  while (sequence.published < reusable) {
    const auto tokens = ids.subspan(static_cast<std::size_t>(sequence.published) * kBlockTokens, kBlockTokens);
    const auto found = pool_.Match(sequence.chain, sequence.salt, tokens);
    if (!found) break;
    sequence.blocks.push_back(found->block);
    sequence.chain = found->serial;
    ++sequence.published;
  }
  const std::int64_t missing = BlocksFor(static_cast<std::int64_t>(ids.size())) - sequence.published;
  if (pool_.available() < missing + running()) {
    ReleaseBlocks(sequence);
    return false;
  }
  for (std::int64_t i = 0; i < missing; ++i) sequence.blocks.push_back(*pool_.Allocate());
  sequence.computed = sequence.published * kBlockTokens;
  return true;
}

void Scheduler::Started(Sequence& sequence) {
  if (sequence.age == 0) {
    Job& job = jobs_[sequence.job];
    job.waiting.pop_front();
    ++job.active;
    --waiting_;
    sequence.age = ++started_;
    sequence.cached = sequence.computed;
  } else {
    std::erase(preempted_, &sequence);
  }
  sequence.running = true;
  InsertByAge(running_, sequence);
}

void Scheduler::Preempt(Sequence& sequence) {
  ReleaseBlocks(sequence);
  std::erase(running_, &sequence);
  sequence.running = false;
  InsertByAge(preempted_, sequence);
}

// From the end, so that the cache gives up the end of a prefix before its beginning.
void Scheduler::ReleaseBlocks(Sequence& sequence) {
  for (const BlockId block : std::views::reverse(sequence.blocks)) pool_.Release(block);
  sequence.blocks.clear();
  sequence.computed = 0;
  sequence.published = 0;
  sequence.chain = 0;
}

// --- what was done ---

void Scheduler::Computed(const StepPlan& plan) {
  ++step_;
  for (const Piece& piece : plan.pieces) {
    Sequence& sequence = *piece.sequence;
    sequence.computed = piece.end;
    sequence.rows_given = std::max(sequence.rows_given, piece.end);
    sequence.last_step = step_;
    sequence.prefilled |= sequence.computed >= static_cast<std::int64_t>(sequence.prompt.size());
    Publish(sequence);
  }
}

void Scheduler::Publish(Sequence& sequence) {
  const std::span<const std::int32_t> ids = sequence.ids;
  while ((sequence.published + 1) * kBlockTokens <= sequence.computed) {
    const auto index = static_cast<std::size_t>(sequence.published);
    const auto tokens = ids.subspan(index * kBlockTokens, kBlockTokens);
    const auto known = pool_.Publish(sequence.blocks[index], sequence.chain, sequence.salt, tokens);
    sequence.blocks[index] = known.block;
    sequence.chain = known.serial;
    ++sequence.published;
  }
}

void Scheduler::Append(Sequence& sequence, std::int32_t id) { sequence.ids.push_back(id); }

}  // namespace berth::engine
