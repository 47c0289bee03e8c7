#include "worker/completions/chat_request.h"

#include <gtest/gtest.h>

#include "worker/serve/body_fields.h"

namespace berth::completions {
namespace {

GenerationFacts Facts() {
  GenerationFacts facts{{.name = "chat", .max_tokens = 100, .vocab_size = 10}};
  facts.defaults.temperature = 0.6;
  facts.defaults.top_k = 20;
  return facts;
}

Parsed<ChatRequest> Parse(const std::string& text) {
  const auto body = serve::ParseBody(text);
  EXPECT_TRUE(body) << text << ": " << (body ? "" : body.error().message);
  return ParseChat(*body, text, Facts());
}

// A request whose other parameters are good.
std::string ManyKeys(int count) {
  nlohmann::json object;
  for (int i = 0; i < count; ++i) object["k" + std::to_string(i)] = i;
  return object.dump();
}

std::string With(const std::string& more) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])" + (more.empty() ? "" : "," + more) + "}";
}

ChatRequest Good(const std::string& text) {
  auto request = Parse(text);
  EXPECT_TRUE(request) << text << ": " << (request ? "" : request.error().message);
  return request ? std::move(*request) : ChatRequest{};
}

TEST(ChatRequest, WhatIsLeftOutIsTheModelsOrOpenAis) {
  const ChatRequest request = Good(With(""));
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.n, 1);
  EXPECT_EQ(request.best_of, 1);
  EXPECT_EQ(request.logprobs, -1);
  EXPECT_FALSE(request.stream);
  EXPECT_FALSE(request.max_tokens);
  EXPECT_EQ(request.sampling.temperature, 0.6);
  EXPECT_EQ(request.sampling.top_k, 20);
  EXPECT_EQ(request.sampling.top_p, 1);
  EXPECT_FALSE(request.sampling.seed);
  EXPECT_TRUE(request.skip_special_tokens);
  EXPECT_TRUE(request.conversation.chat.add_generation_prompt);
  EXPECT_TRUE(request.conversation.chat.tools.is_null());
  EXPECT_TRUE(request.unread.empty());
}

TEST(ChatRequest, EveryParameterArrives) {
  const ChatRequest request = Good(With(
      R"("temperature":0,"top_p":0.5,"top_k":-1,"min_p":0.1,"typical_p":0.9,"repetition_penalty":1.1,"presence_penalty":-2,
         "frequency_penalty":2,"logit_bias":{"3":-100,"4":1.5},"seed":-1,"n":3,"stop":["a","bc"],"stop_token_ids":[1,2],
         "min_tokens":2,"ignore_eos":true,"include_stop_str_in_output":true,"skip_special_tokens":false,
         "max_tokens":50,"max_completion_tokens":40,"logprobs":true,"top_logprobs":20,"stream":true,
         "stream_options":{"include_usage":true},"user":"u","response_format":{"type":"text"},"cache_salt":"s",
         "chat_template_kwargs":{"enable_thinking":false},"documents":[{"text":"d"}])"));
  EXPECT_EQ(request.sampling.temperature, 0);
  EXPECT_EQ(request.sampling.top_p, 0.5);
  EXPECT_EQ(request.sampling.top_k, 0) << "all";
  EXPECT_EQ(request.sampling.min_p, 0.1);
  EXPECT_EQ(request.sampling.typical_p, 0.9);
  EXPECT_EQ(request.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(request.sampling.presence_penalty, -2);
  EXPECT_EQ(request.sampling.frequency_penalty, 2);
  EXPECT_EQ(request.sampling.logit_bias, (std::map<std::int32_t, float>{{3, -100.F}, {4, 1.5F}}));
  EXPECT_EQ(request.sampling.seed, ~std::uint64_t{0});
  EXPECT_EQ(request.n, 3);
  EXPECT_EQ(request.best_of, 3);
  EXPECT_EQ(request.stopping.stop, (std::vector<std::string>{"a", "bc"}));
  EXPECT_EQ(request.stopping.stop_token_ids, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(request.stopping.min_tokens, 2);
  EXPECT_TRUE(request.stopping.ignore_eos);
  EXPECT_TRUE(request.stopping.include_stop);
  EXPECT_FALSE(request.skip_special_tokens);
  EXPECT_EQ(request.max_tokens, 40) << "the newer name wins";
  EXPECT_EQ(request.logprobs, 20);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.cache_salt, "s");
  EXPECT_EQ(request.conversation.chat.kwargs.dump(), R"({"enable_thinking":false})");
  EXPECT_EQ(request.conversation.chat.documents.dump(), R"([{"text":"d"}])");
}

TEST(ChatRequest, MessagesAndToolsKeepTheirOrder) {
  const ChatRequest request = Good(
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"hi"}],"zeta":1,"alpha":2}],
          "tools":[{"type":"function","function":{"name":"f","parameters":{"z":1,"a":2}}}],"tool_choice":"auto"})");
  EXPECT_EQ(request.conversation.chat.messages.dump(),
            R"([{"role":"user","content":[{"type":"text","text":"hi"}],"zeta":1,"alpha":2}])");
  EXPECT_EQ(request.conversation.chat.tools.dump(),
            R"([{"type":"function","function":{"name":"f","parameters":{"z":1,"a":2}}}])");
}

TEST(ChatRequest, ToolsAreNotShownWhereNoneIsToBeCalled) {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none")";
  EXPECT_TRUE(Good(With(tools)).conversation.chat.tools.is_null());
  EXPECT_TRUE(Good(With(R"("tools":[])")).conversation.chat.tools.is_null());
}

TEST(ChatRequest, AnAssistantMayHaveCalledToolsAndSaidNothing) {
  Good(R"({"messages":[{"role":"user","content":"hi"},
      {"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","content":"4","tool_call_id":"1"},{"role":"developer","content":"d"}]})");
}

TEST(ChatRequest, AnOpenLastMessageIsGoneOnWith) {
  const ChatRequest request = Good(With(R"("continue_final_message":true)"));
  EXPECT_TRUE(request.conversation.continue_final_message);
  EXPECT_FALSE(request.conversation.chat.add_generation_prompt);
}

TEST(ChatRequest, WhatHasNoEffectIsTold) {
  const ChatRequest request = Good(With(R"("frobnicate":1,"zzz":null,"metadata":{},"store":false)"));
  EXPECT_EQ(request.unread, (std::vector<std::string>{"frobnicate", "zzz"}));
}

TEST(ChatRequest, NullIsAsGoodAsAbsentAndSoIsWhatIsOff) {
  Good(With(R"("temperature":null,"stop":null,"logit_bias":null,"tools":null,"tool_choice":null,"response_format":null,
               "logprobs":null,"top_logprobs":null,"max_tokens":null,"seed":null,"stream_options":null,"audio":null,
               "use_beam_search":false,"functions":[],"modalities":["text"],"n":null)"));
  Good(With(R"("stop":[])"));
}

struct Bad {
  std::string body;
  std::string param;
  std::string words;
};

const Bad kBad[] = {
    {R"({"model":"m"})", "messages", "required"},
    {R"({"messages":"hi"})", "messages", "must be an array"},
    {R"({"messages":[]})", "messages", "empty"},
    {R"({"messages":["hi"]})", "messages[0]", "must be an object"},
    {R"({"messages":[{"content":"hi"}]})", "messages[0].role", "must be a string"},
    {R"({"messages":[{"role":"robot","content":"hi"}]})", "messages[0].role", "must be one of"},
    {R"({"messages":[{"role":"user"}]})", "messages[0].content", "required"},
    {R"({"messages":[{"role":"user","content":null}]})", "messages[0].content", "required"},
    {R"({"messages":[{"role":"user","content":7}]})", "messages[0].content", "a string or an array of parts"},
    {R"({"messages":[{"role":"user","content":["a"]}]})", "messages[0].content[0]", "must be an object"},
    {R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]}]})",
     "messages[0].content[1].type", "must be 'text'"},
    {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})", "messages[0].content[0].text", "must be a string"},
    {R"({"messages":[{"role":"assistant","tool_calls":{}}]})", "messages[0].tool_calls", "must be an array"},
    {R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]})", "messages[0].tool_calls[0].function", "object"},
    {With(R"("temperature":2.1)"), "temperature", "between 0.0 and 2.0"},
    {With(R"("temperature":-0.1)"), "temperature", "between"},
    {With(R"("temperature":"1")"), "temperature", "must be a number"},
    {With(R"("top_p":1.01)"), "top_p", "between"},
    {With(R"("top_k":-2)"), "top_k", "between"},
    {With(R"("top_k":1.5)"), "top_k", "an integer"},
    {With(R"("min_p":-1)"), "min_p", "between"},
    {With(R"("typical_p":0)"), "typical_p", "between"},
    {With(R"("repetition_penalty":0)"), "repetition_penalty", "between"},
    {With(R"("presence_penalty":2.5)"), "presence_penalty", "between"},
    {With(R"("frequency_penalty":-3)"), "frequency_penalty", "between"},
    {With(R"("logit_bias":[1])"), "logit_bias", "an object"},
    {With(R"("logit_bias":{"x":1})"), "logit_bias", "\"x\""},
    {With(R"("logit_bias":{"10":1})"), "logit_bias", "between 0 and 9"},
    {With(R"("logit_bias":{"1 ":1})"), "logit_bias", "no token id"},
    {With(R"("logit_bias":{"1":101})"), "logit_bias.1", "between -100 and 100"},
    {With(R"("seed":1.5)"), "seed", "an integer"},
    {With(R"("seed":9223372036854775808)"), "seed", "between"},
    {With("\"cache_salt\":\"" + std::string(257, 's') + "\""), "cache_salt", "has 257 bytes; at most 256"},
    {With("\"metadata\":{\"a\":" + ManyKeys(2049) + "}"), "metadata", "more than 2048 keys"},
    {With(R"("best_of":2)"), "best_of", "not supported here"},
    {With(R"("return_token_ids":true)"), "return_token_ids", "not supported"},
    {With(R"("spaces_between_special_tokens":false)"), "spaces_between_special_tokens", "must be true"},
    {With(R"("n":0)"), "n", "between 1 and 128"},
    {With(R"("n":129)"), "n", "between 1 and 128"},
    {With(R"("stop":7)"), "stop", "must be a string"},
    {With(R"("stop":"")"), "stop", "empty"},
    {With(R"("stop":["a",""])"), "stop[1]", "empty"},
    {With(R"("stop":["1","2","3","4","5"])"), "stop", "at most 4"},
    {With(R"("stop_token_ids":[10])"), "stop_token_ids[0]", "between 0 and 9"},
    {With(R"("stop_token_ids":7)"), "stop_token_ids", "an array"},
    {With(R"("min_tokens":-1)"), "min_tokens", "between"},
    {With(R"("min_tokens":5,"max_tokens":4)"), "min_tokens", "more than 'max_tokens'"},
    {With(R"("ignore_eos":1)"), "ignore_eos", "true or false"},
    {With(R"("max_tokens":0)"), "max_tokens", "between 1 and 100"},
    {With(R"("max_completion_tokens":101)"), "max_completion_tokens", "between 1 and 100"},
    {With(R"("logprobs":2)"), "logprobs", "true or false"},
    {With(R"("top_logprobs":2)"), "top_logprobs", "needs"},
    {With(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs", "between 0 and 20"},
    {With(R"("stream":"yes")"), "stream", "true or false"},
    {With(R"("stream_options":{"include_usage":true})"), "stream_options", "streamed"},
    {With(R"("stream":true,"stream_options":{"include_usage":1})"), "stream_options.include_usage", "true or false"},
    {With(R"("stream":true,"stream_options":7)"), "stream_options", "an object"},
    {With(R"("response_format":{"type":"json_object"})"), "response_format.type", "not supported yet"},
    {With(R"("response_format":{"type":"json_schema","json_schema":{"name":"x"}})"), "response_format.type", "yet"},
    {With(R"("response_format":{"type":"xml"})"), "response_format.type", "must be one of"},
    {With(R"("response_format":"text")"), "response_format", "an object"},
    {With(R"("tools":7)"), "tools", "an array"},
    {With(R"("tools":[{"type":"retrieval"}])"), "tools[0].type", "'function'"},
    {With(R"("tools":[{"type":"function"}])"), "tools[0].function", "name"},
    {With(R"("tool_choice":"required")"), "tool_choice", "not supported yet"},
    {With(R"("tool_choice":{"type":"function","function":{"name":"f"}})"), "tool_choice", "not supported yet"},
    {With(R"("tool_choice":"sometimes")"), "tool_choice", "must be one of"},
    {With(R"("parallel_tool_calls":1)"), "parallel_tool_calls", "true or false"},
    {With(R"("functions":[{"name":"f"}])"), "functions", "tools"},
    {With(R"("function_call":"auto")"), "function_call", "tools"},
    {With(R"("modalities":["text","audio"])"), "modalities", "[\"text\"]"},
    {With(R"("audio":{"voice":"x"})"), "audio", "not supported"},
    {With(R"("guided_json":{"type":"object"})"), "guided_json", "structured output"},
    {With(R"("use_beam_search":true)"), "use_beam_search", "not supported"},
    {With(R"("echo":true)"), "echo", "/v1/completions"},
    {With(R"("chat_template":"{{ x }}")"), "chat_template", "plan"},
    {With(R"("chat_template_kwargs":[])"), "chat_template_kwargs", "an object"},
    {With(R"("documents":["d"])"), "documents[0]", "an object"},
    {With(R"("continue_final_message":true,"add_generation_prompt":true)"), "continue_final_message", "not both"},
    {With(R"("model":7)"), "model", "a string"},
};

TEST(ChatRequest, EveryMistakeIsA400ThatNamesItsParameter) {
  for (const Bad& bad : kBad) {
    // A duplicate key ("model" twice) is refused before: read what the parser makes of it directly.
    const auto body = nlohmann::json::parse(bad.body);
    const auto request = ParseChat(body, bad.body, Facts());
    ASSERT_FALSE(request) << bad.body;
    EXPECT_EQ(request.error().status, 400) << bad.body;
    EXPECT_EQ(request.error().param, bad.param) << bad.body << ": " << request.error().message;
    EXPECT_NE(request.error().message.find(bad.words), std::string::npos) << bad.body << ": " << request.error().message;
  }
}

}  // namespace
}  // namespace berth::completions
