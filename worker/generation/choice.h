// One answer in the making: a prompt, the tokens drawn for it so far, and the text that they are. It knows when it
// ends, and makes the Deltas that its request gets; when it runs, and in which blocks, is the scheduler's business.
// Owned by the generator, on the compute thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/generation/generation.h"
#include "worker/generation/sampler.h"
#include "worker/generation/scheduler.h"
#include "worker/generation/stop_matcher.h"
#include "worker/text/stream_decoder.h"

namespace berth::engine {

// What is the same for all choices.
struct ChoiceContext {
  const text::Tokenizer* tokenizer = nullptr;
  std::span<const std::int32_t> eos;  // the model's end tokens
  int sampled_vocab = 0;
  std::int64_t context = 0;  // tokens of prompt and output
};

// What is the same for all choices of a job, and made once.
struct ChoiceRules {
  // `eos`: the model's end tokens.
  ChoiceRules(const GenerationJob& job, std::span<const std::int32_t> eos);

  const StopPatterns stops;
  std::vector<std::int32_t> ends;  // tokens that end a choice
};

// About what a job and its choices hold in memory from the first to the last moment: all but what grows while they run,
// the tokens of sequences that have started.
std::uint64_t HeldBytes(const GenerationJob& job);

class Choice {
 public:
  // `job`, and what the others refer to, outlive it.
  Choice(const GenerationJob& job, const ChoiceRules& rules, std::size_t prompt, const Sampler::Place& place,
         const ChoiceContext& context);
  Choice(const Choice&) = delete;
  Choice& operator=(const Choice&) = delete;

  Sequence sequence;

  // What became known by a step: `rows` are logits, float32 [piece.end − piece.rows_from, vocab]. A last row that is
  // the sequence's last token's gives the next one, which is then for the caller to append unless the choice ended.
  Delta Take(const Piece& piece, std::span<const float> rows, int vocab);

  bool finished() const { return finish_ != Delta::Finish::kNone; }
  Delta::Finish finish() const { return finish_; }
  std::int64_t outputs() const { return outputs_; }  // tokens drawn, an end token among them
  std::size_t prompt() const { return prompt_; }

 private:
  void TakePromptRow(std::int64_t position, std::span<const float> row, Delta& delta) const;
  void GoOn(std::span<const float> row, Delta& delta);
  void Draw(std::span<const float> row, Delta& delta);
  Delta::Token TokenOf(std::int32_t id, bool with_logprobs, std::span<const float> row) const;
  void Accept(std::int32_t id, Delta& delta);
  void End(Delta::Finish finish, Delta& delta);
  bool IsEnd(std::int32_t id) const;

  const GenerationJob& job_;
  const ChoiceRules& rules_;
  const std::size_t prompt_;
  const int choice_;
  const int sampled_vocab_;
  const std::int64_t most_outputs_;
  Sampler sampler_;
  text::StreamDecoder stream_;
  StopMatcher stops_;
  std::int64_t outputs_ = 0;
  Delta::Finish finish_ = Delta::Finish::kNone;
};

}  // namespace berth::engine
