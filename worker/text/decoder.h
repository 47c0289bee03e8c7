// Ids' texts put together again, as tokenizer.json's "decoder" says: each token by itself (blanks for "▁", prefixes
// dropped), then bytes into characters, then the ends of the whole text. Token by token with a small state, so that a
// stream and a whole text are one code path: what Push() has appended is final, and what it keeps back is bounded (the
// bytes of one character, the blanks that Strip may take from the end). Immutable; the state is the caller's.
//
// One deliberate difference to Hugging Face's library: its ByteFallback makes every byte of a run U+FFFD when any of
// them is wrong, which nobody can know before the run ends. Here, as in SentencePiece, characters of a run are read
// one by one, and each byte that belongs to none is U+FFFD.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::text {

// What is done to each token alone.
struct BlankBetween {};  // no decoder: a blank before every token but the first
struct WordPieceJoin {
  std::string prefix;  // of tokens that continue a word; "": none does
  bool cleanup;        // takes back the blanks before punctuation and in English contractions
};
struct ReplaceInToken {
  std::string pattern, content;
};
struct MetaspaceJoin {
  std::string replacement;  // stands for a blank
  bool drop_first;          // … and in the first token for nothing
};
struct StripEnds {
  std::string content;  // one character
  std::size_t start = 0, stop = 0;  // so many of it are taken from the ends, at most
};

using TokenStep = std::variant<BlankBetween, WordPieceJoin, ReplaceInToken, MetaspaceJoin, StripEnds>;

// How tokens spell bytes.
enum class ByteRule {
  kNone,       // not at all
  kFallback,   // "<0x0A>" is the byte 10
  kByteLevel,  // every character stands for one byte (byte_level.h)
};

struct DecoderState {
  bool first = true;         // no token was pushed yet
  bool at_start = true;      // of the text: Strip may still take something
  std::size_t stripped = 0;  // characters taken from the start
  std::size_t held = 0;      // characters at the end that Strip takes if nothing follows
  std::string bytes;         // the beginning of a character, at most 3 bytes
};

class Decoder {
 public:
  Decoder() : steps_{BlankBetween{}} {}
  Decoder(std::vector<TokenStep> steps, ByteRule bytes, StripEnds ends = {})
      : steps_(std::move(steps)), bytes_(bytes), ends_(std::move(ends)) {}

  // tokenizer.json's "decoder"; null puts blanks between the tokens. Errors begin with `where`: a type that is not
  // supported, or not at its place in a Sequence, by name; fields.
  static Result<Decoder> Parse(const nlohmann::json& value, const std::string& where);

  // Appends what is certain of the text once this token is known.
  void Push(std::string_view token, DecoderState& state, std::string& text) const;
  // Appends the rest.
  void Finish(DecoderState& state, std::string& text) const;

  // The bytes that a token stands for within a text; they need not be whole characters.
  std::string BytesOf(std::string_view token) const;

 private:
  void PushBytes(std::string_view bytes, DecoderState& state, std::string& text) const;
  void FlushBytes(DecoderState& state, std::string& text) const;
  void Emit(std::string_view piece, DecoderState& state, std::string& text) const;

  std::vector<TokenStep> steps_;
  ByteRule bytes_ = ByteRule::kNone;
  StripEnds ends_;  // of the whole text
};

}  // namespace berth::text
