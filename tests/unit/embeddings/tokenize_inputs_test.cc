#include <gtest/gtest.h>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/embeddings/tokenize_inputs.h"

namespace berth::serve {
namespace {

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

}  // namespace
}  // namespace berth::serve
