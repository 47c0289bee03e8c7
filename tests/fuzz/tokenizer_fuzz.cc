// A tokenizer from a stranger (tokenizer.json, vocab.txt, vocab.json with merges.txt, or tokenizer.model, the last three
// with tokenizer_config.json), and a text for it. The first byte chooses the form, the parts are separated by NUL bytes;
// a tokenizer.model, which holds such bytes, is the rest, and its text the same bytes. What is accepted gives ids of the
// vocabulary alone, keeps its limits, and decodes to UTF-8, token by token and all at once.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/temp_folder.h"
#include "worker/text/stream_decoder.h"
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

// A stream's pieces are whole characters and together the text, in whatever order the tokens come.
void CheckStream(const Tokenizer& tokenizer, std::vector<TokenId> ids) {
  for (const bool skip : {false, true}) {
    text::StreamDecoder decoder(tokenizer, skip);
    std::string all;
    for (const TokenId id : ids) {
      const std::string piece = decoder.Push(id);
      Require(text::IsValidUtf8(piece), "a stream gives whole characters", piece);
      all += piece;
    }
    const std::string rest = decoder.Finish();
    Require(text::IsValidUtf8(rest), "a stream's rest is UTF-8", rest);
    Require(all + rest == tokenizer.Decode(ids, skip), "a stream gives what decoding gives", all + rest);
    std::ranges::reverse(ids);
  }
}

// Of a byte-level vocabulary, whose tokens are bytes and nothing else.
void CheckBytes(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::string bytes;
  for (const TokenId id : ids) {
    if (tokenizer.IsSpecial(id)) return;
    bytes += tokenizer.TokenBytes(id);
  }
  std::string repaired;
  Require(text::Repair(bytes, repaired) == tokenizer.Decode(ids, false), "a text is its tokens' bytes", bytes);
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
  CheckStream(tokenizer, full);
  CheckIds(tokenizer, tokenizer.Encode(input, text::EncodeOptions{.recognise_special = false}));
}

// Ids that no encoding gave: those around the vocabulary's ends.
void CheckStrangeIds(const Tokenizer& tokenizer) {
  const auto size = static_cast<TokenId>(tokenizer.vocab_size());
  const std::vector<TokenId> ids = {-1, 0, 1, size - 1, size, INT32_MAX, INT32_MIN};
  Require(text::IsValidUtf8(tokenizer.Decode(ids, false)), "unknown ids decode to nothing");
}

void Load(const TempFolder& folder, std::string_view input, bool byte_level = false) {
  const auto tokenizer = Tokenizer::Load(folder.path());
  if (!tokenizer) return RequireReadable(tokenizer.error().message, kMostMessageBytes);
  constexpr std::string_view kText = "Hello, World! d\xc3\xa9j\xc3\xa0 \xe6\x97\xa5\xe6\x9c\xac 12 [CLS]";
  for (const std::string_view text : {input, kText}) {
    CheckText(**tokenizer, text);
    if (byte_level) CheckBytes(**tokenizer, (*tokenizer)->Encode(text, false));
  }
  CheckStrangeIds(**tokenizer);
}

void LoadVocabMerges(Slices& slices) {
  static const TempFolder folder;
  folder.Write("tokenizer_config.json", slices.Until('\0'));
  folder.Write("vocab.json", slices.Until('\0'));
  folder.Write("merges.txt", slices.Until('\0'));
  Load(folder, slices.Rest(), true);
}

void LoadSentencePiece(Slices& slices) {
  static const TempFolder folder;
  folder.Write("tokenizer_config.json", slices.Until('\0'));
  const std::string_view model = slices.Rest();
  folder.Write("tokenizer.model", model);
  Load(folder, model);
}

void Run(std::string_view input) {
  static const TempFolder json;
  static const TempFolder vocab;
  Slices slices(input);
  const auto form = slices.Byte();
  if (form == '2') return LoadVocabMerges(slices);
  if (form == '3') return LoadSentencePiece(slices);
  if (form % 2 == 0) {
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
