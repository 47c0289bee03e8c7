// The reranking routes of a worker whose model is a function: from the body to the reply.
#include "tests/unit/embeddings/router_fixture.h"

namespace berth::serve {
namespace {

using nlohmann::json;

class RerankRoute : public RouterFixture {
 protected:
  RerankRoute()
      : RouterFixture({{.name = "ranker", .max_tokens = 12, .vocab_size = 10}, 1, false, {}, checkpoint::Task::kRanking}) {}

  // How often the document says "world" (6) more than "hello" (5): a logit.
  std::vector<float> Compute(const engine::Sequence& sequence) override {
    float logit = 0;
    for (const auto id : sequence.ids.subspan(sequence.second)) {
      logit += static_cast<float>(id == 6) - static_cast<float>(id == 5);
    }
    longest = std::max(longest, sequence.ids.size());
    return {logit * scale};
  }

  static std::vector<std::size_t> Order(const json& results) {
    std::vector<std::size_t> order;
    for (const json& one : results) order.push_back(one["index"]);
    return order;
  }

  std::size_t longest = 0;
  float scale = 1;
};

using Indexes = std::vector<std::size_t>;
const json kDocuments = {"hello", "world world", "query", "world", "query query"};
constexpr double kSigmoidOf1 = 0.7310585786300049;

TEST_F(RerankRoute, BestDocumentsComeFirstAndEqualOnesInTheirOrder) {
  auto request =
      Request("/v1/rerank", json{{"model", "theirs"}, {"query", "query"}, {"documents", kDocuments}}.dump());
  request->head.fields.push_back({"x-request-id", "id-1"});
  const auto reply = Send(request);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json body = json::parse(reply.body);
  EXPECT_EQ(Order(body["results"]), (Indexes{1, 3, 2, 4, 0}));
  EXPECT_FLOAT_EQ(body["results"][1]["relevance_score"], kSigmoidOf1);
  EXPECT_FLOAT_EQ(body["results"][2]["relevance_score"], 0.5);
  EXPECT_EQ(body["results"][0]["document"], json({{"text", "world world"}}));
  EXPECT_EQ(body["id"], "id-1");
  EXPECT_EQ(body["object"], "list");
  EXPECT_EQ(body["model"], "theirs");
  // [CLS] query [SEP] … [SEP], five times
  EXPECT_EQ(body["usage"], json({{"prompt_tokens", 27}, {"total_tokens", 27}}));
  EXPECT_EQ(body["meta"]["tokens"]["input_tokens"], 27);
  EXPECT_EQ(FieldOf(reply, "x-prompt-tokens"), "27");
  EXPECT_EQ(FieldOf(reply, "content-type"), "application/json");
  EXPECT_NE(FieldOf(reply, "x-inference-ms"), "");
}

TEST_F(RerankRoute, EachDialectGetsItsReply) {
  const json shared = {{"query", "query"}, {"documents", {"hello", "world"}}, {"texts", {"hello", "world"}}};
  const auto ask = [&](const std::string& path, const std::string& leave_out, const json& more) {
    json body = shared;
    body.erase(leave_out);
    body.update(more);
    const auto reply = Send(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  };
  EXPECT_TRUE(ask("/v1/rerank", "texts", json::object())["results"][0].contains("document"));
  EXPECT_TRUE(ask("/rerank", "texts", json::object())["results"][0].contains("document"));
  EXPECT_FALSE(ask("/v2/rerank", "texts", json::object())["results"][0].contains("document"));
  EXPECT_TRUE(ask("/v2/rerank", "texts", {{"return_documents", true}})["results"][0].contains("document"));
  EXPECT_FALSE(ask("/v1/rerank", "texts", {{"return_documents", false}})["results"][0].contains("document"));
  EXPECT_EQ(ask("/rerank", "documents", {{"raw_scores", true}}),
            json::parse(R"([{"index":1,"score":1.0},{"index":0,"score":-1.0}])"));
  const json tei = ask("/rerank", "documents", {{"return_text", true}});
  EXPECT_EQ(tei[0]["text"], "world");
  EXPECT_FLOAT_EQ(tei[0]["score"], kSigmoidOf1);
}

TEST_F(RerankRoute, ANullIsNoDialect) {
  const json jina = {{"query", "query"}, {"documents", {"hello"}}, {"texts", nullptr}};
  EXPECT_TRUE(json::parse(Send("/rerank", jina).body).contains("results"));
  const json tei = {{"query", "query"}, {"texts", {"hello"}}, {"documents", nullptr}};
  EXPECT_TRUE(json::parse(Send("/rerank", tei).body).is_array());
}

TEST_F(RerankRoute, OrderIsThatOfTheLogitsEvenWhereAllSigmoidsAreOne) {
  scale = 40;
  const json documents = {"world", "world world world", "world world"};
  const json body = json::parse(Send("/v1/rerank", {{"query", "query"}, {"documents", documents}}).body);
  EXPECT_EQ(Order(body["results"]), (Indexes{1, 2, 0}));
  EXPECT_EQ(body["results"][0]["relevance_score"], 1);
  EXPECT_EQ(body["results"][2]["relevance_score"], 1);
}

TEST_F(RerankRoute, TopNCutsTheResultsAndNotTheUsage) {
  const auto top = [&](const json& n) {
    const auto reply = Send("/v1/rerank", {{"query", "query"}, {"documents", kDocuments}, {"top_n", n}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  };
  EXPECT_EQ(Order(top(2)["results"]), (Indexes{1, 3}));
  EXPECT_EQ(top(2)["usage"]["total_tokens"], 27);
  EXPECT_EQ(top(100)["results"].size(), 5u);
  EXPECT_EQ(top(nullptr)["results"].size(), 5u);
}

TEST_F(RerankRoute, WhatIsTooLongIsCutUnlessTheClientForbidsIt) {
  const std::string text = "hello hello hello hello hello hello hello hello hello world";
  const json query = "query";
  EXPECT_EQ(Send("/v1/rerank", {{"query", query}, {"documents", {text}}}).status, 200);
  EXPECT_EQ(longest, 12u);
  const auto forbidden =
      Send("/v1/rerank", {{"query", query}, {"documents", {"hello", text}}, {"truncate", false}});
  EXPECT_EQ(forbidden.status, 400);
  EXPECT_EQ(CodeOf(forbidden), "context_length_exceeded");
  EXPECT_EQ(json::parse(forbidden.body)["error"]["param"], "documents[1]");
  const auto tei = Send("/rerank", {{"query", query}, {"texts", {text}}});
  EXPECT_EQ(CodeOf(tei), "context_length_exceeded");
  EXPECT_EQ(json::parse(tei.body)["error"]["param"], "texts[0]");
  const auto raw = [&](const char* side) {
    const auto reply = Send("/rerank", {{"query", query},
                                        {"texts", {text}},
                                        {"truncate", true},
                                        {"truncation_direction", side},
                                        {"raw_scores", true}});
    return json::parse(reply.body)[0]["score"].get<double>();
  };
  EXPECT_EQ(raw("right"), -8);
  EXPECT_EQ(raw("Left"), -6) << "the end, with its \"world\"";
}

TEST_F(RerankRoute, OnlyTheFirstTokensOfADocumentAreReadOnRequest) {
  const auto reply = Send("/v2/rerank", {{"query", "query"},
                                         {"documents", {"world hello hello hello"}},
                                         {"max_tokens_per_doc", 1},
                                         {"raw_scores", true}});
  const json body = json::parse(reply.body);
  EXPECT_EQ(body["results"][0]["relevance_score"], 1);
  EXPECT_EQ(body["usage"]["total_tokens"], 5);
}

TEST_F(RerankRoute, AModelThatRanksSaysSoOnOtherRoutes) {
  const auto reply = Send("/v1/embeddings", {{"input", "hello"}});
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(CodeOf(reply), "unknown_route");
  EXPECT_NE(reply.body.find("ranks documents, by /v1/rerank, /v2/rerank, /rerank, /tokenize"),
            std::string::npos)
      << reply.body;
  EXPECT_EQ(Send("/tokenize", {{"prompt", "hello"}}).status, 200);
}

TEST_F(RerankRoute, TheClaimIsBegunOnceAndARevokedOneIsNotRun) {
  const json body = {{"query", "query"}, {"documents", kDocuments}};
  const auto claim = table->Offer();
  auto request = Request("/v1/rerank", body.dump());
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  EXPECT_EQ(Send(request).status, 200);
  EXPECT_EQ(service.begun, 1u);
  const auto revoked = table->Offer();
  ASSERT_TRUE(table->TryRevoke(*revoked));
  request = Request("/v1/rerank", body.dump());
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*revoked)});
  EXPECT_EQ(CodeOf(Send(request)), "claim_lost");
  EXPECT_EQ(service.begun, 1u);
}

TEST_F(RerankRoute, AClientThatLeavesCancelsWhatWaits) {
  const auto reply =
      LeaveWhileWaiting(Request("/v1/rerank", json{{"query", "query"}, {"documents", kDocuments}}.dump()));
  EXPECT_EQ(CodeOf(reply), "cancelled");
  EXPECT_EQ(service.begun, 0u);
}

}  // namespace
}  // namespace berth::serve
