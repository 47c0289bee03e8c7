#include "worker/embeddings/rerank_reply.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "worker/serve/json_text.h"

namespace berth::serve {
namespace {

constexpr std::size_t kBytesPerResult = 64;  // without the document

float Sigmoid(float logit) { return static_cast<float>(1 / (1 + std::exp(-static_cast<double>(logit)))); }

// The results as an array; `before_text` and `after_text` are what stands around a document.
std::string Results(const RerankRequest& request, std::span<const float> logits, const char* score_key,
                    const char* before_text, const char* after_text) {
  const auto ranks = RankDocuments(request, logits);
  std::string out = "[";
  out.reserve(ranks.size() * kBytesPerResult);
  for (const Rank& rank : ranks) {
    if (out.size() > 1) out += ',';
    out += R"({"index":)" + std::to_string(rank.index) + ",\"" + score_key + "\":";
    AppendNumber(rank.score, out);
    if (request.return_documents) out += before_text + JsonText(request.documents[rank.index]) + after_text;
    out += '}';
  }
  return out + "]";
}

// What the company in a batch may change of a logit (worker/README.md, "Batches"): logits that are no further apart, one
// after another, rank as equals, so that copies of a document keep their order on every processor.
constexpr float kSame = 5e-6F;

// Best first, equals in the order of the documents.
std::vector<std::size_t> Order(std::span<const float> logits) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return logits[i]; });
  const auto differ = [&](std::size_t a, std::size_t b) {
    return std::abs(logits[a] - logits[b]) > kSame * std::max(1.0F, std::abs(logits[a]));
  };
  for (auto begin = order.begin(); begin != order.end();) {
    const auto last = std::adjacent_find(begin, order.end(), differ);
    const auto end = last == order.end() ? last : last + 1;
    std::sort(begin, end);
    begin = end;
  }
  return order;
}

}  // namespace

std::vector<Rank> RankDocuments(const RerankRequest& request, std::span<const float> logits) {
  std::vector<std::size_t> order = Order(logits);
  order.resize(std::min(order.size(), request.top_n));
  std::vector<Rank> ranks;
  ranks.reserve(order.size());
  for (const std::size_t i : order) {
    ranks.push_back({i, request.raw_scores ? logits[i] : Sigmoid(logits[i])});
  }
  return ranks;
}

std::string RerankReply(const RerankRequest& request, std::span<const float> logits, const std::string& model,
                        const std::string& id, std::size_t prompt_tokens) {
  std::string out = "{";
  if (!id.empty()) out += R"("id":)" + JsonText(id) + ",";
  out += R"("object":"list","model":)" + JsonText(model) + R"(,"results":)";
  out += Results(request, logits, "relevance_score", R"(,"document":{"text":)", "}");
  out += R"(,"meta":{"tokens":{"input_tokens":)" + std::to_string(prompt_tokens) + "}}";
  return out + R"(,"usage":)" + UsageText(prompt_tokens) + "}";
}

std::string TeiRerankReply(const RerankRequest& request, std::span<const float> logits) {
  return Results(request, logits, "score", R"(,"text":)", "");
}

}  // namespace berth::serve
