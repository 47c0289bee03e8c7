#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/serve/tokenize_route.h"

namespace berth::serve {
namespace {

using nlohmann::json;

const ModelFacts kModel{.name = "m", .max_tokens = 6, .vocab_size = 10};

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
