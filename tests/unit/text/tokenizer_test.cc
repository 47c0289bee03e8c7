#include "worker/text/tokenizer.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/unit/text/wordpiece_json.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

const std::vector<std::string> kWords = {
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",    "un",       "##aff", "##able", "a", "b", "##b",
    "hello", "world", ",",     "!",     "caf\u00E9", "##\u00E9", "caf",   "don",    "'", "t", "##able##"};

json Bert() {
  json file = WordPieceJson(kWords);
  file["normalizer"] = {{"type", "BertNormalizer"}, {"strip_accents", false}};
  file["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  file["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  file["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  for (int id = 0; id < 5; ++id) {
    file["added_tokens"].push_back({{"id", id},
                                    {"content", kWords[static_cast<std::size_t>(id)]},
                                    {"special", true},
                                    {"normalized", false}});
  }
  return file;
}

std::unique_ptr<Tokenizer> Load(const json& file) {
  auto tokenizer = LoadJson(file);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

TEST(WordPiece, TakesTheLongestPieceEachTime) {
  const auto tokenizer = Load(Bert());
  const std::pair<std::string, Strings> table[] = {
      {"unaffable", {"un", "##aff", "##able"}},
      {"ab", {"a", "##b"}},
      {"abb", {"a", "##b", "##b"}},
      {"unx", {"[UNK]"}},
      {"xun", {"[UNK]"}},
      {"aff", {"[UNK]"}},  // continues a word, begins none
      {"caf\u00E9", {"caf\u00E9"}},
      {"caf\u00E9\u00E9", {"caf\u00E9", "##\u00E9"}},
      {"un ab", {"un", "a", "##b"}},
      {"", {}},
  };
  for (const auto& [text, expected] : table) EXPECT_EQ(Tokens(*tokenizer, text), expected) << text;
}

TEST(WordPiece, WordAboveTheLimitIsUnknown) {
  json file = Bert();
  file["model"]["max_input_chars_per_word"] = 4;
  const auto tokenizer = Load(file);
  EXPECT_EQ(Tokens(*tokenizer, "abbb"), (Strings{"a", "##b", "##b", "##b"}));
  EXPECT_EQ(Tokens(*tokenizer, "abbbb"), (Strings{"[UNK]"}));
  EXPECT_EQ(Tokens(*tokenizer, "caf\u00E9"), (Strings{"caf\u00E9"}));  // characters, not bytes
}

TEST(WordPiece, HundredCharactersIsTheDefaultLimit) {
  const auto tokenizer = Load(Bert());
  EXPECT_EQ(tokenizer->Encode("a" + std::string(99, 'b'), false).size(), 100u);
  EXPECT_EQ(Tokens(*tokenizer, "a" + std::string(100, 'b')), (Strings{"[UNK]"}));
}

TEST(WordPiece, PrefixIsTheFiles) {
  json file = WordPieceJson({"[UNK]", "a", "@b", "##b"});
  file["model"]["continuing_subword_prefix"] = "@";
  EXPECT_EQ(Tokens(*Load(file), "ab"), (Strings{"a", "@b"}));
}

TEST(WordPiece, EmptyPrefixContinuesWithAnyToken) {
  json file = WordPieceJson({"[UNK]", "a", "b"});
  file["model"]["continuing_subword_prefix"] = "";
  EXPECT_EQ(Tokens(*Load(file), "abba"), (Strings{"a", "b", "b", "a"}));
}

TEST(WordPiece, ModelTypeMayBeMissing) {
  json file = Bert();
  file["model"].erase("type");
  file["model"]["max_input_chars_per_word"] = 100;
  EXPECT_EQ(Tokens(*Load(file), "ab"), (Strings{"a", "##b"}));
}

TEST(Tokenizer, IgnoresTruncationAndPadding) {
  json file = Bert();
  file["truncation"] = {{"max_length", 3}, {"strategy", "LongestFirst"}, {"stride", 0}};
  file["padding"] = {{"strategy", {{"Fixed", 64}}}, {"pad_id", 0}};
  EXPECT_EQ(Load(file)->Encode("a b a b a b", true).size(), 8u);
}

TEST(Tokenizer, PutsSpecialTokensAroundOnRequest) {
  const auto tokenizer = Load(Bert());
  EXPECT_THAT(tokenizer->Encode("hello", true), ElementsAre(2, 11, 3));
  EXPECT_THAT(tokenizer->Encode("hello", false), ElementsAre(11));
  EXPECT_THAT(tokenizer->Encode("", true), ElementsAre(2, 3));
  EXPECT_THAT(tokenizer->Encode("", false), IsEmpty());
  EXPECT_EQ(tokenizer->special_tokens(), 2u);
  EXPECT_EQ(tokenizer->vocab_size(), kWords.size());
}

TEST(Tokenizer, KnowsTheTextOfAnId) {
  const auto tokenizer = Load(Bert());
  EXPECT_EQ(tokenizer->TokenText(6), "##aff");
  EXPECT_EQ(tokenizer->TokenText(2), "[CLS]");
  EXPECT_EQ(tokenizer->TokenText(-1), "");
  EXPECT_EQ(tokenizer->TokenText(1000), "");
}

TEST(Tokenizer, TruncationKeepsTheSpecialTokens) {
  const auto tokenizer = Load(Bert());
  const auto right = tokenizer->EncodeTruncated("a b hello world", 4);
  EXPECT_THAT(right.ids, ElementsAre(2, 8, 9, 3));
  EXPECT_EQ(right.full_size, 6u);
  EXPECT_TRUE(right.truncated());
  const auto left = tokenizer->EncodeTruncated("a b hello world", 4, Truncation::kLeft);
  EXPECT_THAT(left.ids, ElementsAre(2, 11, 12, 3));
  const auto exact = tokenizer->EncodeTruncated("a b hello world", 6);
  EXPECT_EQ(exact.ids.size(), 6u);
  EXPECT_FALSE(exact.truncated());
  EXPECT_THAT(tokenizer->EncodeTruncated("a b", 2).ids, ElementsAre(2, 3));
  EXPECT_THAT(tokenizer->EncodeTruncated("a b", 0).ids, ElementsAre(2, 3));
}

TEST(Tokenizer, BytesThatAreNoTextReadAsReplacementCharacters) {
  json file = Bert();
  file["normalizer"] = nullptr;
  EXPECT_EQ(Tokens(*Load(file), "hello \xFF world"), (Strings{"hello", "[UNK]", "world"}));
  EXPECT_EQ(Tokens(*Load(Bert()), "hel\xFFlo"), (Strings{"hello"}));  // clean_text drops them
}

TEST(Tokenizer, ManyThreadsGetTheSame) {
  const auto tokenizer = Load(Bert());
  const auto expected = tokenizer->Encode("Unaffable, hello WORLD! caf\u00E9 don't", true);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        count += tokenizer->Encode("Unaffable, hello WORLD! caf\u00E9 don't", true) == expected ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

TEST(Decode, JoinsPiecesAndCleansUp) {
  const auto tokenizer = Load(Bert());
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{2, 5, 6, 7, 11, 13, 12, 14, 3}, true),
            "unaffable hello, world!");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{2, 11, 3}, false), "[CLS] hello [SEP]");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{18, 19, 20}, true), "don ' t");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{6, 8}, true), "##aff a");  // the first keeps its prefix
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{}, true), "");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{-5, 11, 999'999}, true), "hello");
}

TEST(Decode, WithoutCleanupKeepsTheBlanks) {
  json file = Bert();
  file["decoder"]["cleanup"] = false;
  EXPECT_EQ(Load(file)->Decode(std::vector<TokenId>{11, 13, 12}, true), "hello , world");
  file["decoder"] = nullptr;
  EXPECT_EQ(Load(file)->Decode(std::vector<TokenId>{8, 10}, true), "a ##b");
}

struct AddedCase {
  json token;
  std::string text;
  Strings expected;
};

TEST(AddedTokens, AreFoundByTheirRules) {
  const AddedCase table[] = {
      {{}, "hello [MASK] world", {"hello", "[MASK]", "world"}},
      {{}, "hello[MASK]world[SEP]", {"hello", "[MASK]", "world", "[SEP]"}},
      {{}, "[mask] [MASK", {"[UNK]", "[UNK]", "[UNK]", "[UNK]", "[UNK]"}},
      {{{"content", "XYZ"}, {"normalized", false}}, "aXYZb xyz", {"a", "XYZ", "b", "[UNK]"}},
      {{{"content", "XYZ"}, {"normalized", true}}, "aXYZb xyz", {"a", "XYZ", "b", "XYZ"}},
      {{{"content", "XYZ"}, {"normalized", false}, {"single_word", true}},
       "aXYZ XYZb XYZ, XYZ",
       {"[UNK]", "[UNK]", "XYZ", ",", "XYZ"}},
      {{{"content", "XYZ"}, {"normalized", false}, {"single_word", true}},
       "\u00E9XYZ _XYZ -XYZ",
       {"[UNK]", "[UNK]", "[UNK]", "[UNK]", "XYZ"}},
      {{{"content", "[MASK]X"}, {"normalized", false}}, "[MASK]X [MASK]", {"[MASK]X", "[MASK]"}},
      {{{"content", "hello world"}, {"normalized", true}}, "Hello World hello", {"hello world", "hello"}},
  };
  for (const AddedCase& item : table) {
    json file = Bert();
    if (!item.token.is_null()) {
      json token = item.token;
      token["id"] = 100;
      file["added_tokens"].push_back(token);
    }
    EXPECT_EQ(Tokens(*Load(file), item.text), item.expected) << item.token << " in " << item.text;
  }
  std::printf("%zu added-token cases\n", std::size(table));
}

TEST(AddedTokens, TakeWhiteSpaceAlong) {
  json file = WordPieceJson({"[UNK]", "a", " ", "  ", "b"});
  const auto with = [&file](bool left, bool right) {
    file["added_tokens"] = {
        {{"id", 9}, {"content", "<m>"}, {"normalized", false}, {"lstrip", left}, {"rstrip", right}}};
    return Load(file);
  };
  EXPECT_EQ(Tokens(*with(false, false), "a<m>  <m> b"), (Strings{"a", "<m>", "  ", "<m>", "[UNK]"}));
  EXPECT_EQ(Tokens(*with(true, false), "a<m>  <m> <m>b"), (Strings{"a", "<m>", "<m>", "<m>", "b"}));
  EXPECT_EQ(Tokens(*with(false, true), "a<m>  <m> b"), (Strings{"a", "<m>", "<m>", "b"}));
  EXPECT_EQ(Tokens(*with(true, true), "a\u3000 <m>\t\nb"), (Strings{"a", "<m>", "b"}));
}

TEST(AddedTokens, OnlySpecialOnesAreSkippedByDecode) {
  json file = Bert();
  file["added_tokens"].push_back({{"id", 50}, {"content", "<plain>"}, {"special", false}});
  file["added_tokens"].push_back({{"id", 60}, {"content", "<special>"}, {"special", true}});
  const auto tokenizer = Load(file);
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{11, 50, 60}, true), "hello <plain>");
  EXPECT_EQ(tokenizer->Decode(std::vector<TokenId>{11, 50, 60}, false), "hello <plain> <special>");
  EXPECT_EQ(tokenizer->vocab_size(), 61u);
}

json Template(const json& pieces) {
  return {{"type", "TemplateProcessing"},
          {"single", pieces},
          {"special_tokens",
           {{"[CLS]", {{"id", "[CLS]"}, {"ids", {2}}, {"tokens", {"[CLS]"}}}},
            {"[SEP]", {{"id", "[SEP]"}, {"ids", {3}}, {"tokens", {"[SEP]"}}}},
            {"two", {{"id", "two"}, {"ids", {2, 4}}, {"tokens", {"[CLS]", "[MASK]"}}}}}}};
}

json Special(const std::string& name) { return {{"SpecialToken", {{"id", name}, {"type_id", 0}}}}; }
json Text() { return {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}; }

TEST(PostProcessor, PutsWhatTheTemplateSays) {
  const json bert = {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
  const std::pair<json, std::vector<TokenId>> table[] = {
      {nullptr, {11}},
      {bert, {2, 11, 3}},
      {Template(json::array({Special("[CLS]"), Text(), Special("[SEP]")})), {2, 11, 3}},
      {Template(json::array({Text()})), {11}},
      {Template(json::array({Text(), Special("[SEP]"), Special("[SEP]")})), {11, 3, 3}},
      {Template(json::array({Special("two"), Text()})), {2, 4, 11}},
      {{{"type", "Sequence"}, {"processors", json::array({bert})}}, {2, 11, 3}},
      {{{"type", "Sequence"}, {"processors", json::array({Template(json::array({Special("two"), Text()}))})}},
       {2, 4, 11}},
      {{{"type", "Sequence"}, {"processors", json::array()}}, {11}},
  };
  for (const auto& [processor, expected] : table) {
    json file = Bert();
    file["post_processor"] = processor;
    EXPECT_EQ(Load(file)->Encode("hello", true), expected) << processor;
  }
}

}  // namespace
}  // namespace berth::text
