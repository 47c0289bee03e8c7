#include "worker/embeddings/tokenize_pairs.h"

#include <gtest/gtest.h>

#include "tests/unit/serve/tiny_tokenizer.h"

namespace berth::serve {
namespace {

using Ids = std::vector<text::TokenId>;

const EncoderFacts kModel{{.name = "m", .max_tokens = 8, .vocab_size = 10}, 1};

RerankRequest Ranking(std::string query, std::vector<std::string> documents) {
  RerankRequest request;
  request.query = std::move(query);
  request.documents = std::move(documents);
  return request;
}

std::string Words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "hello ";
  return text;
}

TEST(TokenizePairs, EveryDocumentIsPairedWithTheQuery) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Ranking("query", {"hello world", ":"});
  const auto pairs = TokenizePairs(request, kModel, *tokenizer);
  ASSERT_TRUE(pairs);
  EXPECT_EQ(pairs->ids, (std::vector<Ids>{{2, 8, 3, 5, 6, 3}, {2, 8, 3, 9, 3}}));
  EXPECT_EQ(pairs->seconds, (std::vector<std::size_t>{3, 3}));
  EXPECT_EQ(pairs->total, 11u);
}

TEST(TokenizePairs, BothTextsAreLowercasedWhereTheModelSaysSo) {
  const auto tokenizer = MakeTinyTokenizer();
  EncoderFacts model = kModel;
  model.sentence.lowercase = true;
  auto request = Ranking("QUERY", {"HELLO"});
  EXPECT_EQ(TokenizePairs(request, model, *tokenizer)->ids[0], (Ids{2, 8, 3, 5, 3}));
}

TEST(TokenizePairs, AQueryThatFillsTheContextLeavesRoomForTheDocument) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Ranking(Words(100'000), {"world world", Words(100'000)});
  const auto pairs = TokenizePairs(request, kModel, *tokenizer);
  ASSERT_TRUE(pairs);
  EXPECT_EQ(pairs->ids, (std::vector<Ids>{{2, 5, 5, 5, 3, 6, 6, 3}, {2, 5, 5, 3, 5, 5, 5, 3}}));
}

TEST(TokenizePairs, AQueryThatIsTooLongAloneIsRefusedWhereNothingMayBeCut) {
  const auto tokenizer = MakeTinyTokenizer();
  auto request = Ranking(Words(9), {":"});
  request.truncate = false;
  const auto refused = TokenizePairs(request, kModel, *tokenizer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "context_length_exceeded");
  EXPECT_EQ(refused.error().param, "documents[0]");
  EXPECT_NE(refused.error().message.find("'query' and 'documents[0]' have 13"), std::string::npos)
      << refused.error().message;
}

TEST(TokenizePairs, TokensOfARequestAreLimited) {
  const auto tokenizer = MakeTinyTokenizer();
  EncoderFacts model = kModel;
  model.max_tokens = 4096;
  const std::size_t most = kMaxPairTokens / 4096;
  auto request = Ranking(Words(5000), std::vector<std::string>(most, ":"));
  EXPECT_EQ(TokenizePairs(request, model, *tokenizer)->total, kMaxPairTokens);
  request = Ranking(Words(5000), std::vector<std::string>(most + 1, ":"));
  const auto refused = TokenizePairs(request, model, *tokenizer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "max_tokens_per_request");
  EXPECT_EQ(refused.error().param, "documents");
}

TEST(TokenizePairs, OnlyTextsThatComeBackAreKeptUntilTheReply) {
  const auto tokenizer = MakeTinyTokenizer();
  const std::string text(100, 'x');
  auto request = Ranking(text, {text});
  ASSERT_TRUE(TokenizePairs(request, kModel, *tokenizer));
  EXPECT_EQ(request.query, "");
  EXPECT_EQ(request.documents, std::vector<std::string>{text});
  request.return_documents = false;
  ASSERT_TRUE(TokenizePairs(request, kModel, *tokenizer));
  EXPECT_EQ(request.documents, std::vector<std::string>{""});
}

}  // namespace
}  // namespace berth::serve
