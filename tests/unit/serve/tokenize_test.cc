#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/embeddings/tokenize_inputs.h"
#include "worker/serve/tokenize_route.h"

namespace berth::serve {
namespace {

using nlohmann::json;
using Ids = std::vector<text::TokenId>;

const EncoderFacts kModel{{.name = "m", .max_tokens = 6, .vocab_size = 10}, 8};

EmbeddingsRequest Texts(std::vector<std::string> texts) {
  EmbeddingsRequest request;
  request.texts = std::move(texts);
  return request;
}

TEST(TokenizeInputs, CountsSpecialTokens) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({"hello world", "worlds"});
  const auto inputs = TokenizeInputs(request, kModel, *tokenizer);
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->ids, (std::vector<Ids>{{2, 5, 6, 3}, {2, 6, 7, 3}}));
  EXPECT_EQ(inputs->total, 8u);
}

TEST(TokenizeInputs, TokenIdsAreTakenAsTheyAre) {
  const auto tokenizer = MakeTinyTokenizer();
  EmbeddingsRequest request;
  request.tokens = {{5, 6}};
  const auto inputs = TokenizeInputs(request, kModel, *tokenizer);
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->ids, std::vector<Ids>({{5, 6}}));
}

TEST(TokenizeInputs, AnInputThatIsTooLongIsRefusedWithItsNumber) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({"hello", "hello hello hello hello hello"});
  const auto inputs = TokenizeInputs(request, kModel, *tokenizer);
  ASSERT_FALSE(inputs);
  EXPECT_EQ(inputs.error().code, "context_length_exceeded");
  EXPECT_EQ(inputs.error().param, "input[1]");
  EXPECT_NE(inputs.error().message.find("has 7"), std::string::npos) << inputs.error().message;
  request = Texts({"hello hello hello hello hello"});
  request.single = true;
  EXPECT_EQ(TokenizeInputs(request, kModel, *tokenizer).error().param, "input");
}

TEST(TokenizeInputs, TruncationKeepsTheEndThatIsAskedFor) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({"hello hello hello world world world"});
  request.truncate = true;
  auto left = request;
  EXPECT_EQ(TokenizeInputs(request, kModel, *tokenizer)->ids[0], (Ids{2, 5, 5, 5, 6, 3}));
  left.truncation = text::Truncation::kLeft;
  EXPECT_EQ(TokenizeInputs(left, kModel, *tokenizer)->ids[0], (Ids{2, 5, 6, 6, 6, 3}));
  request.truncation = text::Truncation::kLeft;
  request.texts.clear();
  request.tokens = {{1, 2, 3, 4, 5, 6, 7}};
  EXPECT_EQ(TokenizeInputs(request, kModel, *tokenizer)->ids[0], (Ids{2, 3, 4, 5, 6, 7}));
  request.truncation = text::Truncation::kRight;
  request.tokens = {{1, 2, 3, 4, 5, 6, 7}};
  EXPECT_EQ(TokenizeInputs(request, kModel, *tokenizer)->ids[0], (Ids{1, 2, 3, 4, 5, 6}));
}

TEST(TokenizeInputs, APromptGoesInFrontAndIsLeftOutOfThePoolingWhereTheModelSaysSo) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({"hello"});
  request.prompt = "query: ";
  auto again = request;
  EncoderFacts model = kModel;
  const auto with = TokenizeInputs(request, model, *tokenizer);
  EXPECT_EQ(with->ids[0], (Ids{2, 8, 9, 5, 3}));
  EXPECT_EQ(with->skip, 0u);
  model.sentence.include_prompt = false;
  EXPECT_EQ(TokenizeInputs(again, model, *tokenizer)->skip, 3u) << "[CLS] query :";
}

TEST(TokenizeInputs, TextIsLowercasedWhereTheModelSaysSo) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({"HELLO"});
  EncoderFacts model = kModel;
  EXPECT_EQ(TokenizeInputs(request, model, *tokenizer)->ids[0], (Ids{2, 1, 3}));
  request = Texts({"HELLO"});
  model.sentence.lowercase = true;
  EXPECT_EQ(TokenizeInputs(request, model, *tokenizer)->ids[0], (Ids{2, 5, 3}));
}

TEST(PrepareText, LowersByCharactersAndLeavesNothingIllFormed) {
  EncoderFacts model = kModel;
  EXPECT_EQ(PrepareText("A\xFF", model), "A\xFF") << "the tokenizer's own matter";
  model.sentence.lowercase = true;
  EXPECT_EQ(PrepareText("ÄB\xC4\xB0\xFF", model), "äbi\xCC\x87\xEF\xBF\xBD");
}

// A request may wait long for its turn, with up to 8 MiB of text that nobody reads again.
TEST(TokenizeInputs, TextsAreNotKeptUntilTheReply) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Texts({std::string(100, 'x')});
  ASSERT_TRUE(TokenizeInputs(request, kModel, *tokenizer));
  EXPECT_EQ(request.texts, std::vector<std::string>{""});
}

TEST(TokenizeInputs, TokensOfARequestAreLimited) {
  const auto tokenizer = MakeTinyTokenizer();
  EmbeddingsRequest request;
  request.tokens.assign(1001, Ids(300, 5));
  EncoderFacts model = kModel;
  model.max_tokens = 300;
  const auto inputs = TokenizeInputs(request, model, *tokenizer);
  ASSERT_FALSE(inputs);
  EXPECT_NE(inputs.error().message.find("300000"), std::string::npos);
}

TEST(Tokenize, HasVllmsShape) {
  const auto tokenizer = MakeTinyTokenizer();
  EXPECT_EQ(json::parse(*Tokenize({{"model", "m"}, {"prompt", "hello worlds"}}, kModel, *tokenizer)),
            json({{"count", 5}, {"max_model_len", 6}, {"tokens", {2, 5, 6, 7, 3}}}));
  EXPECT_EQ(
      json::parse(*Tokenize({{"text", "hello"}, {"add_special_tokens", false}, {"return_token_strs", true}},
                            kModel, *tokenizer)),
      json({{"count", 1}, {"max_model_len", 6}, {"tokens", {5}}, {"token_strs", {"hello"}}}));
}

TEST(Tokenize, BadRequestsNameTheParameter) {
  const auto tokenizer = MakeTinyTokenizer();
  const std::pair<json, std::string> cases[] = {
      {json::object(), "prompt"},
      {{{"prompt", 3}}, "prompt"},
      {{{"prompt", "a"}, {"text", "b"}}, "text"},
      {{{"prompt", "a"}, {"add_special_tokens", 1}}, "add_special_tokens"},
      {{{"prompt", "a"}, {"return_token_strs", "x"}}, "return_token_strs"},
      {{{"messages", json::array()}}, "messages"},
      {{{"prompt", "a"}, {"model", 1}}, "model"},
  };
  for (const auto& [body, param] : cases) {
    const auto reply = Tokenize(body, kModel, *tokenizer);
    ASSERT_FALSE(reply) << body;
    EXPECT_EQ(reply.error().param, param) << body;
  }
}

TEST(Detokenize, GivesTextBackAndChecksIds) {
  const auto tokenizer = MakeTinyTokenizer();
  const auto detokenize = [&](const char* body) { return Detokenize(json::parse(body), kModel, *tokenizer); };
  const auto text = detokenize(R"({"tokens":[5,6,7]})");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"({"prompt":"hello worlds"})");
  const std::pair<const char*, std::string> cases[] = {{R"({"tokens":[5,10]})", "tokens[1]"},
                                                       {R"({"tokens":[-1]})", "tokens[0]"},
                                                       {R"({"tokens":"a"})", "tokens"},
                                                       {R"({})", "tokens"}};
  for (const auto& [body, param] : cases) {
    const auto refused = detokenize(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().param, param) << body;
  }
}

}  // namespace
}  // namespace berth::serve
