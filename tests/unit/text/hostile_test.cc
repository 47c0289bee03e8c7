// Tokenizer files that are broken or mean harm: each is refused with a message that names the file and what
// is wrong.
#include <gmock/gmock.h>

#include "tests/unit/text/wordpiece_json.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Bad {
  std::string file;
  std::string message;
};

json Good() {
  json file = WordPieceJson({"[UNK]", "[CLS]", "[SEP]", "a"});
  file["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"[CLS]", 1}}, {"sep", {"[SEP]", 2}}};
  return file;
}

// The good file with one place changed; a discarded value removes it.
std::string With(const std::string& pointer, const json& value) {
  json file = Good();
  const json::json_pointer place(pointer);
  if (value.is_discarded()) {
    file[place.parent_pointer()].erase(place.back());
  } else {
    file[place] = value;
  }
  return file.dump();
}

const json kGone(json::value_t::discarded);

std::string Repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::vector<Bad> BadModels() {
  return {
      {"", "is empty"},
      {"{", "not valid JSON"},
      {"[]", "is array; an object"},
      {"{}", "\"model\" is missing"},
      {Repeat("[", 500'000), "nested deeper than 64"},
      {R"({"normalizer": )" + Repeat(R"({"type": "Sequence", "normalizers": [)", 100'000),
       "nested deeper than 64"},
      {R"({"model": {}, "model": {}})", "has the key \"model\" twice"},
      {With("/model", 3), "\"model\" is number"},
      {With("/model/type", "BPE"), "model: \"merges\" is missing"},
      {With("/model/type", "Unigram"), "tokenizer model \"Unigram\" is not supported"},
      {With("/model/type", "WordLevel"), "tokenizer model \"WordLevel\" is not supported"},
      {With("/model/type", 1), "model: \"type\" is number"},
      {With("/model/type", kGone), "\"type\" is missing and cannot be inferred"},
      {R"({"model": {"vocab": {}, "merges": [], "dropout": 0.1}})", "\"dropout\" is not supported"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a"]}})", "merges[0]: \"a\" is not two tokens"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a a a"]}})", "is not two tokens with a blank"},
      {R"({"model": {"vocab": {"a": 0}, "merges": [["a"]]}})", "merges[0]: is neither \"a b\" nor"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a b"]}})", "merges[0]: the vocabulary lacks \"b\""},
      {R"({"model": {"vocab": {"a": 0, "b": 1}, "merges": ["a b"]}})", "the vocabulary lacks \"ab\""},
      {R"({"model": {"vocab": {"a": 0}, "merges": [], "unk_token": "u"}})", "lacks the unknown token \"u\""},
      {R"({"model": {"vocab": {"a": 0}, "merges": [], "byte_fallback": 1}})", "\"byte_fallback\" is number"},
      {R"({"model": {"vocab": [["a", 0.1]], "unk_id": 0}})", "\"Unigram\" is not supported"},
      {With("/model/vocab", kGone), "model: \"vocab\" is missing"},
      {With("/model/vocab", json::array()), "model: \"vocab\" is array"},
      {With("/model/vocab", json::object()), "vocabulary of 0 tokens lacks the unknown token \"[UNK]\""},
      {With("/model/vocab/a", -1), "\"a\" is -1"},
      {With("/model/vocab/a", 1.5), "\"a\" is number; an integer"},
      {With("/model/vocab/a", "3"), "\"a\" is string"},
      {With("/model/vocab/a", nullptr), "\"a\" is missing"},
      {With("/model/vocab/a", 4294967296), "\"a\" is 4294967296; it must be from 0 to"},
      {With("/model/vocab/a", 2), "have the same id 2"},
      {With("/model/vocab/" + std::string(2000, 'x'), 9), "has 2000 bytes, more than 1024"},
      {With("/model/unk_token", kGone), "model: \"unk_token\" is missing"},
      {With("/model/unk_token", "<unk>"), "vocabulary of 4 tokens lacks the unknown token \"<unk>\""},
      {With("/model/max_input_chars_per_word", 0), "\"max_input_chars_per_word\" is 0"},
      {With("/model/max_input_chars_per_word", 1'000'000'000), "it must be from 1 to 10000"},
      {With("/model/continuing_subword_prefix", 2), "\"continuing_subword_prefix\" is number"},
      {With("/model/continuing_subword_prefix", std::string(65, '#')), "longer than 64 bytes"},
      {With("/normalizer", {{"type", "Precompiled"}}),
       "normalizer: normalizer \"Precompiled\" is not supported"},
      {With("/pre_tokenizer", {{"type", "Delimiter"}}), "pre_tokenizer: pre-tokenizer \"Delimiter\""},
      {With("/decoder", {{"type", "CTC"}}), "decoder: decoder \"CTC\" is not supported"},
      {With("/decoder", json::parse(R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Metaspace"}]})")),
       "decoder.decoders[1]: decoder \"Metaspace\" is supported only before"},
      {With("/decoder", json::parse(R"({"type": "Strip", "content": "ab", "start": 1, "stop": 0})")), "one character"},
      {With("/decoder", {{"type", "WordPiece"}, {"cleanup", 1}}), "\"cleanup\" is number"},
  };
}

json Token(int id, const std::string& content) { return {{"id", id}, {"content", content}}; }

std::vector<Bad> BadAddedTokens() {
  const auto with = [](const json& tokens) { return With("/added_tokens", tokens); };
  return {
      {with(json::object()), "\"added_tokens\" is object"},
      {with(json::array({1})), "added_tokens[0]: is number"},
      {with(json::array({{{"id", 9}}})), "added_tokens[0]: \"content\" is missing"},
      {with(json::array({{{"content", "x"}}})), "added_tokens[0]: \"id\" is missing"},
      {with(json::array({Token(9, "x"), Token(10, "")})), "added_tokens[1]: \"content\" is empty"},
      {with(json::array({Token(-1, "x")})), "\"id\" is -1"},
      {with(json::array({Token(2'000'000'000, "x")})), "\"id\" is 2000000000; it must be from 0 to"},
      {with(json::array({Token(9, "x"), Token(9, "y")})), "the id 9 occurs twice"},
      {with(json::array({Token(9, "x"), Token(10, "x")})), "\"x\" occurs twice"},
      {with(json::array({Token(3, "x")})), "has the id 3, which is \"a\" in the model's vocabulary"},
      {with(json::array({Token(9, "a")})), "has the id 9, but the model's vocabulary gives it 3"},
      {with(json::array({Token(9, std::string(1025, 'x'))})), "has 1025 bytes, more than 1024"},
  };
}

std::vector<Bad> BadPostProcessors() {
  const auto with = [](const json& processor) { return With("/post_processor", processor); };
  const auto templ = [&](const std::string& single, const std::string& special) {
    return with(json::parse(R"({"type": "TemplateProcessing", "single": )" + single +
                            R"(, "special_tokens": )" + special + "}"));
  };
  const std::string cls = R"({"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}})";
  const std::string use = R"({"SpecialToken": {"id": "[CLS]", "type_id": 0}})";
  const std::string text = R"({"Sequence": {"id": "A", "type_id": 0}})";
  return {
      {with(1), "post_processor: is number"},
      {with(json::object()), "post_processor: \"type\" is missing"},
      {with({{"type", "Padding"}}), "post-processor \"Padding\" is not supported; supported:"},
      {with({{"type", "RobertaProcessing"}}), "\"cls\" is missing"},
      {With("/post_processor/sep", kGone), "\"sep\" is missing"},
      {With("/post_processor/sep", {"[SEP]"}), "must be a token and its id"},
      {With("/post_processor/sep", {"[SEP]", -2}), "must be a token and its id"},
      {With("/post_processor/sep", {"[SEP]", 77}), "\"[SEP]\" has the id 77, which the vocabulary lacks"},
      {With("/post_processor/sep", {"[SEP]", 4294967298}),
       "has the id 4294967298, which the vocabulary lacks"},
      {With("/post_processor/sep", {"[SEP]", 1}), "\"[SEP]\" has the id 1, which is \"[CLS]\""},
      {with({{"type", "Sequence"}}), "\"processors\" is missing"},
      {with({{"type", "Sequence"}, {"processors", {{{"type", "No"}}}}}),
       "post_processor.processors[0]: post-processor \"No\""},
      {with({{"type", "Sequence"}, {"processors", {Good()["post_processor"], Good()["post_processor"]}}}),
       "post_processor.processors[1]: is the second processor"},
      {templ("[]", "{}"), "must hold the sequence \"A\" exactly once"},
      {templ("[" + use + "]", cls), "must hold the sequence \"A\" exactly once"},
      {templ("[" + text + "," + text + "]", "{}"), "must hold the sequence \"A\" exactly once"},
      {templ(R"([{"Sequence": {"id": "B", "type_id": 0}}])", "{}"), "must hold the sequence \"A\""},
      {templ("[" + text + R"(, {"Sequence": {"id": "B", "type_id": 0}}])", "{}"), "and no other"},
      {templ(R"([{"Sequence": {"id": "C", "type_id": 0}}])", "{}"), "no sequence \"C\""},
      {templ(R"([{"Sequence": {"id": "A", "type_id": 1}}])", "{}"), "type_id 1 is not supported"},
      {templ(R"([{"Other": {"id": "A"}}])", "{}"), "single[0]: \"SpecialToken\" is missing"},
      {templ("[1]", "{}"), "single[0]: is number"},
      {templ("[" + use + "," + text + "]", "{}"), "uses \"[CLS]\", which special_tokens does not define"},
      {templ("[" + use + "," + text + "]", R"({"[CLS]": {"id": "[CLS]", "ids": [], "tokens": []}})"),
       "has 0 ids"},
      {templ("[" + use + "," + text + "]",
             R"({"[CLS]": {"id": "[CLS]", "ids": [1, 1], "tokens": ["[CLS]"]}})"),
       "2 ids and 1"},
      {templ("[" + use + "," + text + "]", R"({"[CLS]": {"id": "[CLS]", "ids": [1)" + Repeat(",1", 256) +
                                               R"(], "tokens": ["[CLS]")" + Repeat(R"(,"[CLS]")", 256) +
                                               "]}}"),
       "special_tokens[\"[CLS]\"]: has 257 ids, more than 256"},
      {templ("[" + use + "," + text + "]",
             R"({"[CLS]": {"id": "[CLS]", "ids": ["1"], "tokens": ["[CLS]"]}})"),
       "non-negative"},
      {templ("[" + use + "," + text + "]", R"({"[CLS]": {"id": "[CLS]", "ids": [99], "tokens": ["[CLS]"]}})"),
       "lacks"},
      {templ("[" + use + "," + text + "]", R"({"[CLS]": "[CLS]"})"), "special_tokens[\"[CLS]\"]: is string"},
      {templ("[" + text + Repeat("," + use, 300) + "]", cls), "more than 256"},
  };
}

void ExpectAllRefused(const std::vector<Bad>& table) {
  for (const Bad& bad : table) {
    TempDir dir;
    const auto path = dir.Write("tokenizer.json", bad.file);
    const auto tokenizer = Tokenizer::Load(dir.path());
    ASSERT_FALSE(tokenizer) << bad.message;
    EXPECT_EQ(tokenizer.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(tokenizer.error().message, HasSubstr(path.string()));
    EXPECT_THAT(tokenizer.error().message, HasSubstr(bad.message));
    EXPECT_LT(tokenizer.error().message.size(), 600u);
  }
  std::printf("%zu hostile files refused\n", table.size());
}

TEST(TokenizerJson, TheGoodFileLoads) {
  const auto tokenizer = LoadJson(Good());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->Encode("a", true), (std::vector<TokenId>{1, 3, 2}));
}

TEST(TokenizerJson, RefusesBadModels) { ExpectAllRefused(BadModels()); }
TEST(TokenizerJson, RefusesBadAddedTokens) { ExpectAllRefused(BadAddedTokens()); }
TEST(TokenizerJson, RefusesBadPostProcessors) { ExpectAllRefused(BadPostProcessors()); }

TEST(TokenizerJson, OtherModelsInTheWildAreRefusedByName) {
  const auto data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  const auto tokenizer = Tokenizer::Load(data / "tokenizers/t5-small");
  ASSERT_FALSE(tokenizer);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("normalizer \"Precompiled\" is not supported"));
}

TEST(TokenizerLoad, FolderWithoutTokenizerNamesTheFiles) {
  TempDir dir;
  const auto tokenizer = Tokenizer::Load(dir.path());
  ASSERT_FALSE(tokenizer);
  EXPECT_EQ(tokenizer.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(tokenizer.error().message, HasSubstr("has neither tokenizer.json, nor"));
}

constexpr char kVocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n\nCaf\u00E9\n";

TEST(VocabTxt, LinesAreTheTokensFromZero) {
  TempDir dir;
  dir.Write("vocab.txt", kVocab);
  const auto tokenizer = Tokenizer::Load(dir.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->Encode("AB [MASK] caf\u00E9", true), (std::vector<TokenId>{2, 5, 6, 4, 1, 3}));
  EXPECT_EQ((*tokenizer)->vocab_size(), 9u);
  EXPECT_EQ((*tokenizer)->Decode(std::vector<TokenId>{2, 5, 6, 3}, true), "ab");
}

TEST(VocabTxt, ConfigSetsTheNormalizer) {
  TempDir dir;
  dir.Write("vocab.txt", "[UNK]\r\n<s>\r\n</s>\r\nCaf\u00E9\r\nxy\r\n");
  dir.Write("tokenizer_config.json",
            R"({"do_lower_case": false, "cls_token": {"content": "<s>"}, "sep_token": "</s>",
    "added_tokens_decoder": {"7": {"content": "XY", "special": false, "normalized": true}}})");
  const auto tokenizer = Tokenizer::Load(dir.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->Encode("Caf\u00E9 XY xy", true), (std::vector<TokenId>{1, 3, 7, 4, 2}));
}

TEST(VocabTxt, RefusesBadFiles) {
  struct Case {
    std::string vocab, config, message;
  };
  const Case table[] = {
      {"", "{}", "vocab.txt: is empty"},
      {"a\n", "{}", "lacks \"[CLS]\""},
      {"[CLS]\n[SEP]\n", "{}", "lacks the unknown token \"[UNK]\""},
      {"[UNK]\na\nb\na\n", "{}", "vocab.txt:4: token \"a\" has two ids, 1 and 3"},
      {"[UNK]\n\xFF\n", "{}", "vocab.txt:2: is not UTF-8"},
      {"[UNK]\n" + std::string(1025, 'x') + "\n", "{}", "has 1025 bytes, more than 1024"},
      {kVocab, "[]", "tokenizer_config.json: is array"},
      {kVocab, R"({"do_lower_case": 1})", "\"do_lower_case\" is number"},
      {kVocab, R"({"tokenizer_class": "RobertaTokenizer"})",
       "tokenizer_class \"RobertaTokenizer\" is not supported"},
      {kVocab, R"({"do_basic_tokenize": false})", "do_basic_tokenize false is not supported"},
      {kVocab, R"({"never_split": ["x"]})", "never_split is not supported"},
      {kVocab, R"({"cls_token": 1})", "cls_token is neither a string nor"},
      {kVocab, R"({"cls_token": "<s>"})", "lacks \"<s>\""},
      {kVocab, R"({"added_tokens_decoder": {"x": {"content": "y"}}})", "\"x\" is not an id"},
      {kVocab, R"({"added_tokens_decoder": {"99999999": {"content": "y"}}})", "is not an id"},
      {kVocab, R"({"added_tokens_decoder": {"5": {"content": "y"}}})", "has the id 5, which is \"a\""},
      {kVocab, R"({"added_tokens_decoder": {"50": {}}})", "\"content\" is missing"},
  };
  for (const Case& bad : table) {
    TempDir dir;
    dir.Write("vocab.txt", bad.vocab);
    dir.Write("tokenizer_config.json", bad.config);
    const auto tokenizer = Tokenizer::Load(dir.path());
    ASSERT_FALSE(tokenizer) << bad.message;
    EXPECT_THAT(tokenizer.error().message, HasSubstr(bad.message));
    EXPECT_THAT(tokenizer.error().message, HasSubstr(dir.path().string()));
  }
  std::printf("%zu hostile vocab.txt folders refused\n", std::size(table));
}

}  // namespace
}  // namespace berth::text
