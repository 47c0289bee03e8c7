#include "worker/completions/routes.h"

#include <utility>

#include "worker/completions/chat_reply.h"
#include "worker/completions/completions_reply.h"
#include "worker/completions/tokenize_chat.h"
#include "worker/serve/text_route.h"
#include "worker/serve/tokenize_route.h"

namespace berth::completions {
namespace {

class ChatWork : public GenerationWork {
 public:
  explicit ChatWork(ChatRequest request) : request_(std::move(request)) {}

  GenerationRequest& request() override { return request_; }
  const char* id_prefix() const override { return "chatcmpl-"; }
  bool prompt_logprobs() const override { return false; }
  std::uint64_t echo_bytes(const text::Tokenizer&) const override { return 0; }
  Parsed<Prompts> MakePrompts(const GenerationService& service, engine::Charge& memory) override {
    auto prompts = PromptsOf(request_, service, memory);
    request_.conversation = {};  // nobody reads it again
    return prompts;
  }
  std::unique_ptr<ReplyShape> MakeShape(const text::Tokenizer& tokenizer, ReplyHead head) const override {
    return ChatShape(request_, tokenizer, std::move(head));
  }

 private:
  ChatRequest request_;
};

class CompletionsWork : public GenerationWork {
 public:
  explicit CompletionsWork(CompletionsRequest request) : request_(std::move(request)) {}

  GenerationRequest& request() override { return request_; }
  const char* id_prefix() const override { return "cmpl-"; }
  bool prompt_logprobs() const override { return request_.echo && request_.logprobs >= 0; }
  std::uint64_t echo_bytes(const text::Tokenizer& tokenizer) const override { return EchoBytes(request_, tokenizer); }
  Parsed<Prompts> MakePrompts(const GenerationService& service, engine::Charge&) override {
    return PromptsOf(request_, service);
  }
  std::unique_ptr<ReplyShape> MakeShape(const text::Tokenizer& tokenizer, ReplyHead head) const override {
    return CompletionsShape(request_, tokenizer, std::move(head));
  }

 private:
  CompletionsRequest request_;
};

Parsed<std::unique_ptr<GenerationWork>> Chat(const nlohmann::json& body, std::string_view text,
                                             const GenerationFacts& model) {
  auto request = ParseChat(body, text, model);
  if (!request) return request.error();
  return std::unique_ptr<GenerationWork>(std::make_unique<ChatWork>(std::move(*request)));
}

Parsed<std::unique_ptr<GenerationWork>> Completions(const nlohmann::json& body, std::string_view,
                                                    const GenerationFacts& model) {
  auto request = ParseCompletions(body, model);
  if (!request) return request.error();
  return std::unique_ptr<GenerationWork>(std::make_unique<CompletionsWork>(std::move(*request)));
}

serve::Route Generating(GenerationService& service, std::string path, ParseGeneration parse) {
  return {std::move(path), [&service, parse](std::shared_ptr<serve::Call> call) {
            return ServeGeneration(service, parse, std::move(call));
          }};
}

}  // namespace

std::vector<serve::Route> GenerationRoutes(GenerationService& service) {
  return {Generating(service, "/v1/chat/completions", Chat),
          Generating(service, "/v1/completions", Completions),
          serve::TextRoute(service.common, "/tokenize",
                           [&service](const nlohmann::json& body, std::string_view text, engine::Charge& memory) {
                             return TokenizeAny(body, text, service, memory);
                           }),
          serve::TextRoute(service.common, "/detokenize", [&service](const nlohmann::json& body, std::string_view, engine::Charge& memory) {
            return serve::Detokenize(body, service.model, service.tokenizer, memory);
          })};
}

}  // namespace berth::completions
