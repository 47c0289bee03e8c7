#include "worker/checkpoint/decoder_footprint.h"

#include <algorithm>
#include <string_view>

namespace berth::checkpoint {
namespace {

constexpr std::int64_t kFloat = 4;
constexpr std::string_view kEmbedding = "embed_tokens.weight";
constexpr std::string_view kPrefix = "model.";

bool IsHalf(Dtype dtype) { return dtype == Dtype::F16 || dtype == Dtype::BF16; }

bool IsAligned(const TensorView& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.data.data()) % DtypeSize(tensor.dtype) == 0;
}

// Norms and biases are float32 whatever the matrices are.
Dtype KeptAs(const TensorView& tensor, Dtype kept) { return tensor.shape.size() > 1 ? kept : Dtype::F32; }

}  // namespace

Dtype KeptDtype(DecoderDtype wanted, const DecoderConfig& config, const Checkpoint& checkpoint) {
  if (wanted == DecoderDtype::kFloat32) return Dtype::F32;
  if (wanted == DecoderDtype::kBfloat16) return Dtype::BF16;
  const TensorView* embedding = checkpoint.Find(std::string(kPrefix).append(kEmbedding));
  if (embedding == nullptr) embedding = checkpoint.Find(kEmbedding);
  const Dtype file = embedding != nullptr ? embedding->dtype : Dtype::F32;
  return config.dtype.value_or(file) == Dtype::BF16 ? Dtype::BF16 : Dtype::F32;
}

bool IsRedundant(const DecoderConfig& config, std::string_view name) {
  return name.ends_with("rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight");
}

DecoderWeightBytes WeightsOf(const DecoderConfig& config, Dtype kept, const Checkpoint& checkpoint) {
  DecoderWeightBytes bytes;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (IsRedundant(config, name) || (tensor.dtype != Dtype::F32 && !IsHalf(tensor.dtype))) continue;
    const Dtype as = KeptAs(tensor, kept);
    if (tensor.dtype == as && IsAligned(tensor)) {
      bytes.mapped += Bytes{tensor.data.size()};
      continue;
    }
    bytes.owned += Bytes{tensor.data.size() / DtypeSize(tensor.dtype) * DtypeSize(as)};
    bytes.largest_converted = std::max(bytes.largest_converted, Bytes{tensor.data.size()});
  }
  return bytes;
}

Bytes CacheBlockBytes(const DecoderConfig& config, Dtype kept, std::int64_t block_tokens) {
  return {static_cast<std::uint64_t>(config.layers * 2 * config.kv_size() * block_tokens) * DtypeSize(kept)};
}

Bytes KeptForRequests(Bytes memory) { return std::min(Bytes{memory.count / 16}, MiB(64)); }

// x and its norm; the angles; then attention (queries and what they become, keys, values) or the feed-forward (gate, up),
// whichever is wider.
std::int64_t WorkspaceFloats(const DecoderConfig& config, std::int64_t tokens) {
  const std::int64_t attention = 2 * config.query_size() + 2 * config.kv_size();
  const std::int64_t widest = std::max(attention, 2 * config.intermediate_size);
  return std::min(tokens, kDecoderTokensAtOnce) * (2 * config.hidden_size + config.rope.rotary_size + widest);
}

Bytes PeakActivations(const DecoderConfig& config, std::int64_t tokens, std::int64_t logit_rows) {
  return {static_cast<std::uint64_t>(WorkspaceFloats(config, tokens) + logit_rows * config.vocab_size) * kFloat};
}

}  // namespace berth::checkpoint
