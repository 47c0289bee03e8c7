// Which tokens the next step computes, of which sequences, and in which blocks. Pure: no thread, no clock; one thread
// at a time. The rules:
//
//  - Every sequence that decodes has one token in the step; what is left of the step's tokens goes to prompts, the
//    oldest first, in chunks (Agrawal et al. 2023, "Sarathi"), so that a long prompt delays nobody's next token by
//    more than a step. While prompts wait, started or not, a quarter of the step is theirs, whoever decodes:
//    those that decode then take turns.
//  - A sequence starts when its tokens so far have blocks, and every running one could still take one more. It is
//    then the youngest. Who was preempted starts first; then whose job has the fewest sequences under way, then whose
//    job came first: a job of many choices or prompts holds up nobody, and nobody holds it up for ever. Nobody who
//    comes later overtakes the one whose turn it is because it needs fewer blocks.
//  - When a decoding sequence needs a block and there is none, the youngest gives its blocks back, and computes its
//    tokens again when it starts again. The oldest is never preempted by another, and one sequence alone always fits,
//    so the oldest always ends.
//  - All choices of a prompt wait until the first of them has computed it, and then find its full blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include "worker/engine/decoder.h"
#include "worker/generation/block_pool.h"

namespace berth::engine {

struct Sequence {
  // What its owner says before Add(); all outlive it.
  std::span<const std::int32_t> prompt;  // never empty
  std::uint64_t job = 0;                 // ascends in the order of arrival
  std::size_t index = 0;                 // its place in the job; means nothing here
  std::string_view salt;                 // only sequences of the same salt share blocks
  const Sequence* leader = nullptr;      // the first choice of the same prompt, when this is another
  bool prompt_rows = false;              // logits of all tokens of the prompt are wanted, each once

  // The scheduler's, for its owner to read.
  std::vector<std::int32_t> ids;  // prompt and output; empty before it first started
  std::vector<BlockId> blocks;
  std::int64_t computed = 0;      // tokens whose keys and values are in the blocks
  std::int64_t cached = 0;        // of them found in the cache when it first started
  bool prefilled = false;         // the prompt was computed at least once

  // The scheduler's alone.
  std::int64_t published = 0;     // of the blocks, from the first
  ChainSerial chain = 0;          // of the last one published
  std::int64_t rows_given = 0;    // positions before this one had their logits, where prompt_rows
  std::uint64_t age = 0;          // in the order of first starts; 0: none yet
  std::uint64_t last_step = 0;
  bool running = false;

  std::int64_t pending() const { return static_cast<std::int64_t>(ids.size()) - computed; }
};

// Tokens [begin, end) of a sequence; logits are wanted of those from `rows_from` on.
struct Piece {
  Sequence* sequence = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t rows_from = 0;
};

struct StepPlan {
  std::vector<Piece> pieces;
  int tokens = 0;
  int rows = 0;
  int preempted = 0;  // sequences that gave their blocks back for it
};

class Scheduler {
 public:
  struct Limits {
    int max_sequences = 64;
    int step_tokens = 512;             // at least 2
    int logit_rows = kMostLogitRows;  // of a step, at least 2
  };
  // `pool` outlives this. Nobody adds a sequence that can become longer than the pool.
  Scheduler(const Limits& limits, BlockPool& pool);

  // Sequences of one job run in the order in which they are added; a leader comes before who follows it.
  void Add(Sequence& sequence);
  // Wherever it is; its blocks are released.
  void Remove(Sequence& sequence);

  // Asked again without Computed() in between, it plans the same work, but for what was removed or added.
  StepPlan Next();
  // The step was computed.
  void Computed(const StepPlan& plan);
  // The sequence goes on with `id`; all its tokens were computed.
  void Append(Sequence& sequence, std::int32_t id);

  std::int64_t running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t waiting() const { return waiting_ + static_cast<std::int64_t>(preempted_.size()); }

 private:
  struct Job {
    std::deque<Sequence*> waiting;
    int active = 0;  // sequences that run or were preempted
  };

  void PlanDecodes(StepPlan& plan);
  void PlanPrompts(StepPlan& plan);
  void PlanStarts(StepPlan& plan);
  std::vector<Sequence*> Decoders() const;
  int DecodeLimit() const;
  bool HasRoomForNext(Sequence& sequence, StepPlan& plan);
  bool AddChunk(Sequence& sequence, StepPlan& plan) const;
  std::int64_t RowsFrom(const Sequence& sequence) const;
  Sequence* NextToStart();
  bool TakeBlocks(Sequence& sequence);
  void Started(Sequence& sequence);
  void Preempt(Sequence& sequence);
  void ReleaseBlocks(Sequence& sequence);
  void Publish(Sequence& sequence);

  const Limits limits_;
  BlockPool& pool_;
  std::map<std::uint64_t, Job> jobs_;
  std::vector<Sequence*> running_;    // the oldest first
  std::vector<Sequence*> preempted_;  // the oldest first
  std::int64_t waiting_ = 0;          // never started
  std::uint64_t started_ = 0;
  std::uint64_t step_ = 0;
};

}  // namespace berth::engine
