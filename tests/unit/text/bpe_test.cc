// Byte-pair encoding from each of its files: which pair merges first, what becomes of characters without a token, and
// what is refused.
#include "worker/text/bpe.h"

#include <gmock/gmock.h>

#include <bit>

#include "tests/unit/text/wordpiece_json.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Texts = std::vector<std::string>;

json BpeJson(const Texts& tokens, const json& merges, const json& more = json::object()) {
  json file = WordPieceJson(tokens);
  file["model"] = {{"type", "BPE"}, {"vocab", file["model"]["vocab"]}, {"merges", merges}};
  file["model"].update(more);
  return file;
}

Texts Encoded(const json& file, std::string_view text) {
  const auto tokenizer = LoadJson(file);
  if (!tokenizer) return {tokenizer.error().message};
  return Tokens(**tokenizer, text);
}

const Texts kAbc = {"a", "b", "c", "ab", "bc", "abc"};

TEST(Bpe, TheLeastRankMergesFirstAndOfEqualOnesTheLeftmost) {
  EXPECT_THAT(Encoded(BpeJson(kAbc, {"a b", "b c"}), "abc"), ElementsAre("ab", "c"));
  EXPECT_THAT(Encoded(BpeJson(kAbc, {"b c", "a b"}), "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(Encoded(BpeJson(kAbc, {"b c", "a b", "a bc"}), "abcab"), ElementsAre("abc", "ab"));
  EXPECT_THAT(Encoded(BpeJson({"a", "aa"}, {"a a"}), "aaaaa"), ElementsAre("aa", "aa", "a"));
}

TEST(Bpe, MergesMayBePairsAndTheTypeMayBeMissing) {
  json file = BpeJson(kAbc, json::parse(R"([["b", "c"], ["a", "bc"]])"));
  file["model"].erase("type");
  EXPECT_THAT(Encoded(file, "abc"), ElementsAre("abc"));
}

TEST(Bpe, IgnoreMergesTakesAWordThatIsAToken) {
  EXPECT_THAT(Encoded(BpeJson(kAbc, {"a b"}), "abc"), ElementsAre("ab", "c"));
  EXPECT_THAT(Encoded(BpeJson(kAbc, {"a b"}, {{"ignore_merges", true}}), "abc"), ElementsAre("abc"));
}

TEST(Bpe, CharactersWithoutATokenAreDroppedUnknownOrBytes) {
  const Texts tokens = {"a", "?", "<0xC3>", "<0xA9>"};
  EXPECT_THAT(Encoded(BpeJson(tokens, json::array()), "xya"), ElementsAre("a"));
  EXPECT_THAT(Encoded(BpeJson(tokens, json::array(), {{"unk_token", "?"}}), "xya"), ElementsAre("?", "?", "a"));
  EXPECT_THAT(Encoded(BpeJson(tokens, json::array(), {{"unk_token", "?"}, {"fuse_unk", true}}), "xyax"),
              ElementsAre("?", "a", "?"));
  EXPECT_THAT(Encoded(BpeJson(tokens, json::array(), {{"unk_token", "?"}, {"byte_fallback", true}}), "a\u00E9\u4E16"),
              ElementsAre("a", "<0xC3>", "<0xA9>", "?"));
}

TEST(Bpe, PrefixAndSuffixMarkPlacesInTheWord) {
  const json marks = {{"continuing_subword_prefix", "#"}, {"end_of_word_suffix", "/"}};
  const Texts tokens = {"a", "#b", "#b/", "ab", "a/", "ab/"};
  EXPECT_THAT(Encoded(BpeJson(tokens, {"a #b", "a #b/"}, marks), "ab"), ElementsAre("ab/"));
  EXPECT_THAT(Encoded(BpeJson(tokens, {"a #b"}, marks), "abb"), ElementsAre("ab", "#b/"));
  EXPECT_THAT(Encoded(BpeJson(tokens, {"a #b"}, marks), "a"), ElementsAre("a/"));
}

TEST(Bpe, ALongWordTakesNoSquareOfItsLength) {
  Texts tokens = {"a"};
  json merges = json::array();
  for (int i = 0; i < 8; ++i) {
    merges.push_back(tokens.back() + " " + tokens.back());
    tokens.push_back(tokens.back() + tokens.back());
  }
  const auto tokenizer = *LoadJson(BpeJson(tokens, merges));
  EXPECT_EQ(tokenizer->Encode(std::string(1 << 20, 'a'), false).size(), std::size_t{1} << 12);
}

struct Files {
  TempDir dir;
  Files& Write(const char* name, const std::string& content) {
    dir.Write(name, content);
    return *this;
  }
  Result<std::unique_ptr<Tokenizer>> Load() const { return Tokenizer::Load(dir.path()); }
  std::string Refusal() const {
    const auto tokenizer = Load();
    return tokenizer ? "accepted" : tokenizer.error().message;
  }
};

constexpr char kVocab[] = R"({"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "<|endoftext|>": 5})";
constexpr char kMerges[] = "#version: 0.2\na b\r\nĠ ab\n";

TEST(VocabMerges, WithoutAClassAreGpt2) {
  const auto tokenizer = *Files().Write("vocab.json", kVocab).Write("merges.txt", kMerges).Load();
  EXPECT_THAT(tokenizer->Encode("ab ab<|endoftext|>", true), ElementsAre(3, 4, 5));
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{3, 4, 5}, true), "ab ab");
}

TEST(VocabMerges, ConfigurationAddsTokensAndSpecialOnes) {
  const std::string config = R"({"tokenizer_class": "GPT2TokenizerFast", "add_bos_token": true, "bos_token": "<s>",
      "added_tokens_decoder": {"7": {"content": "<s>", "special": true}, "8": {"content": "Ġ!", "normalized": false}}})";
  const auto tokenizer = *Files()
                              .Write("vocab.json", kVocab)
                              .Write("merges.txt", kMerges)
                              .Write("added_tokens.json", R"({"<x>": 9})")
                              .Write("tokenizer_config.json", config)
                              .Load();
  EXPECT_THAT(tokenizer->Encode("ab<x>Ġ!", true), ElementsAre(7, 3, 9, 8));
  EXPECT_EQ(tokenizer->vocab_size(), 10u);
}

TEST(VocabMerges, RefuseByName) {
  const std::pair<std::string, std::string> table[] = {
      {R"({"tokenizer_class": "BloomTokenizer"})", "tokenizer_class \"BloomTokenizer\" is not supported without"},
      {R"({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": true})", "add_bos_token true is not supported"},
      {R"({"add_eos_token": true})", "add_eos_token true is not supported by a GPT2Tokenizer"},
      {R"({"add_bos_token": true, "bos_token": "<s>"})", "add_bos_token is true, but the tokenizer has no bos_token"},
      {R"({"split_special_tokens": true})", "split_special_tokens true is not supported"},
      {R"({"errors": "strict"})", "errors \"strict\" is not supported"},
      {R"({"added_tokens_decoder": {"3": {"content": "x"}}})", "has the id 3, which is \"ab\""},
  };
  for (const auto& [config, message] : table) {
    Files files;
    files.Write("vocab.json", kVocab).Write("merges.txt", kMerges).Write("tokenizer_config.json", config);
    EXPECT_THAT(files.Refusal(), HasSubstr(message));
  }
  EXPECT_THAT(Files().Write("vocab.json", kVocab).Write("merges.txt", "a b\na  b\n").Refusal(),
              HasSubstr("merges.txt:2: \"a  b\" is not two tokens"));
  EXPECT_THAT(Files().Write("vocab.json", kVocab).Write("merges.txt", "a c\n").Refusal(),
              HasSubstr("merges.txt:1: the vocabulary lacks \"c\""));
}

TEST(TokenizerJson, TokensThatStandInTheConfigurationAloneAreAdded) {
  const auto tokenizer =
      *Files()
           .Write("tokenizer.json", BpeJson(kAbc, {"a b"}).dump())
           .Write("tokenizer_config.json",
                  R"({"added_tokens_decoder": {"9": {"content": "<x>", "lstrip": true, "special": true}}})")
           .Load();
  EXPECT_THAT(tokenizer->Encode("ab <x>c", false), ElementsAre(3, 9, 2));
}

TEST(TokenizerJson, LlamasConfigurationOverrulesThePostProcessor) {
  json file = BpeJson({"<s>", "</s>", "a"}, json::array());
  file["added_tokens"] = {{{"id", 0}, {"content", "<s>"}, {"special", true}},
                          {{"id", 1}, {"content", "</s>"}, {"special", true}}};
  const std::string config = R"("bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true})";
  const auto load = [&](const std::string& type) {
    return *Files()
                .Write("tokenizer.json", file.dump())
                .Write("tokenizer_config.json", "{\"tokenizer_class\": \"" + type + "\", " + config)
                .Load();
  };
  EXPECT_THAT(load("LlamaTokenizerFast")->Encode("a", true), ElementsAre(0, 2, 1));
  EXPECT_THAT(load("PreTrainedTokenizerFast")->Encode("a", true), ElementsAre(2));
}

// A field of the wire format, length-delimited.
std::string Bytes(int number, const std::string& value) {
  return std::string(1, static_cast<char>(number << 3 | 2)) + static_cast<char>(value.size()) + value;
}
std::string Varint(int number, char value) { return {static_cast<char>(number << 3), value}; }

std::string Piece(const std::string& text, float score, char type = 1) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  std::string fixed(1, static_cast<char>(2 << 3 | 5));
  for (int i = 0; i < 4; ++i) fixed += static_cast<char>(bits >> (8 * i) & 0xFF);
  return Bytes(1, Bytes(1, text) + fixed + Varint(3, type));
}

std::string Model(const std::string& pieces, const std::string& normalizer = Varint(4, 0), char type = 2) {
  return Piece("<unk>", 0, 2) + Piece("<s>", 0, 3) + Piece("</s>", 0, 3) + pieces + Bytes(2, Varint(3, type)) +
         Bytes(3, normalizer);
}

TEST(SentencePiece, PiecesMergeByScore) {
  const std::string characters = Piece("▁", -9) + Piece("a", -9) + Piece("b", -9) + Piece("c", -9);
  const auto early = *Files().Write("tokenizer.model", Model(characters + Piece("bc", -1) + Piece("ab", -2))).Load();
  EXPECT_EQ(Tokens(*early, "abc", true), (Texts{"<s>", "▁", "a", "bc"}));
  const auto late = *Files().Write("tokenizer.model", Model(characters + Piece("bc", -2) + Piece("ab", -1))).Load();
  EXPECT_EQ(Tokens(*late, "abc</s>"), (Texts{"▁", "ab", "c", "</s>"}));
  EXPECT_EQ(late->Decode(late->Encode("abc b", false), true), "abc b");
}

TEST(SentencePiece, UserDefinedPiecesAreFoundInTheText) {
  const auto tokenizer = *Files()
                              .Write("tokenizer.model", Model(Piece("▁", -1) + Piece("a", -1) + Piece("aa", 0, 4)))
                              .Write("tokenizer_config.json", R"({"legacy": false})")
                              .Load();
  EXPECT_EQ(Tokens(*tokenizer, "aaa"), (Texts{"aa", "a"}));
  EXPECT_FALSE(tokenizer->IsSpecial(*tokenizer->TokenToId("aa")));
  EXPECT_TRUE(tokenizer->IsSpecial(1));
}

TEST(SentencePiece, RefusesByName) {
  const std::string a = Piece("a", 0);
  const std::pair<std::string, std::string> table[] = {
      {"\x0A\x7F", "is no SentencePiece model, or it is cut short"},
      {"{}", "is no SentencePiece model"},
      {Bytes(3, ""), "has no pieces"},
      {Model(a, Varint(4, 0), 1), "model_type \"unigram\" is not supported; supported: bpe"},
      {Model(a, Varint(4, 1)), "remove_extra_whitespaces true is not supported"},
      {Model(a, Varint(4, 0) + Varint(5, 0)), "escape_whitespaces false is not supported"},
      {Model(a, Varint(4, 0) + Bytes(2, "x")), "a precompiled_charsmap is not supported"},
      {Model(Piece("a", 0, 5)), "unused pieces is not supported"},
      {Model(Piece("a", 0, 9)), "piece 3 has the type 9"},
      {Model(Piece("\xFF", 0)), "piece 3 is not UTF-8"},
      {Model(a + a), "token \"a\" has two ids"},
      {Model(Piece("a", std::numeric_limits<float>::quiet_NaN())), "piece 3 has a score that is no number"},
  };
  for (const auto& [model, message] : table) {
    EXPECT_THAT(Files().Write("tokenizer.model", model).Refusal(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace berth::text
