// The tokenizer against published cases and real vocabularies.
#include <gmock/gmock.h>

#include <chrono>
#include <sstream>

#include "tests/unit/checkpoint/temp_dir.h"
#include "worker/checkpoint/json_file.h"
#include "worker/text/tokenizer.h"

namespace berth::text {
namespace {

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::vector<std::string> Split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  for (auto end = text.find(separator); end != std::string::npos; end = text.find(separator, at)) {
    parts.push_back(text.substr(at, end - at));
    at = end + separator.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

std::vector<TokenId> ParseIds(const std::string& line) {
  std::istringstream stream(line);
  std::vector<TokenId> ids;
  for (TokenId id = 0; stream >> id;) ids.push_back(id);
  return ids;
}

std::unique_ptr<Tokenizer> LoadFrom(const std::filesystem::path& dir) {
  auto tokenizer = Tokenizer::Load(dir);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

// The folder's vocab.txt and tokenizer_config.json, without its tokenizer.json.
std::unique_ptr<Tokenizer> LoadVocabTxt(const std::filesystem::path& dir) {
  TempDir copy;
  std::filesystem::copy(dir / "vocab.txt", copy.path());
  if (std::filesystem::exists(dir / "tokenizer_config.json")) {
    std::filesystem::copy(dir / "tokenizer_config.json", copy.path());
  }
  return LoadFrom(copy.path());
}

class Golden : public testing::Test {
 protected:
  void SetUp() override {
    if (data_.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  }

  void ExpectAllCases(const Tokenizer& tokenizer, const std::string& name = "bert-bge", bool decodes = false) {
    const auto file = data_ / ("golden/llama.cpp-vocab-" + name);
    const auto texts = Split(ReadAll(file.string() + ".inp"), "\n__ggml_vocab_test__\n");
    const auto lines = Split(ReadAll(file.string() + ".out"), "\n");
    std::size_t equal = 0;
    std::size_t cases = 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i + 1 == texts.size() && texts[i].empty()) break;  // what follows the last separator
      ASSERT_LT(i, lines.size());
      ++cases;
      const auto ids = tokenizer.Encode(texts[i], false);
      EXPECT_EQ(ids, ParseIds(lines[i])) << "case " << i << ": " << texts[i];
      equal += ids == ParseIds(lines[i]) ? 1 : 0;
      if (decodes) {
        EXPECT_EQ(tokenizer.Decode(ids, true), texts[i]);
      }
    }
    std::printf("%zu of %zu cases equal\n", equal, cases);
    EXPECT_GE(cases, 46u);
  }

  const std::filesystem::path data_ = TestData();
};

TEST_F(Golden, TokenizerJsonGivesThePublishedIds) {
  ExpectAllCases(*LoadFrom(data_ / "tokenizers/all-MiniLM-L6-v2"));
  ExpectAllCases(*LoadFrom(data_ / "models/bert-mini-sts"));
}

TEST_F(Golden, VocabTxtGivesThePublishedIds) {
  ExpectAllCases(*LoadVocabTxt(data_ / "tokenizers/all-MiniLM-L6-v2"));
}

TEST_F(Golden, LanguageModelsGiveThePublishedIdsAndTheTextBack) {
  ExpectAllCases(*LoadFrom(data_ / "tokenizers/gpt2"), "gpt-2", true);
  ExpectAllCases(*LoadFrom(data_ / "tokenizers/qwen2"), "qwen2", true);
  ExpectAllCases(*LoadFrom(data_ / "tokenizers/llama2"), "llama-spm", true);
}

TEST_F(Golden, SentencePieceFileGivesThePublishedIds) {
  TempDir copy;
  std::filesystem::copy(data_ / "tokenizers/llama2/tokenizer.model", copy.path());
  ExpectAllCases(*LoadFrom(copy.path()), "llama-spm", true);
}

TEST_F(Golden, StoriesPromptsGetTheModelsIds) {
  const auto dir = data_ / "models/stories260K";
  const auto tokenizer = LoadFrom(dir);
  const auto golden = checkpoint::ReadJsonFile(dir / "golden-greedy.json");
  ASSERT_TRUE(golden) << golden.error().message;
  for (const auto& item : golden->at("cases")) {
    EXPECT_EQ(tokenizer->Encode(item.at("prompt").get<std::string>(), true),
              item.at("prompt_ids").get<std::vector<TokenId>>());
  }
  EXPECT_EQ(golden->at("cases").size(), 5u);
}

TEST_F(Golden, SentencesOfTheModelGetItsIds) {
  const auto dir = data_ / "models/bert-mini-sts";
  const auto tokenizer = LoadFrom(dir);
  const auto golden = checkpoint::ReadJsonFile(dir / "golden-embeddings.json");
  ASSERT_TRUE(golden) << golden.error().message;
  std::size_t cases = 0;
  for (const auto& item : golden->at("cases")) {
    const auto text = item.at("text").get<std::string>();
    EXPECT_EQ(tokenizer->Encode(text, true), item.at("ids").get<std::vector<TokenId>>()) << text;
    ++cases;
  }
  std::printf("%zu sentences\n", cases);
  EXPECT_GE(cases, 6u);
}

TEST_F(Golden, EveryTokenOfTheVocabularyIsKnownByItsId) {
  const auto dir = data_ / "tokenizers/all-MiniLM-L6-v2";
  const auto json = LoadFrom(dir);
  const auto txt = LoadVocabTxt(dir);
  EXPECT_EQ(json->vocab_size(), 30522u);
  EXPECT_EQ(txt->vocab_size(), 30522u);
  for (TokenId id = 0; id < 30522; ++id) ASSERT_EQ(json->TokenText(id), txt->TokenText(id)) << id;
}

TEST_F(Golden, DecodeGivesTheTextBack) {
  const auto tokenizer = LoadFrom(data_ / "tokenizers/all-MiniLM-L6-v2");
  for (const std::string text :
       {"hello, world!", "a man is playing the violoncello.", "unbelievably fast? yes, it is."}) {
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text, true), true), text);
  }
}

TEST_F(Golden, CasedVocabularyKeepsCaseAndAccents) {
  TempDir dir;
  std::filesystem::copy(data_ / "tokenizers/bert-cased/vocab.txt", dir.path());
  dir.Write("tokenizer_config.json", R"({"do_lower_case": false})");
  const auto tokenizer = LoadFrom(dir.path());
  const auto ids = tokenizer->Encode("Hello World", true);
  ASSERT_EQ(ids.size(), 4u);
  EXPECT_EQ(tokenizer->TokenText(ids[1]), "Hello");
  EXPECT_EQ(tokenizer->TokenText(ids[2]), "World");
}

TEST_F(Golden, PrintsItsSpeed) {
  const auto tokenizer = LoadFrom(data_ / "tokenizers/all-MiniLM-L6-v2");
  const std::string sentence =
      "The daemon reads a deployment plan, starts one isolated worker for each replica of every model, and "
      "proxies "
      "embedding requests to them; caf\u00E9s in S\u00E3o Paulo don't mind. ";
  std::string text;
  for (int i = 0; i < 2000; ++i) text += sentence;
  const std::size_t words = 2000 * 29;
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto ids = tokenizer->Encode(text, true);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - begin;
    ASSERT_GT(ids.size(), words);
    best = std::min(best, took.count());
  }
  std::printf("%.0f ns a word, %.0f MB/s\n", best / words, static_cast<double>(text.size()) * 1e3 / best);
}

}  // namespace
}  // namespace berth::text
