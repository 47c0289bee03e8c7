#include "worker/generation/live_jobs.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

#include "worker/generation/logprobs.h"

namespace berth::engine {
namespace {

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

Duration Microseconds(Clock::duration duration) { return std::chrono::duration_cast<Duration>(duration); }

Counter FinishCounter(JobEnd end) {
  if (end == JobEnd::kOverBudget) return Counter::kFinishOverBudget;
  return end == JobEnd::kFailed ? Counter::kFinishFailed : Counter::kFinishCancelled;
}

BlockPool::Options PoolOptions(const Decoder& decoder, const GeneratorOptions& options) {
  return {decoder.cache_blocks(), options.prefix_cache, std::random_device{}()};
}

bool Decodes(const Piece& piece) { return piece.begin >= static_cast<std::int64_t>(piece.sequence->prompt.size()); }

}  // namespace

LiveJobs::LiveJobs(Decoder& decoder, const text::Tokenizer& tokenizer, const GeneratorOptions& options,
                   Metrics& metrics)
    : decoder_(decoder),
      options_(options),
      metrics_(metrics),
      context_{&tokenizer, options.eos, std::min(options.sampled_vocab, decoder.vocab_size()), options.context},
      pool_(PoolOptions(decoder, options)),
      scheduler_({options.max_sequences, options.step_tokens, kMostLogitRows}, pool_) {}

// --- jobs come and go ---

void LiveJobs::Add(std::shared_ptr<GenerationJob> job, TimePoint since, std::uint64_t seed) {
  const std::uint64_t serial = ++last_serial_;
  Entry& entry = entries_[serial];
  entry.job = std::move(job);
  entry.since = since;
  AddChoices(entry, serial, entry.job->sampling.seed.value_or(seed));
}

void LiveJobs::AddChoices(Entry& entry, std::uint64_t serial, std::uint64_t seed) {
  const GenerationJob& job = *entry.job;
  entry.prompts.resize(job.prompts.size());
  entry.rules = std::make_unique<const ChoiceRules>(job, context_.eos);
  for (std::size_t prompt = 0; prompt < job.prompts.size(); ++prompt) {
    auto& [salt, distinct] = entry.prompts[prompt];
    // Without a prefix cache the choices of a prompt still share its blocks, and nobody else does.
    if (!options_.prefix_cache) salt = std::to_string(serial) + "/" + std::to_string(prompt);
    distinct = DistinctIds(job.sampling, job.prompts[prompt]);
    const Sequence* leader = nullptr;
    for (int choice = 0; choice < job.choices; ++choice) {
      const Sampler::Place place{seed, choice, distinct};
      auto& added = entry.choices.emplace_back(std::make_unique<Choice>(job, *entry.rules, prompt, place, context_));
      Sequence& sequence = added->sequence;
      sequence.job = serial;
      sequence.index = entry.choices.size() - 1;
      sequence.salt = options_.prefix_cache ? job.cache_salt : salt;
      sequence.leader = leader;
      if (leader == nullptr) leader = &sequence;
      scheduler_.Add(sequence);
    }
  }
  entry.open = entry.choices.size();
  entry.progress.resize(entry.choices.size());
}

std::vector<LiveJobs::Ended> LiveJobs::Sweep(bool draining, bool stopping) {
  std::vector<Ended> ended;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto entry = each++;
    const bool over = stopping || entry->second.job->cancelled;
    if (!over && !(draining && !entry->second.begun)) continue;
    ended.push_back(Close(entry, over ? JobEnd::kCancelled : JobEnd::kDraining));
  }
  return ended;
}

LiveJobs::Ended LiveJobs::Close(Entries::iterator position, JobEnd end) {
  Entry& entry = position->second;
  for (const auto& choice : entry.choices) {
    if (choice->finished()) continue;
    scheduler_.Remove(choice->sequence);
    if (entry.begun) metrics_.Add(FinishCounter(end), 1);
  }
  if (entry.begun) {
    const auto took = Clock::now() - entry.began;
    entry.job->inference = Microseconds(took);
    metrics_.Observe(Histogram::kInferenceSeconds, Seconds(took));
  }
  Ended ended{std::move(entry.job), end};
  entries_.erase(position);
  return ended;
}

Generator::Gauges LiveJobs::gauges() const {
  return {scheduler_.running(), scheduler_.waiting(), pool_.used(), pool_.cached(), pool_.free()};
}

// --- a step ---

std::vector<LiveJobs::Ended> LiveJobs::Step() {
  const StepPlan plan = scheduler_.Next();
  std::vector<Ended> ended = Begin(plan);
  if (!ended.empty()) return ended;
  if (plan.pieces.empty()) {
    return FailStep(plan, MakeError(ErrorKind::kInternal, "the scheduler has ", scheduler_.waiting(),
                                    " sequences waiting and found none to run; this is a defect"));
  }
  const TimePoint start = Clock::now();
  std::span<const float> logits;
  const Status done = Compute(plan, logits);
  CountStep(plan, Clock::now() - start);
  if (options_.after_step) options_.after_step(done);
  if (!done) return FailStep(plan, done.error());
  scheduler_.Computed(plan);
  Evaluate(plan, logits);
  return Finished();
}

// Begins the jobs that run for the first time; takes out those whose claim is lost.
std::vector<LiveJobs::Ended> LiveJobs::Begin(const StepPlan& plan) {
  std::vector<Ended> lost;
  std::set<std::uint64_t> seen;
  for (const Piece& piece : plan.pieces) {
    const std::uint64_t serial = piece.sequence->job;
    if (!seen.insert(serial).second) continue;
    Entry& entry = entries_.at(serial);
    if (entry.begun) continue;
    entry.begun = !entry.job->begin || entry.job->begin();
    entry.began = Clock::now();
    entry.job->queued = Microseconds(entry.began - entry.since);
  }
  for (const std::uint64_t serial : seen) {
    const auto entry = entries_.find(serial);
    if (!entry->second.begun) lost.push_back(Close(entry, JobEnd::kClaimLost));
  }
  return lost;
}

Status LiveJobs::Compute(const StepPlan& plan, std::span<const float>& logits) {
  std::vector<Slice> slices;
  slices.reserve(plan.pieces.size());
  for (const Piece& piece : plan.pieces) {
    const std::span<const std::int32_t> ids = piece.sequence->ids;
    const auto count = static_cast<std::size_t>(piece.end - piece.begin);
    slices.push_back({ids.subspan(static_cast<std::size_t>(piece.begin), count), piece.begin, piece.sequence->blocks,
                      static_cast<std::size_t>(piece.rows_from - piece.begin)});
  }
  try {
    return decoder_.Forward(slices, logits);
  } catch (const std::exception& failure) {
    return MakeError(ErrorKind::kInternal, "the decoder failed: ", failure.what());
  }
}

// What the rows say. A job that fails meanwhile is only marked: others of the plan's pieces may be its own.
void LiveJobs::Evaluate(const StepPlan& plan, std::span<const float> logits) {
  const TimePoint now = Clock::now();
  const auto vocab = static_cast<std::size_t>(decoder_.vocab_size());
  for (const Piece& piece : plan.pieces) {
    const std::size_t size = static_cast<std::size_t>(piece.end - piece.rows_from) * vocab;
    const std::span<const float> rows = logits.first(size);
    logits = logits.subspan(size);
    Entry& entry = entries_.at(piece.sequence->job);
    if (entry.failed || entry.job->cancelled) continue;
    try {
      EvaluatePiece(entry, piece, rows, now);
    } catch (const std::exception& failure) {
      entry.failed = JobEnd::kFailed;
      entry.job->error = failure.what();
    }
  }
}

void LiveJobs::EvaluatePiece(Entry& entry, const Piece& piece, std::span<const float> rows, TimePoint now) {
  Sequence& sequence = *piece.sequence;
  Choice& choice = *entry.choices[sequence.index];
  CountPrompt(entry, sequence);
  ChargeTokens(entry, sequence);
  if (rows.empty() || entry.failed) return;
  if (!AllFinite(rows)) {  // another request's may well be: a token that was never trained, an overflow
    throw std::runtime_error("the model's output for this prompt is not a finite number");
  }
  Delta delta = choice.Take(piece, rows, decoder_.vocab_size());
  const bool drawn = !delta.tokens.empty() && !delta.tokens.back().of_prompt;
  if (drawn) CountToken(entry, sequence.index, now);
  if (choice.finished()) {
    CloseChoice(entry, choice, delta.finish == Delta::Finish::kStop ? Counter::kFinishStop : Counter::kFinishLength);
  } else if (drawn) {
    scheduler_.Append(sequence, delta.tokens.back().id);
  }
  if (entry.job->deliver) entry.job->deliver(std::move(delta));
}

// A sequence has its tokens in one piece, for the decoder: those of its prompt, too.
void LiveJobs::ChargeTokens(Entry& entry, const Sequence& sequence) {
  std::uint64_t& charged = entry.progress[sequence.index].charged;
  const std::uint64_t held = sequence.ids.capacity() * sizeof(std::int32_t);
  if (held <= charged) return;
  if (!entry.job->charge.Grow(held - charged)) {
    entry.failed = JobEnd::kOverBudget;
    entry.job->error = entry.job->charge.Refusal(held - charged);
    return;
  }
  charged = held;
}

void LiveJobs::CloseChoice(Entry& entry, Choice& choice, Counter reason) {
  scheduler_.Remove(choice.sequence);
  std::vector<std::int32_t>().swap(choice.sequence.ids);  // the job's other choices may go on for long
  std::uint64_t& charged = entry.progress[choice.sequence.index].charged;
  entry.job->charge.Shrink(std::exchange(charged, 0));
  --entry.open;
  metrics_.Add(reason, 1);
}

std::vector<LiveJobs::Ended> LiveJobs::Finished() {
  std::vector<Ended> ended;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto position = each++;
    Entry& entry = position->second;
    if (entry.failed) {
      ended.push_back(Close(position, *entry.failed));
    } else if (entry.open == 0) {
      std::int64_t generated = 0;
      for (const auto& choice : entry.choices) generated += choice->outputs();
      metrics_.Observe(Histogram::kGeneratedTokens, static_cast<double>(generated));
      ended.push_back(Close(position, JobEnd::kDone));
    }
  }
  return ended;
}

// Ends the jobs of the step; of all, when there was none to run.
std::vector<LiveJobs::Ended> LiveJobs::FailStep(const StepPlan& plan, const Error& error) {
  const JobEnd end = error.kind == ErrorKind::kUnavailable ? JobEnd::kOverBudget : JobEnd::kFailed;
  std::set<std::uint64_t> serials;
  for (const Piece& piece : plan.pieces) serials.insert(piece.sequence->job);
  std::vector<Ended> ended;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto entry = each++;
    if (!plan.pieces.empty() && !serials.contains(entry->first)) continue;
    entry->second.job->error = error.message;
    ended.push_back(Close(entry, end));
  }
  return ended;
}

// --- what is counted ---

// Once per prompt, with its first tokens: its other choices find it in the cache, and that is no hit. The prompts' tokens
// themselves are counted by the route, as those of embeddings are.
void LiveJobs::CountPrompt(Entry& entry, const Sequence& sequence) {
  if (sequence.leader != nullptr || std::exchange(entry.progress[sequence.index].counted, true)) return;
  const auto tokens = static_cast<double>(sequence.prompt.size());
  const auto cached = static_cast<double>(sequence.cached);
  metrics_.Add(Counter::kCachedPromptTokens, cached);
  if (options_.prefix_cache && !sequence.prompt_rows) metrics_.Add(Counter::kPrefixQueries, tokens);
  metrics_.Add(Counter::kPrefixHits, cached);
  entry.job->cached_tokens += sequence.cached;
}

void LiveJobs::CountToken(Entry& entry, std::size_t index, TimePoint now) {
  metrics_.Add(Counter::kGeneratedTokens, 1);
  TimePoint& last = entry.progress[index].last_token;
  if (!entry.answered) metrics_.Observe(Histogram::kFirstTokenSeconds, Seconds(now - entry.since));
  if (last != TimePoint()) metrics_.Observe(Histogram::kInterTokenSeconds, Seconds(now - last));
  entry.answered = true;
  last = now;
}

void LiveJobs::CountStep(const StepPlan& plan, Clock::duration took) {
  const auto decodes = static_cast<std::size_t>(std::ranges::count_if(plan.pieces, Decodes));
  const Histogram phase = decodes == 0                    ? Histogram::kPrefillStepSeconds
                          : decodes == plan.pieces.size() ? Histogram::kDecodeStepSeconds
                                                          : Histogram::kMixedStepSeconds;
  metrics_.Add(Counter::kBatches, 1);
  metrics_.Add(Counter::kPreemptions, plan.preempted);
  metrics_.Observe(phase, Seconds(took));
  metrics_.Observe(Histogram::kBatchSize, static_cast<double>(plan.pieces.size()));
  metrics_.Observe(Histogram::kBatchTokens, plan.tokens);
  metrics_.Observe(Histogram::kBatchFill, static_cast<double>(plan.tokens) / options_.step_tokens);
  metrics_.Observe(Histogram::kBatchPadding, 0);  // packed: there is none
}

}  // namespace berth::engine
