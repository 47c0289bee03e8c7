// The tokens by which Whisper is steered, found in the model's own tokenizer by their names, and the texts around them:
// prompts in, transcripts out. Immutable; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/checkpoint/whisper_config.h"
#include "worker/text/tokenizer.h"

namespace berth::speech {

using Token = std::int32_t;

struct SpeechTokens {
  Token start = 0;              // <|startoftranscript|>
  Token end = 0;                // <|endoftext|>; what is below is text
  Token no_timestamps = 0;
  Token first_timestamp = 0;    // <|0.00|>; each next one is 20 ms later
  Token last_timestamp = 0;     // the last one within the model's window
  Token start_of_previous = 0;  // <|startofprev|>
  std::optional<Token> no_speech;  // <|nospeech|>, in older files <|nocaptions|>
  std::optional<Token> transcribe, translate;
  std::map<std::string, Token> languages;  // by code; empty: the model knows English alone
  std::vector<Token> suppress;        // never: tokens that are no speech, and those that only steer; ascending
  std::vector<Token> begin_suppress;  // not at the first place

  bool multilingual() const { return !languages.empty(); }
  bool IsTimestamp(Token token) const { return token >= first_timestamp; }
  bool IsText(Token token) const { return token < end; }
};

// Errors name the token that the tokenizer lacks, or that does not fit the model's vocabulary.
Result<SpeechTokens> FindSpeechTokens(const text::Tokenizer& tokenizer, const checkpoint::WhisperConfig& config,
                                      const checkpoint::WhisperGeneration& generation, const std::string& name);

// Tokens by which openai/whisper means sounds and marks that nobody speaks: brackets, notes, … ascending.
std::vector<Token> NonSpeechTokens(const text::Tokenizer& tokenizer);

// Text of a prompt as it would stand in a transcript: a blank in front, none around, nothing in it is special.
std::vector<Token> EncodePrompt(const text::Tokenizer& tokenizer, std::string_view text);

// The text of the tokens that are text; blank in front included.
std::string TextOf(const text::Tokenizer& tokenizer, const SpeechTokens& tokens, std::span<const Token> ids);

enum class Task { kTranscribe, kTranslate };

// What the decoder is given before its first own token.
struct Prompt {
  std::vector<Token> ids;
  std::size_t start = 0;  // where <|startoftranscript|> is: its logits tell whether there is speech
};

// <|startofprev|> hotwords previous, where there are any, then <|startoftranscript|>, language and task, and without
// timestamps the token that says so. Of what is before <|startoftranscript|> at most context / 2 − 1 tokens are kept: of the
// hotwords the first, of the previous text the last. `language`: a code of `tokens.languages`; of a model of English
// alone it does not matter.
Prompt MakePrompt(const SpeechTokens& tokens, std::span<const Token> hotwords, std::span<const Token> previous,
                  const std::string& language, Task task, bool timestamps, std::int64_t context);

}  // namespace berth::speech
