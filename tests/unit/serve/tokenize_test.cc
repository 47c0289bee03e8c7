#include <gtest/gtest.h>
#include <malloc.h>

#include <nlohmann/json.hpp>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/serve/json_text.h"
#include "worker/serve/tokenize_route.h"

namespace berth::serve {
namespace {

using nlohmann::json;

const ModelFacts kModel{.name = "m", .max_tokens = 6, .vocab_size = 10};

TEST(Tokenize, HasVllmsShape) {
  const auto tokenizer = MakeTinyTokenizer();
  engine::Charge memory;
  EXPECT_EQ(json::parse(*Tokenize({{"model", "m"}, {"prompt", "hello worlds"}}, kModel, *tokenizer, memory)),
            json({{"count", 5}, {"max_model_len", 6}, {"tokens", {2, 5, 6, 7, 3}}}));
  EXPECT_EQ(
      json::parse(*Tokenize({{"text", "hello"}, {"add_special_tokens", false}, {"return_token_strs", true}},
                            kModel, *tokenizer, memory)),
      json({{"count", 1}, {"max_model_len", 6}, {"tokens", {5}}, {"token_strs", {"hello"}}}));
}

TEST(Tokenize, BadRequestsNameTheParameter) {
  const auto tokenizer = MakeTinyTokenizer();
  engine::Charge memory;
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
    const auto reply = Tokenize(body, kModel, *tokenizer, memory);
    ASSERT_FALSE(reply) << body;
    EXPECT_EQ(reply.error().param, param) << body;
  }
}

TEST(Detokenize, GivesTextBackAndChecksIds) {
  const auto tokenizer = MakeTinyTokenizer();
  engine::Charge memory;
  const auto detokenize = [&](const char* body) { return Detokenize(json::parse(body), kModel, *tokenizer, memory); };
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

TEST(Detokenize, ATextThatDoesNotFitIntoTheBudgetIsRefusedBeforeItIsMade) {
  const auto tokenizer = MakeTinyTokenizer();
  engine::Budget budget(KiB(4));
  engine::Charge memory;
  ASSERT_TRUE(memory.Hold(budget, 100));
  json tokens = json::array();
  for (int i = 0; i < 200; ++i) tokens.push_back(5U);
  const auto fits = Detokenize(json::object({{"tokens", tokens}}), kModel, *tokenizer, memory);
  ASSERT_TRUE(fits);
  EXPECT_GE(budget.taken(), 100 + 200 * sizeof(text::TokenId) + 2 * 200 * 5) << "as text and in the reply";
  ASSERT_TRUE(memory.Hold(budget, 100));
  for (int i = 0; i < 200; ++i) tokens.push_back(5U);
  const auto refused = Detokenize(json::object({{"tokens", tokens}}), kModel, *tokenizer, memory);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_EQ(refused.error().code, "over_budget");
}

TEST(JsonText, AStringInPiecesIsTheStringAtOnce) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += i % 7 == 0 ? "é\"\n" : i % 5 == 0 ? "\xE2\x82" : "a€";
  std::string pieces;
  AppendJsonString(text, pieces);
  EXPECT_EQ(pieces, JsonText(text));
}

// What nlohmann's tree really holds, for texts of many small values: not less than is said, and not many times as much.
TEST(JsonText, ATreeHoldsAboutWhatIsSaidOfIt) {
  const auto many = [](const std::string& one) {
    std::string text = "[" + one;
    for (int i = 0; i < 20'000; ++i) text += "," + one;
    return text + "]";
  };
  for (const char* one : {"{}", "1", "[]", R"({"a":1})", R"("a string of some length")", R"({"role":"user","content":"hello"})"}) {
    const std::string text = many(one);
    const std::size_t before = ::mallinfo2().uordblks;
    const json tree = json::parse(text);
    const std::size_t held = ::mallinfo2().uordblks - before;
    EXPECT_LE(held, JsonTreeBytes(text)) << one;
    EXPECT_TRUE(held == 0 || held * 5 >= JsonTreeBytes(text)) << one << ": " << held;
  }
}

}  // namespace
}  // namespace berth::serve
