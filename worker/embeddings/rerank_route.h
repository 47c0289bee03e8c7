// POST /v1/rerank, /v2/rerank and /rerank, as the Work of an inference route.
#pragma once

#include "worker/embeddings/inference_route.h"

namespace berth::serve {

// /v1/rerank: Jina's and vLLM's path, and Cohere's older one.
Parsed<std::unique_ptr<Work>> JinaRerank(const nlohmann::json& body, const EncoderFacts& model);
// /v2/rerank
Parsed<std::unique_ptr<Work>> CohereRerank(const nlohmann::json& body, const EncoderFacts& model);
// /rerank: TEI's where the body has `texts`, else Jina's.
Parsed<std::unique_ptr<Work>> TeiOrJinaRerank(const nlohmann::json& body, const EncoderFacts& model);

}  // namespace berth::serve
