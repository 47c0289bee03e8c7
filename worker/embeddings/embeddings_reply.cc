#include "worker/embeddings/embeddings_reply.h"

#include <algorithm>
#include <cmath>

#include "worker/embeddings/base64.h"
#include "worker/serve/json_text.h"

namespace berth::serve {
namespace {

constexpr std::size_t kBytesPerNumber = 13;  // "-0.012345678,"

void AppendNumbers(std::span<const float> vector, std::string& out) {
  out += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    AppendNumber(vector[i], out);
  }
  out += ']';
}

void AppendVector(const std::vector<float>& vector, bool base64, std::string& out) {
  if (!base64) return AppendNumbers(vector, out);
  out += '"';
  AppendBase64(vector, out);
  out += '"';
}

std::vector<float> VectorOf(const EmbeddingsRequest& request, std::span<const float> vectors, int dimensions,
                            std::size_t index) {
  const auto size = static_cast<std::size_t>(dimensions);
  return FinishVector(vectors.subspan(index * size, size), request.dimensions, request.normalize);
}

}  // namespace

std::vector<float> FinishVector(std::span<const float> vector, int dimensions, bool normalize) {
  std::vector<float> result(vector.begin(), vector.begin() + dimensions);
  if (!normalize) return result;
  double squares = 0;
  for (const float value : result) squares += static_cast<double>(value) * value;
  // torch.nn.functional.normalize's guard against a zero vector.
  const double length = std::max(std::sqrt(squares), 1e-12);
  for (float& value : result) value = static_cast<float>(value / length);
  return result;
}

std::string EmbeddingsReply(const EmbeddingsRequest& request, std::span<const float> vectors,
                            int model_dimensions, const std::string& model, std::size_t prompt_tokens) {
  const std::size_t count = vectors.size() / static_cast<std::size_t>(model_dimensions);
  std::string out = R"({"object":"list","data":[)";
  out.reserve(count * (static_cast<std::size_t>(request.dimensions) * kBytesPerNumber + 64) + 256);
  for (std::size_t i = 0; i < count; ++i) {
    out += (i > 0 ? "," : "") + std::string(R"({"object":"embedding","index":)") + std::to_string(i) +
           R"(,"embedding":)";
    AppendVector(VectorOf(request, vectors, model_dimensions, i), request.base64, out);
    out += '}';
  }
  return out + R"(],"model":)" + JsonText(model) + R"(,"usage":)" + UsageText(prompt_tokens) + "}";
}

std::string EmbedReply(const EmbeddingsRequest& request, std::span<const float> vectors,
                       int model_dimensions) {
  const std::size_t count = vectors.size() / static_cast<std::size_t>(model_dimensions);
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    AppendNumbers(VectorOf(request, vectors, model_dimensions, i), out);
  }
  return out + "]";
}

}  // namespace berth::serve
