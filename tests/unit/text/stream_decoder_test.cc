// Tokens to text, whole and as a stream: characters are never cut, and both ways give the same.
#include "worker/text/stream_decoder.h"

#include <gmock/gmock.h>

#include "tests/unit/text/wordpiece_json.h"
#include "worker/text/byte_token.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;

const json kLlamaDecoder = json::parse(R"({"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})");

std::unique_ptr<Tokenizer> Make(const std::vector<std::string>& tokens, const json& decoder) {
  json file = WordPieceJson(tokens);
  file["decoder"] = decoder;
  file["added_tokens"] = {{{"id", 0}, {"content", tokens[0]}, {"special", true}}};
  auto tokenizer = LoadJson(file);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

// What each Push gives, then what Finish gives; holds it against Decode.
std::vector<std::string> Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip = true) {
  StreamDecoder decoder(tokenizer, skip);
  std::vector<std::string> pieces;
  std::string all;
  for (const TokenId id : ids) all += pieces.emplace_back(decoder.Push(id));
  all += pieces.emplace_back(decoder.Finish());
  EXPECT_EQ(all, tokenizer.Decode(ids, skip));
  for (const std::string& piece : pieces) EXPECT_TRUE(IsValidUtf8(piece)) << piece;
  return pieces;
}

TEST(StreamDecoder, WordPieceTokensComeOutAtOnce) {
  const auto tokenizer = Make({"[UNK]", "hello", "##s", "."}, {{"type", "WordPiece"}});
  EXPECT_THAT(Stream(*tokenizer, {1, 2, 1, 3}), ElementsAre("hello", "s", " hello", ".", ""));
}

TEST(StreamDecoder, SpecialAndUnknownIdsAreSkippedWithoutATrace) {
  const auto tokenizer = Make({"[UNK]", "hello", "world"}, nullptr);
  EXPECT_THAT(Stream(*tokenizer, {0, 1, 99, 0, 2, -1}), ElementsAre("", "hello", "", "", " world", "", ""));
  EXPECT_THAT(Stream(*tokenizer, {0, 1}, false), ElementsAre("[UNK]", " hello", ""));
}

// é is C3 A9, 世 is E4 B8 96.
std::unique_ptr<Tokenizer> Llama() {
  std::vector<std::string> tokens = {"[UNK]", "▁a", "b"};
  for (const unsigned char byte : {0xC3, 0xA9, 0xE4, 0xB8, 0x96, 0x0A}) tokens.push_back(TokenOfByte(byte));
  return Make(tokens, kLlamaDecoder);
}

TEST(StreamDecoder, BytesWaitForTheirCharacter) {
  EXPECT_THAT(Stream(*Llama(), {1, 3, 4, 1, 5, 6, 7, 8}), ElementsAre("a", "", "é", " a", "", "", "世", "\n", ""));
}

TEST(StreamDecoder, ATextThatEndsInHalfACharacterEndsInReplacements) {
  EXPECT_THAT(Stream(*Llama(), {2, 5, 6}), ElementsAre("b", "", "", "\uFFFD\uFFFD"));
}

TEST(StreamDecoder, WrongBytesAreReplacedOnceNothingCanCompleteThem) {
  EXPECT_THAT(Stream(*Llama(), {5, 2, 4, 5, 5, 8}),
              ElementsAre("", "\uFFFDb", "\uFFFD", "", "\uFFFD", "\uFFFD\n", ""));
}

TEST(StreamDecoder, ASkippedTokenDoesNotTearACharacter) {
  EXPECT_THAT(Stream(*Llama(), {3, 0, 4}), ElementsAre("", "", "é", ""));
}

TEST(StreamDecoder, OnlyTheFirstBlankOfATextIsTaken) {
  const auto tokenizer = Make({"[UNK]", "▁", "▁▁", "x"}, kLlamaDecoder);
  EXPECT_THAT(Stream(*tokenizer, {1, 1, 3}), ElementsAre("", " ", "x", ""));
  EXPECT_THAT(Stream(*tokenizer, {2, 3, 1}), ElementsAre(" ", "x", " ", ""));
}

TEST(StreamDecoder, IsAtTheBeginningAgainAfterFinish) {
  const auto tokenizer = Llama();
  StreamDecoder decoder(*tokenizer, true);
  EXPECT_EQ(decoder.Push(1) + decoder.Finish(), "a");
  EXPECT_EQ(decoder.Push(1) + decoder.Finish(), "a");
}

// ByteLevel: "Ġ" is a blank, "Ã" and "©" are C3 and A9.
TEST(StreamDecoder, ByteLevelTokensMayHoldPiecesOfCharacters) {
  const auto tokenizer = Make({"[UNK]", "ĠcafÃ", "©", "Ã", "a"}, {{"type", "ByteLevel"}});
  EXPECT_THAT(Stream(*tokenizer, {1, 2, 3, 4, 3}), ElementsAre(" caf", "é", "", "\uFFFDa", "", "\uFFFD"));
}

TEST(StreamDecoder, BlanksThatTheDecoderTakesFromTheEndAreKeptBack) {
  const json decoder = json::parse(R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
      {"type": "Strip", "content": "_", "start": 0, "stop": 2}]})");
  const auto tokenizer = Make({"[UNK]", "a_", "_", "b"}, decoder);
  EXPECT_THAT(Stream(*tokenizer, {1, 2, 2, 3, 2}), ElementsAre("a", "", "_", "__b", "", ""));
}

TEST(StreamDecoder, TheLastWordEndIsNoBlank) {
  const auto tokenizer = Make({"[UNK]", "lo", "w</w>"}, {{"type", "BPEDecoder"}});
  EXPECT_THAT(Stream(*tokenizer, {1, 2, 2}), ElementsAre("lo", "w", " w", ""));
}

TEST(StreamDecoder, MetaspaceDropsTheBlanksOfTheFirstToken) {
  const auto old = Make({"[UNK]", "▁a", "▁b"}, {{"type", "Metaspace"}, {"replacement", "▁"}});
  EXPECT_THAT(Stream(*old, {1, 2}), ElementsAre("a", " b", ""));
  const auto never = Make({"[UNK]", "▁a"}, {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "never"}});
  EXPECT_THAT(Stream(*never, {1}), ElementsAre(" a", ""));
}

TEST(StreamDecoder, AContinuationKeepsTheBlankBeforeItsFirstWord) {
  const auto tokenizer = Make({"[UNK]", "▁a", "▁b", "<0xC3>", "<0xA9>"}, kLlamaDecoder);
  StreamDecoder decoder(*tokenizer, true);
  decoder.GoOnFrom(std::vector<TokenId>{0, 1});
  EXPECT_EQ(decoder.Push(2), " b");
  StreamDecoder within(*tokenizer, true);
  within.GoOnFrom(std::vector<TokenId>{1, 3});
  EXPECT_EQ(within.Push(4), "é") << "a character that the prompt has begun is whole";
  StreamDecoder first(*tokenizer, true);
  first.GoOnFrom(std::vector<TokenId>{0});
  EXPECT_EQ(first.Push(2), "b") << "nothing but special tokens before: it is the text's beginning";
}

TEST(TokenBytes, AreTheTokensBytesWithinAText) {
  const auto llama = Llama();
  EXPECT_EQ(llama->TokenBytes(1), " a");
  EXPECT_EQ(llama->TokenBytes(3), "\xC3");
  EXPECT_EQ(llama->TokenBytes(0), "[UNK]");
  EXPECT_EQ(llama->TokenBytes(99), "");
  EXPECT_EQ(Make({"[UNK]", "ĠcafÃ"}, {{"type", "ByteLevel"}})->TokenBytes(1), " caf\xC3");
}

TEST(TokenIds, AreFoundByTheTokenAsItStandsInTheVocabulary) {
  const auto llama = Llama();
  EXPECT_EQ(llama->TokenToId("▁a"), 1);
  EXPECT_EQ(llama->TokenToId("[UNK]"), 0);
  EXPECT_EQ(llama->TokenToId(" a"), std::nullopt);
  EXPECT_TRUE(llama->IsSpecial(0));
  EXPECT_FALSE(llama->IsSpecial(1));
  EXPECT_FALSE(llama->IsSpecial(-1));
}

TEST(Encode, SpecialTokensInAStrangersTextAreTextIfAsked) {
  json file = WordPieceJson({"[UNK]", "<", "##s", "##>", "a", "<x>"});
  file["added_tokens"] = {{{"id", 6}, {"content", "<s>"}, {"special", true}}, {{"id", 5}, {"content", "<x>"}}};
  const auto tokenizer = *LoadJson(file);
  EXPECT_THAT(tokenizer->Encode("a<s><x>", EncodeOptions{}), ElementsAre(4, 6, 5));
  EXPECT_THAT(tokenizer->Encode("<s><x>", EncodeOptions{.recognise_special = false}), ElementsAre(1, 2, 3, 5));
}

}  // namespace
}  // namespace berth::text
