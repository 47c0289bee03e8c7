// One window on its way from prompt to tokens: its language is detected where nobody said it, then temperatures are tried in
// turn until an attempt is good enough. A state machine: says which tokens are to be computed, takes their logits, and holds
// the blocks of its hypotheses. Computes nothing; on the compute thread alone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "worker/checkpoint/whisper_config.h"
#include "worker/speech/decoding/hypothesis_blocks.h"
#include "worker/speech/decoding/quality.h"
#include "worker/speech/decoding/search.h"
#include "worker/speech/decoding/tokens.h"
#include "worker/speech/speech_model.h"
#include "worker/text/tokenizer.h"

namespace berth::speech {

// What is the same for all windows; what it refers to outlives them.
struct DecodeContext {
  const text::Tokenizer* tokenizer = nullptr;
  const SpeechTokens* tokens = nullptr;
  std::int64_t context = 0;  // tokens of a window, with the prompt
  std::int64_t vocab_size = 0;
  std::int64_t max_initial_timestamp = 50;
};

// What is asked of one.
struct DecodeRequest {
  Task task = Task::kTranscribe;
  std::string language;  // code; empty: to be detected
  std::vector<Token> hotwords, previous;
  std::vector<double> temperatures;  // never empty
  SearchOptions search;              // but for the temperature and the number of tokens
  Thresholds thresholds;
};

struct DecodeOutcome {
  std::vector<Token> tokens;
  Quality quality;
  double temperature = 0;
  int attempts = 1;
  std::string language;
};

class WindowDecode {
 public:
  // `pool` has BlocksOf() blocks for it, whatever happens.
  WindowDecode(const DecodeContext& context, DecodeRequest request, BlockPool& pool);

  // The most blocks that it holds at once.
  static std::int64_t BlocksOf(const DecodeContext& context, const SearchOptions& search);

  bool finished() const { return finished_; }
  const DecodeOutcome& outcome() const { return outcome_; }  // once finished

  // What is to be computed next; valid until Take(). `window`: what the slices refer to.
  std::vector<Slice> Next(const Window& window) const;
  // `logits`: float32, the wanted rows of the last Next(), one after another. `copy` copies a block, at once. Errors: logits
  // that are no finite numbers.
  Status Take(std::span<const float> logits, const std::function<void(BlockId from, BlockId to)>& copy);

 private:
  enum class Phase { kDetecting, kPrompting, kSearching };

  void Attempt();  // begins one at the next temperature
  void Search(std::span<const float> logits, const std::function<void(BlockId, BlockId)>& copy);
  void Judge();

  const DecodeContext& context_;
  const DecodeRequest request_;
  HypothesisBlocks blocks_;
  Phase phase_ = Phase::kPrompting;
  std::size_t attempt_ = 0;
  Prompt prompt_;
  std::vector<std::size_t> prompt_wanted_;
  std::vector<Token> last_;  // of each live hypothesis
  std::optional<speech::Search> search_;
  bool finished_ = false;
  DecodeOutcome outcome_;
};

}  // namespace berth::speech
