#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "supervisor/route/router.h"

namespace berth::route {
namespace {

std::string MessageFor(std::string_view path, const std::vector<std::string>& served) {
  const auto response = RouteNotServed("m", path, served);
  EXPECT_EQ(response.status, 404);
  const auto error = nlohmann::json::parse(response.body)["error"];
  EXPECT_EQ(error["code"], "unknown_route");
  return error["message"];
}

TEST(RouteNotServed, SaysWhatTheModelIsForInstead) {
  EXPECT_EQ(MessageFor("/v1/embeddings", {"/v1/rerank", "/v2/rerank", "/rerank", "/tokenize"}),
            "the model \"m\" has no route /v1/embeddings; it is for rerank, by /v1/rerank, /v2/rerank, /rerank");
  EXPECT_EQ(MessageFor("/rerank", {"/v1/embeddings", "/embed", "/tokenize", "/detokenize"}),
            "the model \"m\" has no route /rerank; it is for embeddings, by /v1/embeddings, /embed");
}

TEST(RouteNotServed, RoutesThatTheDaemonDoesNotKnowAreNotOffered) {
  EXPECT_EQ(MessageFor("/rerank", {"/secret"}), "the model \"m\" has no route /rerank");
}

}  // namespace
}  // namespace berth::route
