// Two texts as one input: where special tokens go, where the second segment begins, what truncation leaves.
#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "tests/unit/text/wordpiece_json.h"
#include "worker/checkpoint/json_file.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;

constexpr std::size_t kEnough = 100;

json File(const json& processor) {
  json file = WordPieceJson({"[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d"});
  file["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  file["post_processor"] = processor;
  return file;
}

std::unique_ptr<Tokenizer> Load(const json& processor) {
  auto tokenizer = LoadJson(File(processor));
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

json Processing(const std::string& type) {
  return {{"type", type}, {"sep", {"[SEP]", 2}}, {"cls", {"[CLS]", 1}}};
}

// "[CLS] A [SEP] B:1": ":1" is the type id.
json Pieces(const std::string& words) {
  json pieces = json::array();
  std::istringstream stream(words);
  for (std::string word; stream >> word;) {
    const auto colon = word.find(':');
    const std::string id = word.substr(0, colon);
    const int type = colon == std::string::npos ? 0 : std::stoi(word.substr(colon + 1));
    pieces.push_back({{id.size() == 1 ? "Sequence" : "SpecialToken", {{"id", id}, {"type_id", type}}}});
  }
  return pieces;
}

json Template(const std::string& pair) {
  return {{"type", "TemplateProcessing"},
          {"single", Pieces("[CLS] A [SEP]")},
          {"pair", Pieces(pair)},
          {"special_tokens",
           {{"[CLS]", {{"id", "[CLS]"}, {"ids", {1}}, {"tokens", {"[CLS]"}}}},
            {"[SEP]", {{"id", "[SEP]"}, {"ids", {2}}, {"tokens", {"[SEP]"}}}},
            {"both", {{"id", "both"}, {"ids", {2, 1}}, {"tokens", {"[SEP]", "[CLS]"}}}}}}};
}

TEST(Pair, IsWhatThePostProcessorSays) {
  struct Case {
    json processor;
    Ids ids;
    std::size_t second;
  };
  const Case table[] = {
      {nullptr, {3, 4, 5}, 2},
      {Processing("BertProcessing"), {1, 3, 4, 2, 5, 2}, 4},
      {Processing("RobertaProcessing"), {1, 3, 4, 2, 2, 5, 2}, 7},
      {Template("[CLS] A [SEP] B:1 [SEP]:1"), {1, 3, 4, 2, 5, 2}, 4},
      {Template("[CLS] A [SEP] [SEP] B:1 [SEP]:1"), {1, 3, 4, 2, 2, 5, 2}, 5},
      {Template("[CLS] A [SEP] [SEP] B [SEP]"), {1, 3, 4, 2, 2, 5, 2}, 7},
      {Template("A both B:1"), {3, 4, 2, 1, 5}, 4},
      {Template("B [SEP] A:1"), {5, 2, 3, 4}, 2},
      {{{"type", "Sequence"}, {"processors", {Template("A B:1 [SEP]:1")}}}, {3, 4, 5, 2}, 2},
  };
  for (const Case& item : table) {
    const auto tokenizer = Load(item.processor);
    ASSERT_TRUE(tokenizer->CheckPairs()) << item.processor;
    const auto pair = tokenizer->EncodePair("a b", "c", kEnough);
    EXPECT_EQ(pair.ids, item.ids) << item.processor;
    EXPECT_EQ(pair.second, item.second) << item.processor;
    EXPECT_EQ(pair.full_size, item.ids.size());
  }
}

TEST(Pair, TextsMayBeEmpty) {
  const auto tokenizer = Load(Processing("BertProcessing"));
  EXPECT_THAT(tokenizer->EncodePair("", "c", kEnough).ids, ElementsAre(1, 2, 5, 2));
  EXPECT_EQ(tokenizer->EncodePair("", "c", kEnough).second, 2u);
  EXPECT_THAT(tokenizer->EncodePair("a", "", kEnough).ids, ElementsAre(1, 3, 2, 2));
}

// What the original library's own tests of longest_first say for a room of seven tokens.
TEST(Pair, TruncationTakesFromTheLongerTextFirst) {
  struct Case {
    std::size_t first, second, kept_first, kept_second;
  };
  const Case table[] = {{0, 0, 0, 0}, {0, 2, 0, 2}, {0, 4, 0, 4}, {0, 8, 0, 7}, {2, 0, 2, 0}, {2, 2, 2, 2},
                        {2, 4, 2, 4}, {2, 8, 2, 5}, {4, 0, 4, 0}, {4, 2, 4, 2}, {4, 4, 3, 4}, {4, 8, 3, 4},
                        {8, 0, 7, 0}, {8, 2, 5, 2}, {8, 4, 4, 3}, {8, 8, 3, 4}};
  const auto tokenizer = Load(Processing("BertProcessing"));
  for (const Case& item : table) {
    const Ids first(item.first, 3), second(item.second, 4);
    const auto pair = tokenizer->JoinPair(first, second, 7 + 3);
    EXPECT_EQ(std::ranges::count(pair.ids, 3), item.kept_first) << item.first << ", " << item.second;
    EXPECT_EQ(std::ranges::count(pair.ids, 4), item.kept_second) << item.first << ", " << item.second;
    EXPECT_EQ(pair.second, item.kept_first + 2);
    EXPECT_EQ(pair.truncated(), item.first + item.second > 7);
    EXPECT_EQ(pair.full_size, item.first + item.second + 3);
  }
}

TEST(Pair, TruncationKeepsTheEndOnRequest) {
  const auto tokenizer = Load(Processing("BertProcessing"));
  EXPECT_THAT(tokenizer->EncodePair("a b c d", "d c b a", 7).ids, ElementsAre(1, 3, 4, 2, 6, 5, 2));
  EXPECT_THAT(tokenizer->EncodePair("a b c d", "d c b a", 7, Truncation::kLeft).ids,
              ElementsAre(1, 5, 6, 2, 4, 3, 2));
}

TEST(Pair, SpecialTokensStayWhateverTheLimit) {
  const auto tokenizer = Load(Processing("BertProcessing"));
  for (const std::size_t limit : {0, 1, 3}) {
    const auto pair = tokenizer->EncodePair("a b", "c d", limit);
    EXPECT_THAT(pair.ids, ElementsAre(1, 2, 2)) << limit;
    EXPECT_EQ(pair.second, 2u);
    EXPECT_TRUE(pair.truncated());
  }
}

TEST(Pair, ATemplateWithoutUseDoesNotKeepSingleTextsFromWorking) {
  const std::pair<json, std::string> table[] = {
      {Template("[CLS] A [SEP]"), "\"A\" and \"B\" exactly once each"},
      {Template("A B:1 B:1"), "exactly once each"},
      {Template("A C:1"), "no sequence \"C\""},
      {Template("A B:2"), "pair: type_id 2 is not supported; supported: 0, 1"},
      {Template("A:1 B"), "the first piece must be of type_id 0"},
      {Template("A B:1 [SEP]"), "a piece of type_id 0 after one of type_id 1"},
      {Template("A [EOS] B"), "\"[EOS]\", which special_tokens does not define"},
      {Template(""), "exactly once each"},
  };
  for (const auto& [processor, problem] : table) {
    const auto tokenizer = Load(processor);
    EXPECT_THAT(tokenizer->Encode("a", true), ElementsAre(1, 3, 2));
    const auto checked = tokenizer->CheckPairs();
    ASSERT_FALSE(checked) << processor;
    EXPECT_THAT(checked.error().message, HasSubstr(problem));
    EXPECT_THAT(checked.error().message, HasSubstr("tokenizer.json"));
  }
  json without = Template("");
  without.erase("pair");
  EXPECT_THAT(Load(without)->CheckPairs().error().message, HasSubstr("\"pair\" is missing"));
}

// Made with the original's translation to JavaScript: the file says how.
TEST(Pair, EqualsTheReferenceOnTheDemoModel) {
  const char* source = std::getenv("BERTH_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "set BERTH_SOURCE_DIR to the checkout, as ctest does";
  const std::filesystem::path root(source);
  const auto golden = checkpoint::ReadJsonFile(root / "tests/golden/tokenizer-pairs.json");
  ASSERT_TRUE(golden) << golden.error().message;
  const auto tokenizer = Tokenizer::Load(root / golden->at("of").get<std::string>());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_GE(golden->at("cases").size(), 10u);
  for (const json& item : golden->at("cases")) {
    const auto pair =
        (*tokenizer)
            ->EncodePair(item.at("text").get<std::string>(), item.at("pair").get<std::string>(), 1000);
    EXPECT_EQ(pair.ids, item.at("ids").get<Ids>()) << item;
    EXPECT_EQ(pair.second, item.at("second").get<std::size_t>()) << item;
  }
}

TEST(VocabTxt, TokenizerClassDecidesTheSpecialTokens) {
  struct Case {
    std::string config;
    std::string vocab;
    Ids pair;
    std::size_t second;
  };
  const std::string bert = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n";
  const std::string mpnet = "<s>\n<pad>\n</s>\n<unk>\n[UNK]\na\nb\n<mask>\n";
  const Case table[] = {
      {"{}", bert, {2, 5, 3, 6, 3}, 3},
      {R"({"tokenizer_class": "BertTokenizerFast"})", bert, {2, 5, 3, 6, 3}, 3},
      {R"({"tokenizer_class": "DistilBertTokenizer"})", bert, {2, 5, 3, 6, 3}, 3},
      {R"({"tokenizer_class": "MPNetTokenizer"})", mpnet, {0, 5, 2, 2, 6, 2}, 6},
      {R"({"tokenizer_class": "MPNetTokenizerFast"})", mpnet, {0, 5, 2, 2, 6, 2}, 6},
      {R"({"tokenizer_class": "MPNetTokenizer", "cls_token": "a"})", mpnet, {5, 5, 2, 2, 6, 2}, 6},
  };
  for (const Case& item : table) {
    TempDir dir;
    dir.Write("vocab.txt", item.vocab);
    dir.Write("tokenizer_config.json", item.config);
    const auto tokenizer = Tokenizer::Load(dir.path());
    ASSERT_TRUE(tokenizer) << item.config << ": " << tokenizer.error().message;
    const auto pair = (*tokenizer)->EncodePair("A", "b", kEnough);
    EXPECT_EQ(pair.ids, item.pair) << item.config;
    EXPECT_EQ(pair.second, item.second) << item.config;
  }
}

TEST(VocabTxt, MpnetsMaskTakesTheBlankBeforeIt) {
  TempDir dir;
  dir.Write("vocab.txt", "<s>\n<pad>\n</s>\n[UNK]\na\n<mask>\n");
  dir.Write("tokenizer_config.json", R"({"tokenizer_class": "MPNetTokenizer"})");
  const auto tokenizer = Tokenizer::Load(dir.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT((*tokenizer)->Encode("a <mask> a?", true), ElementsAre(0, 4, 5, 4, 3, 2));
}

}  // namespace
}  // namespace berth::text
