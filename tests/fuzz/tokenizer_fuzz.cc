// A tokenizer from a stranger (tokenizer.json, or vocab.txt with tokenizer_config.json), and a text for it. The first
// byte chooses the form, the parts are separated by NUL bytes. What is accepted gives ids of the vocabulary alone,
// keeps its limits, and decodes to UTF-8.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/temp_folder.h"
#include "worker/text/tokenizer.h"
#include "worker/text/utf8.h"

namespace berth::fuzz {
namespace {

using text::Tokenizer;
using text::TokenId;

void CheckIds(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  for (const TokenId id : ids) {
    Require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocab_size(), "an id is one of the vocabulary",
            std::to_string(id));
    Require(!tokenizer.TokenText(id).empty(), "an id has a text", std::to_string(id));
  }
}

void CheckTruncation(const Tokenizer& tokenizer, std::string_view input, const std::vector<TokenId>& full) {
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{3}, full.size() / 2, full.size()}) {
    for (const auto side : {text::Truncation::kRight, text::Truncation::kLeft}) {
      const text::Encoding cut = tokenizer.EncodeTruncated(input, limit, side);
      Require(cut.full_size == full.size(), "a cut encoding knows how long the whole is");
      Require(cut.ids.size() == std::min(std::max(limit, tokenizer.special_tokens()), full.size()),
              "an encoding is cut to its limit, special tokens kept");
      if (limit >= full.size()) Require(cut.ids == full, "what fits is not changed");
    }
  }
}

void CheckText(const Tokenizer& tokenizer, std::string_view input) {
  const std::vector<TokenId> plain = tokenizer.Encode(input, false);
  const std::vector<TokenId> full = tokenizer.Encode(input, true);
  CheckIds(tokenizer, full);
  Require(full.size() == plain.size() + tokenizer.special_tokens(), "special tokens stand around the text");
  std::string repaired;
  Require(tokenizer.Encode(text::Repair(input, repaired), false) == plain, "repairing UTF-8 is part of encoding");
  CheckTruncation(tokenizer, input, full);
  Require(text::IsValidUtf8(tokenizer.Decode(full, false)), "tokens decode to UTF-8");
  Require(text::IsValidUtf8(tokenizer.Decode(plain, true)), "tokens decode to UTF-8");
}

// Ids that no encoding gave: those around the vocabulary's ends.
void CheckStrangeIds(const Tokenizer& tokenizer) {
  const auto size = static_cast<TokenId>(tokenizer.vocab_size());
  const std::vector<TokenId> ids = {-1, 0, 1, size - 1, size, INT32_MAX, INT32_MIN};
  Require(text::IsValidUtf8(tokenizer.Decode(ids, false)), "unknown ids decode to nothing");
}

void Load(const TempFolder& folder, std::string_view input) {
  const auto tokenizer = Tokenizer::Load(folder.path());
  if (!tokenizer) return RequireReadable(tokenizer.error().message, kMostMessageBytes);
  CheckText(**tokenizer, input);
  CheckText(**tokenizer, "Hello, World! d\xc3\xa9j\xc3\xa0 \xe6\x97\xa5\xe6\x9c\xac 12 [CLS]");
  CheckStrangeIds(**tokenizer);
}

void Run(std::string_view input) {
  static const TempFolder json;
  static const TempFolder vocab;
  Slices slices(input);
  if (slices.Byte() % 2 == 0) {
    json.Write("tokenizer.json", slices.Until('\0'));
    return Load(json, slices.Rest());
  }
  vocab.Write("tokenizer_config.json", slices.Until('\0'));
  vocab.Write("vocab.txt", slices.Until('\0'));
  Load(vocab, slices.Rest());
}

const Registration kRegistration("tokenizer", Run);

}  // namespace
}  // namespace berth::fuzz
