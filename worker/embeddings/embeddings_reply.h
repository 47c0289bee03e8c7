// The answers to embeddings requests. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "worker/embeddings/embeddings_request.h"

namespace berth::serve {

// `vector` cut to its first `dimensions` components and then, if asked, brought to unit length.
std::vector<float> FinishVector(std::span<const float> vector, int dimensions, bool normalize);

// {"object":"list","data":[{"object":"embedding","index":0,"embedding":…}],"model":…,"usage":{…}}. `vectors`:
// inputs × model_dimensions. Numbers are written in the fewest digits that read back as the same float.
std::string EmbeddingsReply(const EmbeddingsRequest& request, std::span<const float> vectors,
                            int model_dimensions, const std::string& model, std::size_t prompt_tokens);

// TEI's: [[…], …].
std::string EmbedReply(const EmbeddingsRequest& request, std::span<const float> vectors,
                       int model_dimensions);

}  // namespace berth::serve
