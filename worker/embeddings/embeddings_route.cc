#include "worker/embeddings/embeddings_route.h"

#include <utility>

#include "worker/embeddings/embeddings_reply.h"

namespace berth::serve {
namespace {

class EmbeddingsWork : public Work {
 public:
  EmbeddingsWork(EmbeddingsRequest request, bool tei) : request_(std::move(request)), tei_(tei) {}

  std::string_view model() const override { return request_.model; }

  Parsed<TokenizedInputs> Tokenize(const EncoderService& service) override {
    return TokenizeInputs(request_, service.model, service.tokenizer);
  }

  std::string Reply(const EncoderService& service, const Outcome& outcome) const override {
    const int dimensions = service.model.dimensions;
    if (tei_) return EmbedReply(request_, outcome.vectors, dimensions);
    return EmbeddingsReply(request_, outcome.vectors, dimensions, outcome.model, outcome.prompt_tokens);
  }

 private:
  EmbeddingsRequest request_;
  const bool tei_;
};

Parsed<std::unique_ptr<Work>> Parse(const nlohmann::json& body, const EncoderFacts& model, bool tei) {
  auto request = ParseEmbeddings(body, model, tei ? "inputs" : "input");
  if (!request) return request.error();
  return std::unique_ptr<Work>(std::make_unique<EmbeddingsWork>(std::move(*request), tei));
}

}  // namespace

Parsed<std::unique_ptr<Work>> OpenAiEmbeddings(const nlohmann::json& body, const EncoderFacts& model) {
  return Parse(body, model, false);
}

Parsed<std::unique_ptr<Work>> TeiEmbed(const nlohmann::json& body, const EncoderFacts& model) {
  return Parse(body, model, true);
}

}  // namespace berth::serve
