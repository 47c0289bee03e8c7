#include "worker/completions/completions_request.h"

#include <gtest/gtest.h>

#include "worker/serve/body_fields.h"

namespace berth::completions {
namespace {

const GenerationFacts kModel{{.name = "m", .max_tokens = 100, .vocab_size = 10}};

Parsed<CompletionsRequest> Parse(const std::string& text) {
  const auto body = serve::ParseBody(text);
  EXPECT_TRUE(body) << text;
  return ParseCompletions(*body, kModel);
}

CompletionsRequest Good(const std::string& text) {
  auto request = Parse(text);
  EXPECT_TRUE(request) << text << ": " << (request ? "" : request.error().message);
  return request ? std::move(*request) : CompletionsRequest{};
}

TEST(CompletionsRequest, APromptHasFourForms) {
  const CompletionsRequest text = Good(R"({"prompt":"a"})");
  ASSERT_EQ(text.prompts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(text.prompts[0]), "a");
  EXPECT_EQ(text.ParamOf(0), "prompt");
  const CompletionsRequest texts = Good(R"({"prompt":["a",""]})");
  ASSERT_EQ(texts.prompts.size(), 2U);
  EXPECT_EQ(std::get<std::string>(texts.prompts[1]), "") << "which may have tokens of its own";
  EXPECT_EQ(texts.ParamOf(1), "prompt[1]");
  const CompletionsRequest ids = Good(R"({"prompt":[1,9]})");
  ASSERT_EQ(ids.prompts.size(), 1U);
  EXPECT_EQ(std::get<PromptTokens>(ids.prompts[0]), (PromptTokens{1, 9}));
  const CompletionsRequest lists = Good(R"({"prompt":[[1],[2,3]]})");
  ASSERT_EQ(lists.prompts.size(), 2U);
  EXPECT_EQ(std::get<PromptTokens>(lists.prompts[1]), (PromptTokens{2, 3}));
}

TEST(CompletionsRequest, ItsOwnParametersArrive) {
  const CompletionsRequest plain = Good(R"({"prompt":"a"})");
  EXPECT_FALSE(plain.max_tokens);
  EXPECT_FALSE(plain.echo);
  EXPECT_TRUE(plain.add_special_tokens);
  const CompletionsRequest request =
      Good(R"({"prompt":"a","echo":true,"logprobs":5,"max_tokens":0,"n":2,"best_of":20,"suffix":""})");
  EXPECT_TRUE(request.echo);
  EXPECT_EQ(request.max_tokens, 0);
  EXPECT_EQ(request.logprobs, 5);
  EXPECT_EQ(request.n, 2);
  EXPECT_EQ(request.best_of, 20);
}

struct Bad {
  std::string body;
  std::string param;
  std::string words;
};

const Bad kBad[] = {
    {R"({})", "prompt", "required"},
    {R"({"prompt":7})", "prompt", "must be a string, an array"},
    {R"({"prompt":[]})", "prompt", "empty"},
    {R"({"prompt":[[]]})", "prompt[0]", "empty"},
    {R"({"prompt":[10]})", "prompt[0]", "between 0 and 9"},
    {R"({"prompt":[-1]})", "prompt[0]", "between 0 and 9"},
    {R"({"prompt":[1,"a"]})", "prompt[1]", "between 0 and 9"},
    {R"({"prompt":["a",1]})", "prompt[1]", "while the items before it are strings"},
    {R"({"prompt":[{}]})", "prompt[0]", "an object"},
    {R"({"prompt":[[1],[2,99]]})", "prompt[1][1]", "between 0 and 9"},
    {R"({"prompt":"a","logprobs":6})", "logprobs", "between 0 and 5"},
    {R"({"prompt":"a","logprobs":true})", "logprobs", "an integer"},
    {R"({"prompt":"a","max_tokens":0})", "max_tokens", "between 1 and 100"},
    {R"({"prompt":"a","max_tokens":101})", "max_tokens", "between 1 and 100"},
    {R"({"prompt":"a","best_of":21})", "best_of", "between 1 and 20"},
    {R"({"prompt":"a","n":3,"best_of":2})", "best_of", "at least as many"},
    {R"({"prompt":"a","best_of":2,"stream":true})", "best_of", "streamed"},
    {R"({"prompt":"a","suffix":"b"})", "suffix", "not supported"},
    {R"({"prompt":"a","echo":1})", "echo", "true or false"},
    {R"({"prompt":"a","min_tokens":17})", "min_tokens", "more than 'max_tokens', which is 16"},
    {R"({"prompt":["a","a","a","a","a","a","a","a","a"],"n":128})", "n", "1152 completions"},
};

TEST(CompletionsRequest, EveryMistakeIsA400ThatNamesItsParameter) {
  for (const Bad& bad : kBad) {
    const auto request = Parse(bad.body);
    ASSERT_FALSE(request) << bad.body;
    EXPECT_EQ(request.error().status, 400);
    EXPECT_EQ(request.error().param, bad.param) << bad.body << ": " << request.error().message;
    EXPECT_NE(request.error().message.find(bad.words), std::string::npos) << bad.body << ": " << request.error().message;
  }
}

}  // namespace
}  // namespace berth::completions
