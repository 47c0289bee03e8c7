// The routes of a language model whose generator is a fake: from the body to the reply, whole and streamed.
#include "worker/completions/generation_route.h"

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

class GenerationRoute : public GenerationFixture {
 protected:
  using GenerationFixture::GenerationFixture;

  void SayHelloWorld() {
    generate = [](Job& job) {
      job.cached_tokens = 1;
      job.deliver(Says("hello", 5));
      job.deliver(Says(" world", 6));
      job.deliver(Ends(Delta::Finish::kStop));
      job.ended(JobEnd::kDone);
    };
  }
  static std::string FieldOf(const std::vector<http::Field>& fields, std::string_view name) {
    for (const auto& field : fields) {
      if (http::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return "";
  }
};

TEST_F(GenerationRoute, AConversationIsAnsweredWhole) {
  SayHelloWorld();
  auto request = Request("/v1/chat/completions", kHello);
  request->head.fields.push_back({"x-request-id", "id-1"});
  request->head.fields.push_back({"X-Berth-Model-Requested", "gpt-4"});
  Send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200) << response->body;
  const json body = json::parse(response->body);
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(body["model"], "gpt-4");
  EXPECT_EQ(body["system_fingerprint"], "fp_test");
  EXPECT_GT(body["created"], 1'600'000'000);
  EXPECT_EQ(body["choices"].size(), 1U);
  const json& choice = body["choices"][0];
  EXPECT_EQ(choice["index"], 0);
  EXPECT_EQ(choice["message"], json({{"role", "assistant"}, {"content", "hello world"}, {"refusal", nullptr}}));
  EXPECT_TRUE(choice["logprobs"].is_null());
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(body["usage"], json({{"prompt_tokens", 2},
                                 {"completion_tokens", 2},
                                 {"total_tokens", 4},
                                 {"prompt_tokens_details", {{"cached_tokens", 1}}}}));
  EXPECT_EQ(FieldOf(response->fields, "x-request-id"), "id-1");
  EXPECT_EQ(FieldOf(response->fields, "x-prompt-tokens"), "2");
  EXPECT_EQ(FieldOf(response->fields, "content-type"), "application/json");
  EXPECT_NE(FieldOf(response->fields, "openai-processing-ms"), "");
  ASSERT_EQ(last->prompts.size(), 1U);
  EXPECT_EQ(last->prompts[0], (std::vector<std::int32_t>{5, 6})) << "no special tokens around what a template wrote";
  EXPECT_EQ(last->stopping.max_tokens, 30) << "all that fits";
  EXPECT_EQ(cancelled, 1) << "a job that is over is given up, which changes nothing";
}

TEST_F(GenerationRoute, AConversationIsStreamedAsTheSpecificationSays) {
  SayHelloWorld();
  auto request = Request("/v1/chat/completions", Chat(R"("stream":true,"stream_options":{"include_usage":true})"));
  request->head.fields.push_back({"x-request-id", "id-1"});
  Send(request);
  EXPECT_FALSE(response) << "it was streamed";
  EXPECT_EQ(exchange->status, 200);
  EXPECT_EQ(FieldOf(exchange->fields, "content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(FieldOf(exchange->fields, "cache-control"), "no-cache");
  EXPECT_EQ(FieldOf(exchange->fields, "x-accel-buffering"), "no");
  EXPECT_EQ(FieldOf(exchange->fields, "x-request-id"), "id-1");
  const auto events = exchange->events();
  ASSERT_EQ(events.size(), 5U) << exchange->text();
  EXPECT_EQ(events[0]["choices"][0]["delta"], json({{"role", "assistant"}, {"content", ""}}));
  EXPECT_EQ(events[1]["choices"][0]["delta"], json({{"content", "hello world"}})) << "merged: nobody was reading";
  EXPECT_TRUE(events[1]["choices"][0]["finish_reason"].is_null());
  EXPECT_EQ(events[2]["choices"][0]["delta"], json::object());
  EXPECT_EQ(events[2]["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(events[3]["choices"], json::array());
  EXPECT_EQ(events[3]["usage"]["completion_tokens"], 2);
  EXPECT_EQ(events[3]["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
  EXPECT_EQ(events[4], "data: [DONE]");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(events[i]["object"], "chat.completion.chunk");
    EXPECT_EQ(events[i]["id"], events[0]["id"]);
    EXPECT_EQ(events[i]["created"], events[0]["created"]);
    EXPECT_EQ(events[i]["model"], "m");
    EXPECT_TRUE(events[i].contains("usage"));
    EXPECT_EQ(events[i]["usage"].is_null(), i < 3);
  }
  EXPECT_TRUE(exchange->ended);
}

TEST_F(GenerationRoute, TheUsageIsNotThereUnlessItIsAskedFor) {
  SayHelloWorld();
  Send(Request("/v1/chat/completions", Chat(R"("stream":true)")));
  const auto events = exchange->events();
  ASSERT_EQ(events.size(), 4U) << exchange->text();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(events[i].contains("usage"));
}

TEST_F(GenerationRoute, EachStepIsSentAsItComesWhileTheClientReads) {
  std::thread generator;
  std::counting_semaphore<> read{0};
  generate = [&](Job&) {
    generator = std::thread([&, job = last] {
      for (const char* word : {"one", "two", "three"}) {
        read.acquire();
        job->deliver(Says(word, 5));
      }
      job->deliver(Ends(Delta::Finish::kLength));
      job->ended(JobEnd::kDone);
    });
  };
  Start(Request("/v1/chat/completions", Chat(R"("stream":true)")));
  exchange->on_chunk = [&] {
    if (exchange->chunks.back() != ": ping\n\n") read.release();
  };
  Finish();
  generator.join();
  for (const char* word : {"one", "two", "three"}) {
    const json expected = {{"content", word}};
    int found = 0;
    for (const auto& event : exchange->events()) {
      found += event.is_object() && event["choices"][0]["delta"] == expected;
    }
    EXPECT_EQ(found, 1) << word << "\n" << exchange->text();
  }
  EXPECT_EQ(exchange->events().back(), "data: [DONE]");
}

TEST_F(GenerationRoute, SilenceIsBrokenByComments) {
  std::thread generator;
  std::counting_semaphore<> pings{0};
  generate = [&](Job&) {
    generator = std::thread([&, job = last] {
      pings.acquire();
      pings.acquire();
      job->ended(JobEnd::kDone);
    });
  };
  Start(Request("/v1/completions", R"({"prompt":"hello","stream":true})"));
  exchange->on_chunk = [&] {
    if (exchange->chunks.back() == ": ping\n\n") pings.release();
  };
  Finish();
  generator.join();
  EXPECT_EQ(exchange->chunks.back(), "data: [DONE]\n\n");
}

// Nobody is silent for an hour here.
class PatientGenerationRoute : public GenerationRoute {
 protected:
  PatientGenerationRoute() : GenerationRoute(std::chrono::hours(1)) {}
};

TEST_F(PatientGenerationRoute, ATokenWhoseTextIsWithheldIsNoSilence) {
  std::thread generator;
  std::binary_semaphore taken{0};
  generate = [&](Job& job) {
    job.deliver(Says("", 5));
    generator = std::thread([&, job = last] {
      taken.acquire();
      job->deliver(Says("hello", 6));
      job->ended(JobEnd::kDone);
    });
  };
  Start(Request("/v1/chat/completions", Chat(R"("stream":true)")));
  exchange->on_chunk = [&] {  // when nothing else is to be done: the first token was taken then
    if (exchange->chunks.size() == 1) boost::asio::post(io, [&] { taken.release(); });
  };
  Finish();
  generator.join();
  EXPECT_EQ(exchange->text().find("ping"), std::string::npos) << exchange->text();
  EXPECT_EQ(exchange->events().size(), 3U) << exchange->text();
}

TEST_F(GenerationRoute, AFailureOnTheWayIsAnEventOfItsErrorAndNoDone) {
  generate = [](Job& job) {
    job.deliver(Says("hello", 5));
    job.error = "secret";
    job.ended(JobEnd::kFailed);
  };
  Send(Request("/v1/chat/completions", Chat(R"("stream":true)")));
  const auto events = exchange->events();
  EXPECT_EQ(events.back()["error"]["type"], "server_error");
  EXPECT_EQ(events.back()["error"]["code"], "inference_failed");
  EXPECT_EQ(exchange->text().find("[DONE]"), std::string::npos);
  EXPECT_EQ(exchange->text().find("secret"), std::string::npos);
}

TEST_F(GenerationRoute, WhatIsRefusedBeforeItBeginsIsNoStream) {
  const auto claim = table->Offer();
  ASSERT_TRUE(table->TryRevoke(*claim));
  auto request = Request("/v1/chat/completions", Chat(R"("stream":true)"));
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  Send(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(exchange->status, 0) << "a status that was not sent can still be another";
}

TEST_F(GenerationRoute, AClientThatLeavesAStreamGivesItsJobUp) {
  std::thread generator;
  generate = [&](Job&) {
    generator = std::thread([&, job = last] {
      job->deliver(Says("hello", 5));
      while (!job->cancelled) std::this_thread::yield();
      job->ended(JobEnd::kCancelled);
    });
  };
  Start(Request("/v1/chat/completions", Chat(R"("stream":true)")));
  exchange->on_chunk = [&] { exchange->Leave(); };
  Finish();
  generator.join();
  EXPECT_EQ(cancelled, 1);
  EXPECT_FALSE(exchange->ended);
}

TEST_F(GenerationRoute, AClientThatLeavesBeforeItsWholeReplyGivesItsJobUp) {
  std::thread generator;
  std::binary_semaphore begun{0};
  generate = [&](Job&) {
    generator = std::thread([&, job = last] {
      begun.release();
      while (!job->cancelled) std::this_thread::yield();
      job->ended(JobEnd::kCancelled);
    });
  };
  Start(Request("/v1/chat/completions", kHello));
  io.poll();
  begun.acquire();
  exchange->Leave();
  Finish();
  generator.join();
  EXPECT_EQ(cancelled, 1);
}

// What a client may leave unread fits.
class RoomyGenerationRoute : public GenerationRoute {
 protected:
  RoomyGenerationRoute() : GenerationRoute(std::chrono::milliseconds(5), MiB(4)) {}
};

TEST_F(RoomyGenerationRoute, AClientWhoDoesNotReadIsGivenUpWithoutHoldingTheGeneratorUp) {
  std::thread generator;
  std::binary_semaphore opened{0}, overflowed{0};
  int delivered = 0;
  generate = [&](Job&) {
    generator = std::thread([&, job = last] {
      opened.acquire();
      for (; !job->cancelled && delivered < 100; ++delivered) job->deliver(Says(std::string(100'000, 'a'), 5));
      job->ended(JobEnd::kCancelled);
      overflowed.release();
    });
  };
  Start(Request("/v1/completions", R"({"prompt":"hello","stream":true})"));
  exchange->on_chunk = [&] {  // the first thing that is sent never gets through until all is over
    if (exchange->chunks.size() > 1) return;
    opened.release();
    overflowed.acquire();
  };
  Finish();
  generator.join();
  EXPECT_LT(delivered, 15) << "about a MiB";
  EXPECT_EQ(exchange->events().back()["error"]["code"], "cancelled") << exchange->text().substr(0, 500);
  exchange->OnGone(nullptr);  // as the server does when a request is over
  last.reset();
  EXPECT_EQ(budget.taken(), 0U);
}

TEST_F(GenerationRoute, ChoicesOfAllPromptsAreNumberedThrough) {
  generate = [](Job& job) {
    for (std::size_t prompt = 0; prompt < 2; ++prompt) {
      for (int choice = 1; choice >= 0; --choice) {
        job.deliver(Says("p" + std::to_string(prompt) + "c" + std::to_string(choice), 5, prompt, choice));
        job.deliver(Ends(Delta::Finish::kLength, prompt, choice));
      }
    }
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/completions", R"({"prompt":["hello","hello world"],"n":2,"echo":true,"max_tokens":3})");
  ASSERT_EQ(body["choices"].size(), 4U) << body;
  const char* expected[] = {"hellop0c0", "hellop0c1", "hello worldp1c0", "hello worldp1c1"};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(body["choices"][i]["index"], i);
    EXPECT_EQ(body["choices"][i]["text"], expected[i]);
    EXPECT_EQ(body["choices"][i]["finish_reason"], "length");
  }
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_TRUE(body["id"].get<std::string>().starts_with("cmpl-"));
  EXPECT_EQ(body["usage"]["prompt_tokens"], 7) << "[CLS] hello [SEP], and one more";
  EXPECT_EQ(body["usage"]["completion_tokens"], 4);
  EXPECT_EQ(last->choices, 2);
  EXPECT_EQ(last->stopping.max_tokens, 3);
}

TEST_F(GenerationRoute, ALongPromptDoesNotShortenTheOthersAnswers) {
  Whole("/v1/completions", R"({"prompt":[[5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5],[5]]})");
  EXPECT_EQ(last->stopping.max_tokens, 16) << "29 of 32 tokens leave 3: that choice's own bound is the context";
}

TEST_F(GenerationRoute, WhatARequestLeavesOutIsAsThePublisherSays) {
  facts.default_max_tokens = 7;
  facts.default_min_tokens = 5;
  facts.default_stops = {"###"};
  Whole("/v1/chat/completions", kHello);
  EXPECT_EQ(last->stopping.max_tokens, 7);
  EXPECT_EQ(last->stopping.min_tokens, 5);
  EXPECT_EQ(last->stopping.stop, std::vector<std::string>{"###"});
  Whole("/v1/chat/completions", Chat(R"("max_tokens":3,"stop":"x")"));
  EXPECT_EQ(last->stopping.max_tokens, 3);
  EXPECT_EQ(last->stopping.min_tokens, 3) << "the default gives way to what is asked for";
  EXPECT_EQ(last->stopping.stop, (std::vector<std::string>{"x", "###"}));
  facts.default_max_tokens = 0;
  facts.default_max_length = 10;
  Whole("/v1/chat/completions", kHello);
  EXPECT_EQ(last->stopping.max_tokens, 8) << "10 with the prompt's two";
}

TEST_F(GenerationRoute, AFinalMessageOfPartsGoesOnAfterItsLastText) {
  service.render = [](const chat::ChatRequest&, const chat::Hold&) -> Result<std::string> { return std::string("hello\nworld hello world world"); };
  const json body = Whole("/v1/chat/completions", R"({"continue_final_message":true,"messages":[
      {"role":"user","content":"hello"},
      {"role":"assistant","content":[{"type":"text","text":"hello"},{"type":"text","text":"world hello"}]}]})");
  ASSERT_EQ(last->prompts.size(), 1U) << body;
  EXPECT_EQ(last->prompts[0], (std::vector<std::int32_t>{5, 6, 5}));
}

TEST_F(GenerationRoute, ChatLogprobsHaveBytesAndAlternatives) {
  generate = [](Job& job) {
    EXPECT_EQ(job.logprobs, 2);
    Delta delta = Says("hello", 5);
    delta.tokens[0].top[1].logprob = -std::numeric_limits<float>::infinity();
    job.deliver(std::move(delta));
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/chat/completions", Chat(R"("logprobs":true,"top_logprobs":2)"));
  const json& content = body["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 1U) << body;
  EXPECT_EQ(content[0]["logprob"], -0.25);
  EXPECT_EQ(content[0]["top_logprobs"].size(), 2U);
  EXPECT_EQ(content[0]["top_logprobs"][1]["logprob"], -9999.0);
  const std::string token = content[0]["token"];
  EXPECT_NE(token.find("hello"), std::string::npos);
  EXPECT_EQ(content[0]["bytes"].size(), token.size());
  EXPECT_EQ(content[0]["bytes"].back(), 'o');
}

TEST_F(GenerationRoute, CompletionLogprobsBeginWithTheEchoedPromptWhoseFirstTokenHasNone) {
  generate = [](Job& job) {
    EXPECT_TRUE(job.prompt_logprobs);
    Delta prompt;
    prompt.tokens = {{.id = 5, .of_prompt = true}, {.id = 6, .of_prompt = true, .logprob = -1.5F, .top = {{5, -0.5F}}}};
    job.deliver(std::move(prompt));
    job.deliver(Says(" hello", 5));
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/completions", R"({"prompt":[5,6],"echo":true,"logprobs":1})");
  const json& logprobs = body["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["token_logprobs"], json({nullptr, -1.5, -0.25})) << body;
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  EXPECT_EQ(logprobs["top_logprobs"][1].size(), 2U) << "the alternative, and the token itself";
  EXPECT_EQ(logprobs["tokens"].size(), 3U);
  EXPECT_EQ(logprobs["text_offset"], json({0, 5, 11})) << "hello| world| hello";
}

TEST_F(GenerationRoute, OnlyThePromptComesBackWhereNothingIsToBeGenerated) {
  generate = [](Job& job) {
    EXPECT_EQ(job.stopping.max_tokens, 0);
    Delta prompt = Ends(Delta::Finish::kLength);
    prompt.tokens = {{.id = 5, .of_prompt = true}};
    job.deliver(std::move(prompt));
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/completions", R"({"prompt":[5],"echo":true,"logprobs":0,"max_tokens":0})");
  EXPECT_EQ(body["choices"][0]["text"], "hello") << body;
  EXPECT_EQ(body["choices"][0]["logprobs"]["tokens"].size(), 1U);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 0);
}

TEST_F(GenerationRoute, TheLikeliestOfManyAreKeptAndAllAreCounted) {
  generate = [](Job& job) {
    EXPECT_EQ(job.choices, 3);
    EXPECT_EQ(job.logprobs, 0);
    for (int choice = 0; choice < 3; ++choice) {
      Delta delta = Says(std::string(1, static_cast<char>('a' + choice)), 5, 0, choice);
      delta.tokens[0].logprob = static_cast<float>(-3 + choice);
      job.deliver(std::move(delta));
    }
    job.ended(JobEnd::kDone);
  };
  const json body = Whole("/v1/completions", R"({"prompt":"hello","best_of":3})");
  ASSERT_EQ(body["choices"].size(), 1U);
  EXPECT_EQ(body["choices"][0]["text"], "c");
  EXPECT_TRUE(body["choices"][0]["logprobs"].is_null());
  EXPECT_EQ(body["usage"]["completion_tokens"], 3);
}

TEST_F(GenerationRoute, WhatDoesNotFitIntoTheContextIsA400WithTheNumbers) {
  const json chat = Whole("/v1/chat/completions", Chat(R"("max_tokens":31)"));
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(chat["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(chat["error"]["param"], "messages");
  EXPECT_NE(chat["error"]["message"].get<std::string>().find("32 tokens"), std::string::npos) << chat;
  std::string ids = "[[5],[5";
  for (int i = 0; i < 31; ++i) ids += ",5";
  const json completions = Whole("/v1/completions", R"({"prompt":)" + ids + "]]}");
  EXPECT_EQ(completions["error"]["param"], "prompt[1]") << completions;
  EXPECT_EQ(completions["error"]["code"], "context_length_exceeded");
  // The default of 16 gives way; what was asked for does not.
  EXPECT_TRUE(Whole("/v1/completions", R"({"prompt":[5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5]})").contains("choices"));
  EXPECT_EQ(last->stopping.max_tokens, 12);
}

TEST_F(GenerationRoute, WhatTheTemplateSaysIsTheRequestsMistake) {
  const json body = Whole("/v1/chat/completions", R"({"messages":[{"role":"user","content":"raise"}]})");
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(body["error"]["param"], "messages");
  EXPECT_EQ(body["error"]["message"], "the template says no");
}

TEST_F(GenerationRoute, WithoutATemplateThereIsNoChat) {
  service.render = nullptr;
  const json body = Whole("/v1/chat/completions", kHello);
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(body["error"]["code"], "no_chat_template");
}

TEST_F(GenerationRoute, AnOpenLastMessageIsGoneOnWithFromItsEnd) {
  Send(Request("/v1/chat/completions",
               R"({"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":"query "}],
                   "continue_final_message":true})"));
  EXPECT_EQ(last->prompts[0], (std::vector<std::int32_t>{5, 8}));
}

TEST_F(GenerationRoute, TheSaltIsTheProxysAndAClientsWithin) {
  auto request = Request("/v1/completions", R"({"prompt":"hello","cache_salt":"mine"})");
  request->head.fields.push_back({"X-Berth-Cache-Salt", "tenant"});
  Send(request);
  EXPECT_EQ(last->cache_salt, "tenant\nmine");
}

TEST_F(GenerationRoute, ConversationsAreTokenisedAsTheTemplateWritesThem) {
  const json body = Whole("/tokenize", R"({"messages":[{"role":"user","content":"hello"}],"return_token_strs":true})");
  EXPECT_EQ(body["tokens"], json({5, 6})) << body;
  EXPECT_EQ(body["count"], 2);
  EXPECT_EQ(body["max_model_len"], 32);
  EXPECT_EQ(body["token_strs"], json({"hello", "world"}));
  EXPECT_EQ(Whole("/tokenize", R"({"prompt":"hello"})")["tokens"], json({2, 5, 3}));
  EXPECT_EQ(Whole("/tokenize", R"({"prompt":"hello","messages":[{"role":"user","content":"a"}]})")["error"]["param"],
            "prompt");
  EXPECT_EQ(Whole("/detokenize", R"({"tokens":[5,6]})")["prompt"], "hello world");
}

TEST_F(GenerationRoute, AnotherKindsRouteNamesThoseThatThereAre) {
  const json body = Whole("/v1/embeddings", R"({"input":"hello"})");
  EXPECT_EQ(response->status, 404);
  EXPECT_NE(body["error"]["message"].get<std::string>().find("writes text, by /v1/chat/completions, /v1/completions"),
            std::string::npos);
}

}  // namespace
}  // namespace berth::completions
