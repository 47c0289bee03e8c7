// What a request for text takes from the memory budget, from its body to its reply; and what does not fit.
#include <malloc.h>

#include "tests/unit/completions/fake_generator.h"

namespace berth::completions {
namespace {

using engine::Delta;
using engine::JobEnd;
using nlohmann::json;

constexpr const char* kHello = R"({"messages":[{"role":"user","content":"hello"}]})";

std::string Chat(const std::string& more) {
  return R"({"messages":[{"role":"user","content":"hello"}],)" + more + "}";
}

class GenerationMemory : public GenerationFixture {
 protected:
  std::string RetryAfter() const {
    const auto found = std::ranges::find(response->fields, "Retry-After", &http::Field::name);
    return found == response->fields.end() ? "" : found->value;
  }
};

TEST_F(GenerationMemory, TheReplysTextIsTakenFromTheBudgetBeforeItIsWritten) {
  std::uint64_t taken = 0;
  generate = [&](Job& job) {
    for (int i = 0; i < 100; ++i) {
      Delta delta = Says("hello", 5);
      delta.tokens[0].top.assign(20, {5, -0.123456789F});
      job.deliver(std::move(delta));
    }
    taken = budget.taken();
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/chat/completions", Chat(R"("logprobs":true,"top_logprobs":20)"));
  EXPECT_EQ(body["choices"][0]["logprobs"]["content"].size(), 100U);
  EXPECT_GE(taken, response->body.size());
  EXPECT_LT(taken, 3 * response->body.size());
}

// One token, and many bytes: blanks are no tokens here.
std::string Echoing(int n, bool stream) {
  return R"({"echo":true,"max_tokens":3,"n":)" + std::to_string(n) + R"(,"stream":)" + (stream ? "true" : "false") +
         R"(,"prompt":"hello)" + std::string(20'000, ' ') + "\"}";
}

TEST_F(GenerationMemory, APromptThatComesBackTooOftenForTheBudgetIsRefusedBeforeItRuns) {
  EXPECT_EQ(Whole("/v1/completions", Echoing(2, false))["choices"].size(), 0U) << "the fake generator says nothing";
  EXPECT_EQ(response->status, 200);
  last.reset();
  const json body = Whole("/v1/completions", Echoing(128, false));
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(body["error"]["code"], "over_budget");
  EXPECT_EQ(RetryAfter(), "1");
  EXPECT_FALSE(last);
}

TEST_F(GenerationMemory, AStreamedPromptComesBackPieceByPiece) {
  Send(Request("/v1/completions", Echoing(128, true)));
  EXPECT_EQ(exchange->events().size(), 129U);
  EXPECT_EQ(exchange->events()[127]["choices"][0]["index"], 127);
  for (const std::string& chunk : exchange->chunks) EXPECT_LT(chunk.size(), 100'000U);
}

TEST_F(GenerationMemory, ABodyWhoseTreeDoesNotFitIntoTheBudgetIsRefusedUnparsed) {
  std::string documents = "{}";
  for (int i = 0; i < 10'000; ++i) documents += ",{}";
  const auto claim = table->Offer();
  auto request = Request("/v1/chat/completions", Chat(R"("documents":[)" + documents + "]"));
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  Send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503) << "30 kB, and more than a megabyte once parsed";
  EXPECT_TRUE(table->IsBegun(*claim)) << "it would fit nowhere else";
}

TEST_F(GenerationMemory, AConversationIsGoneWhenItsJobRuns) {
  std::string documents = "{}";
  for (int i = 0; i < 3000; ++i) documents += ",{}";
  std::size_t held = 0;
  generate = [&](Job& job) {
    EXPECT_LT(budget.taken(), 20'000U);
    held = ::mallinfo2().uordblks;
    job.ended(JobEnd::kDone);
  };
  auto request = Request("/v1/chat/completions", Chat(R"("documents":[)" + documents + "]"));
  const std::size_t before = ::mallinfo2().uordblks;
  Send(std::move(request));
  EXPECT_LT(held, before + 100'000) << "3,000 empty objects are more";
}

TEST_F(GenerationMemory, WhatTheTemplateTakesIsTakenFromTheBudget) {
  std::uint64_t most = 0;
  std::uint64_t wanted = 100'000;
  service.render = [&](const chat::ChatRequest&, const chat::Hold& hold) -> Result<std::string> {
    if (!hold(wanted)) return MakeError(ErrorKind::kUnavailable, "no");
    most = budget.taken();
    return std::string("hello world");
  };
  Whole("/v1/chat/completions", kHello);
  EXPECT_EQ(response->status, 200);
  EXPECT_GT(most, 100'000U);
  wanted = MiB(2).count;
  const json body = Whole("/v1/chat/completions", kHello);
  EXPECT_EQ(response->status, 503);
  EXPECT_EQ(body["error"]["code"], "over_budget");
  EXPECT_NE(body["error"]["message"].get<std::string>().find("2 MiB more asked for"), std::string::npos) << body;
  exchange->OnGone(nullptr);
  last.reset();
  EXPECT_EQ(budget.taken(), 0U);
}

TEST_F(GenerationMemory, APromptThatDoesNotFitIntoTheBudgetIsThatRequestsAnswer) {
  const std::string body = R"({"prompt":[5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5]})";
  ASSERT_TRUE(budget.Take(MiB(1).count - body.size()));
  const auto claim = table->Offer();
  auto request = Request("/v1/completions", body);
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  Send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503) << response->body;
  EXPECT_TRUE(table->IsBegun(*claim));
  EXPECT_FALSE(last);
}

}  // namespace
}  // namespace berth::completions
