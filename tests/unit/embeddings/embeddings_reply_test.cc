#include "worker/embeddings/embeddings_reply.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

namespace berth::serve {
namespace {

using nlohmann::json;

EmbeddingsRequest Request(int dimensions, bool base64 = false, bool normalize = false) {
  EmbeddingsRequest request;
  request.dimensions = dimensions;
  request.base64 = base64;
  request.normalize = normalize;
  return request;
}

TEST(FinishVector, IsCutFirstAndThenBroughtToUnitLength) {
  const float vector[] = {3, 4, 12};
  EXPECT_EQ(FinishVector(vector, 2, true), (std::vector<float>{0.6F, 0.8F}));
  EXPECT_EQ(FinishVector(vector, 2, false), (std::vector<float>{3, 4}));
}

TEST(FinishVector, AZeroVectorStaysZero) {
  const float vector[] = {0, 0};
  EXPECT_EQ(FinishVector(vector, 2, true), (std::vector<float>{0, 0}));
}

TEST(EmbeddingsReply, HasOpenAisShape) {
  const float vectors[] = {1, 0.5F, -2, 1e-8F};
  const auto reply = json::parse(EmbeddingsReply(Request(2), vectors, 2, "a \"model\"", 7));
  EXPECT_EQ(reply["object"], "list");
  EXPECT_EQ(reply["model"], "a \"model\"");
  EXPECT_EQ(reply["usage"], json({{"prompt_tokens", 7}, {"total_tokens", 7}}));
  ASSERT_EQ(reply["data"].size(), 2u);
  EXPECT_EQ(reply["data"][0], json({{"object", "embedding"}, {"index", 0}, {"embedding", {1.0, 0.5}}}));
  EXPECT_EQ(reply["data"][1]["index"], 1);
  EXPECT_EQ(reply["data"][1]["embedding"][1].get<float>(), 1e-8F);
}

TEST(EmbeddingsReply, NumbersReadBackAsTheSameFloats) {
  std::mt19937 random(3);
  std::vector<float> vector(4096);
  for (float& value : vector) {
    value =
        std::ldexp(static_cast<float>(random()) / 4294967296.0F - 0.5F, static_cast<int>(random() % 60) - 30);
  }
  const auto reply = json::parse(EmbeddingsReply(Request(4096), vector, 4096, "m", 1));
  EXPECT_EQ(reply["data"][0]["embedding"].get<std::vector<float>>(), vector);
}

TEST(EmbeddingsReply, Base64IsTheFloatsBytes) {
  const float vectors[] = {1, -2.5F};
  const auto reply = json::parse(EmbeddingsReply(Request(2, true), vectors, 2, "m", 1));
  EXPECT_EQ(reply["data"][0]["embedding"], "AACAPwAAIMA=");
}

TEST(EmbeddingsReply, AModelNameThatIsNoUtf8StillMakesJson) {
  const float vectors[] = {1};
  EXPECT_TRUE(json::accept(EmbeddingsReply(Request(1), vectors, 1, "\xff", 1)));
}

TEST(EmbedReply, IsAListOfVectors) {
  const float vectors[] = {1, 2, 3, 4};
  EXPECT_EQ(EmbedReply(Request(1), vectors, 2), "[[1],[3]]");
}

}  // namespace
}  // namespace berth::serve
