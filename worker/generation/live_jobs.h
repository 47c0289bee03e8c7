// The jobs that a generator has taken in, and one step of them: what the scheduler plans is computed by the decoder,
// tokens are drawn, deltas delivered. Owned by the generator, on its compute thread alone; takes no lock. Whoever calls
// ends the jobs it returns; their blocks are free by then.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "worker/engine/job_end.h"
#include "worker/generation/choice.h"
#include "worker/generation/generator.h"
#include "worker/generation/scheduler.h"

namespace berth::engine {

class LiveJobs {
 public:
  struct Ended {
    std::shared_ptr<GenerationJob> job;
    JobEnd end;
  };

  // All outlive it.
  LiveJobs(Decoder& decoder, const text::Tokenizer& tokenizer, const GeneratorOptions& options, Metrics& metrics);

  // `since`: when it was submitted. `seed`: for a job that names none.
  void Add(std::shared_ptr<GenerationJob> job, TimePoint since, std::uint64_t seed);
  // Takes out the cancelled ones; when draining those not begun; when stopping all.
  std::vector<Ended> Sweep(bool draining, bool stopping);
  // Computes one step, or says that claims are lost and computes nothing. Not empty; after Sweep().
  std::vector<Ended> Step();

  bool empty() const { return entries_.empty(); }
  Generator::Gauges gauges() const;

 private:
  struct Prompt {
    std::string salt;                    // where it is not the job's
    std::vector<std::int32_t> distinct;  // DistinctIds()
  };
  struct Progress {
    bool counted = false;  // its prompt was
    TimePoint last_token;
    std::uint64_t charged = 0;  // of its sequence's tokens
  };
  struct Entry {
    std::shared_ptr<GenerationJob> job;
    std::vector<Prompt> prompts;
    std::unique_ptr<const ChoiceRules> rules;
    std::vector<std::unique_ptr<Choice>> choices;  // those of the first prompt, then those of the next …
    std::vector<Progress> progress;                // of each choice
    std::size_t open = 0;                          // choices that have not finished
    TimePoint since;
    TimePoint began;
    bool begun = false;
    bool answered = false;  // the first token came
    std::optional<JobEnd> failed;  // while its step was evaluated; `job->error` says why
  };
  using Entries = std::map<std::uint64_t, Entry>;

  void AddChoices(Entry& entry, std::uint64_t serial, std::uint64_t seed);
  std::vector<Ended> Begin(const StepPlan& plan);
  void CountPrompt(Entry& entry, const Sequence& sequence);
  Status Compute(const StepPlan& plan, std::span<const float>& logits);
  void Evaluate(const StepPlan& plan, std::span<const float> logits);
  void EvaluatePiece(Entry& entry, const Piece& piece, std::span<const float> rows, TimePoint now);
  void CountToken(Entry& entry, std::size_t index, TimePoint now);
  static void ChargeTokens(Entry& entry, const Sequence& sequence);
  void CloseChoice(Entry& entry, Choice& choice, Counter reason);
  void CountStep(const StepPlan& plan, Clock::duration took);
  std::vector<Ended> Finished();
  std::vector<Ended> FailStep(const StepPlan& plan, const Error& error);
  Ended Close(Entries::iterator entry, JobEnd end);

  Decoder& decoder_;
  const GeneratorOptions& options_;
  Metrics& metrics_;
  const ChoiceContext context_;
  BlockPool pool_;
  Scheduler scheduler_;
  Entries entries_;  // by serial, which ascends in the order of arrival
  std::uint64_t last_serial_ = 0;
};

}  // namespace berth::engine
