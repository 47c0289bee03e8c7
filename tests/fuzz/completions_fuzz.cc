// JSON bodies of a language model's routes. The first byte chooses the route, the second what the model is like. What is
// refused names its parameter; what is accepted is within the model's limits, means the same when it is written again,
// and is for the model that the proxy's scan of the same body saw. A conversation that goes on is cut behind its last
// message, whatever the template makes of it.
#include <algorithm>

#include "supervisor/route/body_model.h"
#include "tests/fuzz/fuzz.h"
#include "worker/completions/chat_request.h"
#include "worker/completions/completions_request.h"
#include "worker/completions/prompts.h"
#include "worker/protocol/http_message.h"

namespace berth::fuzz {
namespace {

using completions::ChatRequest;
using completions::CompletionsRequest;
using completions::GenerationFacts;
using completions::GenerationRequest;
using completions::PromptTokens;
using nlohmann::json;

GenerationFacts FactsOf(std::uint8_t how) {
  GenerationFacts facts{{.name = "chat", .max_tokens = how & 1 ? 16 : 4096, .vocab_size = how & 2 ? 10 : 32'000}};
  if (how & 4) facts.defaults.temperature = 0;
  return facts;
}

void CheckError(const serve::ApiError& error) {
  Require(!error.message.empty(), "an error says what is wrong");
  Require(error.status == 400, "a request's mistake is a 400");
  Require(!error.param.empty(), "an error names its parameter", error.message);
  Require(error.message.size() <= 1500, "an error does not repeat the request", error.message);
  const auto reply = http::ErrorResponse(error.status, error.code, error.message, error.param);
  Require(!json::parse(reply.body, nullptr, false).is_discarded(), "an error is sent as JSON", reply.body);
}

bool IsIn(double value, double least, double most) { return value >= least && value <= most; }

void CheckCommon(const GenerationRequest& r, const GenerationFacts& facts, const route::BodyModel& seen) {
  // The proxy refuses a null; behind it nobody sees one.
  if (seen.error.empty()) Require(r.model == seen.model.value_or(""), "the worker sees the proxy's model", r.model);
  Require(r.n >= 1 && r.n <= completions::kMostChoices && r.best_of >= r.n, "choices are bounded");
  Require(!r.max_tokens || (*r.max_tokens >= 0 && *r.max_tokens <= facts.max_tokens), "tokens are bounded");
  const engine::Sampling& s = r.sampling;
  Require(IsIn(s.temperature, 0, 2) && IsIn(s.top_p, 0, 1) && IsIn(s.min_p, 0, 1) && IsIn(s.typical_p, 0, 1) &&
              s.repetition_penalty > 0 && IsIn(s.presence_penalty, -2, 2) && IsIn(s.frequency_penalty, -2, 2) &&
              s.top_k >= 0,
          "sampling is within its bounds");
  for (const auto& [id, bias] : s.logit_bias) {
    Require(id >= 0 && id < facts.vocab_size && IsIn(static_cast<double>(bias), -100, 100), "biases are of the vocabulary");
  }
  Require(r.stopping.stop.size() <= completions::kMostStops, "stops are bounded");
  for (const std::string& stop : r.stopping.stop) Require(!stop.empty(), "no stop is empty");
  for (const auto id : r.stopping.stop_token_ids) Require(id >= 0 && id < facts.vocab_size, "stops are of the vocabulary");
  Require(!r.include_usage || r.stream, "the usage is an event of a stream");
}

json Rewritten(const GenerationRequest& r) {
  json body = {{"model", r.model}, {"n", r.n}, {"stream", r.stream}, {"skip_special_tokens", r.skip_special_tokens},
               {"add_special_tokens", r.add_special_tokens}, {"cache_salt", r.cache_salt}};
  const engine::Sampling& s = r.sampling;
  body["temperature"] = s.temperature;
  body["top_p"] = s.top_p;
  body["top_k"] = s.top_k;
  body["min_p"] = s.min_p;
  body["typical_p"] = s.typical_p;
  body["repetition_penalty"] = s.repetition_penalty;
  body["presence_penalty"] = s.presence_penalty;
  body["frequency_penalty"] = s.frequency_penalty;
  if (s.seed) body["seed"] = static_cast<std::int64_t>(*s.seed);
  for (const auto& [id, bias] : s.logit_bias) body["logit_bias"][std::to_string(id)] = bias;
  body["stop"] = r.stopping.stop;
  body["stop_token_ids"] = r.stopping.stop_token_ids;
  body["min_tokens"] = r.stopping.min_tokens;
  body["ignore_eos"] = r.stopping.ignore_eos;
  body["include_stop_str_in_output"] = r.stopping.include_stop;
  if (r.include_usage) body["stream_options"]["include_usage"] = true;
  if (r.max_tokens) body[r.max_tokens_key] = *r.max_tokens;
  return body;
}

// As a client sends it: numbers without a sign.
json Sent(const json& body) { return json::parse(body.dump()); }

json Rewritten(const CompletionsRequest& r) {
  json body = Rewritten(static_cast<const GenerationRequest&>(r));
  json prompts = json::array();
  for (const auto& prompt : r.prompts) {
    std::visit([&](const auto& one) { prompts.push_back(one); }, prompt);
  }
  body["prompt"] = r.single ? prompts.front() : prompts;
  body["echo"] = r.echo;
  if (r.best_of > r.n) body["best_of"] = r.best_of;
  if (r.logprobs >= 0) body["logprobs"] = r.logprobs;
  return Sent(body);
}

void Completions(const json& body, const GenerationFacts& facts, const route::BodyModel& seen) {
  const auto request = completions::ParseCompletions(body, facts);
  if (!request) return CheckError(request.error());
  CheckCommon(*request, facts, seen);
  Require(!request->prompts.empty() && request->prompts.size() <= completions::kMostPrompts, "prompts are bounded");
  Require(!request->stream || request->best_of == request->n, "the best of many is not streamed");
  const bool mixed = std::ranges::any_of(
      request->prompts, [&](const auto& prompt) { return prompt.index() != request->prompts.front().index(); });
  Require(!mixed, "prompts are of one form");
  const auto again = completions::ParseCompletions(Rewritten(*request), facts);
  Require(again.has_value(), "what was accepted is accepted when written again", again ? "" : again.error().message);
  Require(Rewritten(*again) == Rewritten(*request), "what is written again means the same");
  Require(again->unread.empty(), "what is written again is all read");
}

json Rewritten(const ChatRequest& r) {
  json body = Rewritten(static_cast<const GenerationRequest&>(r));
  const chat::ChatRequest& chat = r.conversation.chat;
  body["messages"] = json::parse(chat.messages.dump());
  body["tools"] = json::parse(chat.tools.dump());
  body["documents"] = json::parse(chat.documents.dump());
  body["chat_template_kwargs"] = json::parse(chat.kwargs.dump());
  body["add_generation_prompt"] = chat.add_generation_prompt;
  body["continue_final_message"] = r.conversation.continue_final_message;
  if (r.logprobs >= 0) {
    body["logprobs"] = true;
    body["top_logprobs"] = r.logprobs;
  }
  return Sent(body);
}

void CheckConversation(const completions::Conversation& conversation) {
  const auto render = [](const chat::ChatRequest& chat, const chat::Hold&) -> Result<std::string> {
    std::string text = chat.add_generation_prompt ? "" : "<";
    for (const auto& message : chat.messages) {
      if (message.contains("content") && message["content"].is_string()) text += message["content"].get<std::string>();
    }
    return text + ">";
  };
  engine::Charge memory;
  const auto text = completions::RenderConversation(conversation, render, memory);
  if (!text) return CheckError(text.error());
  const std::string all = *render(conversation.chat, {});
  Require(all.starts_with(*text), "what goes on is the beginning of what the template wrote", *text);
  Require(conversation.continue_final_message || *text == all, "what does not go on is all of it");
}

void Chat(const json& body, std::string_view text, const GenerationFacts& facts, const route::BodyModel& seen) {
  const auto request = completions::ParseChat(body, text, facts);
  if (!request) return CheckError(request.error());
  CheckCommon(*request, facts, seen);
  Require(request->max_tokens != 0, "a reply has at least a token");
  const json rewritten = Rewritten(*request);
  const auto again = completions::ParseChat(rewritten, rewritten.dump(), facts);
  Require(again.has_value(), "what was accepted is accepted when written again", again ? "" : again.error().message);
  Require(Rewritten(*again) == rewritten, "what is written again means the same");
  CheckConversation(request->conversation);
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::uint8_t which = slices.Byte();
  const GenerationFacts facts = FactsOf(slices.Byte());
  const std::string_view text = slices.Rest();
  const auto body = serve::ParseBody(text);
  if (!body) return;  // the fuzzer of requests looks at what is refused there
  const route::BodyModel seen = route::ReadBodyModel(text);
  if (which % 2 == 0) return Completions(*body, facts, seen);
  Chat(*body, text, facts, seen);
}

const Registration kRegistration("completions", Run);

}  // namespace
}  // namespace berth::fuzz
