#include "worker/embeddings/rerank_request.h"

#include <gtest/gtest.h>

namespace berth::serve {
namespace {

using nlohmann::json;

TEST(RerankRequest, DefaultsAreTheDialects) {
  const auto jina = ParseRerank({{"query", "q"}, {"documents", {"a", "b"}}}, RerankDialect::kJina);
  ASSERT_TRUE(jina) << jina.error().message;
  EXPECT_EQ(jina->documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(jina->top_n, 2u);
  EXPECT_TRUE(jina->return_documents);
  EXPECT_TRUE(jina->truncate);
  EXPECT_FALSE(jina->raw_scores);
  EXPECT_EQ(jina->truncation, text::Truncation::kRight);
  const auto cohere = ParseRerank({{"query", "q"}, {"documents", {"a"}}}, RerankDialect::kCohere);
  EXPECT_FALSE(cohere->return_documents);
  EXPECT_TRUE(cohere->truncate);
  const auto tei = ParseRerank({{"query", "q"}, {"texts", {"a"}}}, RerankDialect::kTei);
  EXPECT_FALSE(tei->return_documents);
  EXPECT_FALSE(tei->truncate);
}

TEST(RerankRequest, DocumentsMayBeObjectsWithAText) {
  const auto parsed = ParseRerank(
      json::parse(R"({"query":"q","documents":["a",{"text":"b","title":"ignored"}],"max_chunks_per_doc":10,
                      "return_documents":null,"user":"u"})"),
      RerankDialect::kJina);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(parsed->return_documents);
}

TEST(RerankRequest, MistakesNameTheirParameter) {
  struct Case {
    std::string body, param, message;
  };
  const Case table[] = {
      {R"({"documents":["a"]})", "query", "is required"},
      {R"({"query":null,"documents":["a"]})", "query", "is required"},
      {R"({"query":"","documents":["a"]})", "query", "must not be an empty string"},
      {R"({"query":["q"],"documents":["a"]})", "query", "must be a string, not an array"},
      {R"({"query":{"text":"q"},"documents":["a"]})", "query", "must be a string, not an object"},
      {R"({"query":"q"})", "documents", "is required"},
      {R"({"query":"q","texts":["a"]})", "documents", "is required"},
      {R"({"query":"q","documents":"a"})", "documents", "must be an array of strings, not a string"},
      {R"({"query":"q","documents":{}})", "documents", "not an object"},
      {R"({"query":"q","documents":[]})", "documents", "must not be an empty array"},
      {R"({"query":"q","documents":["a",""]})", "documents[1]", "must not be an empty string"},
      {R"({"query":"q","documents":["a",3]})", "documents[1]", "not an integer"},
      {R"({"query":"q","documents":[null]})", "documents[0]", "not null"},
      {R"({"query":"q","documents":[{"title":"a"}]})", "documents[0].text", "must be a string"},
      {R"({"query":"q","documents":[{"text":7}]})", "documents[0].text", "must be a string"},
      {R"({"query":"q","documents":[{"text":""}]})", "documents[0].text", "must not be an empty string"},
      {R"({"query":"q","documents":["a"],"top_n":0})", "top_n", "between 1 and"},
      {R"({"query":"q","documents":["a"],"top_n":-1})", "top_n", "between 1 and"},
      {R"({"query":"q","documents":["a"],"top_n":1.5})", "top_n", "must be an integer"},
      {R"({"query":"q","documents":["a"],"top_n":18446744073709551615})", "top_n", "between 1 and"},
      {R"({"query":"q","documents":["a"],"return_documents":"yes"})", "return_documents", "true or false"},
      {R"({"query":"q","documents":["a"],"raw_scores":1})", "raw_scores", "true or false"},
      {R"({"query":"q","documents":["a"],"truncate":"END"})", "truncate", "true or false"},
      {R"({"query":"q","documents":["a"],"truncation_direction":"up"})", "truncation_direction", "one of"},
      {R"({"query":"q","documents":["a"],"max_tokens_per_doc":0})", "max_tokens_per_doc", "between 1 and"},
      {R"({"query":"q","documents":["a"],"rank_fields":["title"]})", "rank_fields", "is not supported"},
      {R"({"query":"q","documents":["a"],"model":7})", "model", "must be a string"},
  };
  for (const Case& bad : table) {
    const auto parsed = ParseRerank(json::parse(bad.body), RerankDialect::kJina);
    ASSERT_FALSE(parsed) << bad.body;
    EXPECT_EQ(parsed.error().status, 400);
    EXPECT_EQ(parsed.error().param, bad.param) << bad.body;
    EXPECT_NE(parsed.error().message.find(bad.message), std::string::npos) << parsed.error().message;
  }
}

TEST(RerankRequest, TwoThousandDocumentsAreTheMost) {
  json body = {{"query", "q"}, {"documents", std::vector<std::string>(kMaxDocuments, "a")}};
  EXPECT_TRUE(ParseRerank(body, RerankDialect::kJina));
  body["documents"].push_back("a");
  const auto refused = ParseRerank(body, RerankDialect::kJina);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "documents");
  EXPECT_NE(refused.error().message.find("2049 items; at most 2048"), std::string::npos);
}

TEST(RerankRequest, TeiCallsTheDocumentsTexts) {
  const auto refused = ParseRerank({{"query", "q"}, {"texts", {"a", 3}}}, RerankDialect::kTei);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "texts[1]");
}

}  // namespace
}  // namespace berth::serve
