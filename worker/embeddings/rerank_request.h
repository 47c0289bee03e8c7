// The bodies of the reranking routes, from JSON to values: every parameter checked for type and range, each
// mistake a 400 that names it. Pure; no tokenizer, no engine.
#pragma once

#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "worker/serve/api_error.h"
#include "worker/text/tokenizer.h"

namespace berth::serve {

inline constexpr std::size_t kMaxDocuments = 2048;  // of one request, as of embeddings' inputs

// Whose defaults and names of documents hold, and which reply is given; all else is common to the three.
enum class RerankDialect {
  kJina,    // {query, documents, …}: documents come back, what is too long is cut
  kCohere,  // as Jina's, but documents come back on request only
  kTei,     // {query, texts, …}: a bare array, and what is too long is an error
};

struct RerankRequest {
  RerankDialect dialect = RerankDialect::kJina;
  std::string model;  // as the body names it; may be empty
  std::string query;
  std::vector<std::string> documents;
  std::string documents_key = "documents";  // how the body calls them
  std::size_t top_n = 0;                    // at most this many results: 1 … documents
  bool return_documents = true;
  bool raw_scores = false;  // logits instead of their sigmoid
  bool truncate = true;     // pairs that are too long are cut; else they are a 400
  text::Truncation truncation = text::Truncation::kRight;
  std::size_t max_tokens_per_doc = std::numeric_limits<std::size_t>::max();  // more of each is not read
};

Parsed<RerankRequest> ParseRerank(const nlohmann::json& body, RerankDialect dialect);

}  // namespace berth::serve
