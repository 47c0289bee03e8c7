// POST /v1/embeddings and TEI's POST /embed, as the Work of an inference route.
#pragma once

#include "worker/embeddings/inference_route.h"

namespace berth::serve {

Parsed<std::unique_ptr<Work>> OpenAiEmbeddings(const nlohmann::json& body, const EncoderFacts& model);
Parsed<std::unique_ptr<Work>> TeiEmbed(const nlohmann::json& body, const EncoderFacts& model);

}  // namespace berth::serve
