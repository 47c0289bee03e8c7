#include "worker/embeddings/rerank_route.h"

#include <utility>

#include "worker/serve/body_fields.h"
#include "worker/embeddings/rerank_reply.h"
#include "worker/embeddings/tokenize_pairs.h"

namespace berth::serve {
namespace {

class RerankWork : public Work {
 public:
  explicit RerankWork(RerankRequest request) : request_(std::move(request)) {}

  std::string_view model() const override { return request_.model; }

  Parsed<TokenizedInputs> Tokenize(const EncoderService& service) override {
    return TokenizePairs(request_, service.model, service.tokenizer);
  }

  std::string Reply(const EncoderService&, const Outcome& outcome) const override {
    if (request_.dialect == RerankDialect::kTei) return TeiRerankReply(request_, outcome.vectors);
    return RerankReply(request_, outcome.vectors, outcome.model, outcome.request_id, outcome.prompt_tokens);
  }

 private:
  RerankRequest request_;
};

Parsed<std::unique_ptr<Work>> Parse(const nlohmann::json& body, RerankDialect dialect) {
  auto request = ParseRerank(body, dialect);
  if (!request) return request.error();
  return std::unique_ptr<Work>(std::make_unique<RerankWork>(std::move(*request)));
}

}  // namespace

Parsed<std::unique_ptr<Work>> JinaRerank(const nlohmann::json& body, const EncoderFacts&) {
  return Parse(body, RerankDialect::kJina);
}

Parsed<std::unique_ptr<Work>> CohereRerank(const nlohmann::json& body, const EncoderFacts&) {
  return Parse(body, RerankDialect::kCohere);
}

Parsed<std::unique_ptr<Work>> TeiOrJinaRerank(const nlohmann::json& body, const EncoderFacts&) {
  const BodyFields fields(body);  // to which null is absent, as it is to the parser
  const bool texts = fields.Find("texts") != nullptr;
  if (texts && fields.Find("documents") != nullptr) {
    return ApiError{.message = "Give 'documents' or 'texts', not both.", .param = "texts"};
  }
  return Parse(body, texts ? RerankDialect::kTei : RerankDialect::kJina);
}

}  // namespace berth::serve
