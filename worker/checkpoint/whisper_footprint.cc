#include "worker/checkpoint/whisper_footprint.h"

#include <algorithm>
#include <string>

namespace berth::checkpoint {
namespace {

constexpr std::int64_t kPanelFrames = 64;  // worker/kernels/decoder_ops.h

bool IsAligned(const TensorView& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.data.data()) % DtypeSize(tensor.dtype) == 0;
}

// Norms, biases and positions are float32 whatever the matrices are.
Dtype KeptAs(std::string_view name, const TensorView& tensor, Dtype kept) {
  return tensor.shape.size() > 1 && !name.ends_with("embed_positions.weight") ? kept : Dtype::F32;
}

}  // namespace

Dtype KeptDtype(DecoderDtype wanted, const WhisperConfig& config, const Checkpoint& checkpoint) {
  if (wanted == DecoderDtype::kFloat32) return Dtype::F32;
  if (wanted == DecoderDtype::kBfloat16) return Dtype::BF16;
  const TensorView* embedding = checkpoint.Find("model.decoder.embed_tokens.weight");
  if (embedding == nullptr) embedding = checkpoint.Find("decoder.embed_tokens.weight");
  const Dtype file = embedding != nullptr ? embedding->dtype : config.dtype.value_or(Dtype::F32);
  return file == Dtype::BF16 ? Dtype::BF16 : Dtype::F32;
}

bool IsRedundant(const WhisperConfig& config, std::string_view name) { return config.tied && name == "proj_out.weight"; }

DecoderWeightBytes WeightsOf(const WhisperConfig& config, Dtype kept, const Checkpoint& checkpoint) {
  DecoderWeightBytes bytes;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    const bool weight = tensor.dtype == Dtype::F32 || tensor.dtype == Dtype::F16 || tensor.dtype == Dtype::BF16;
    if (IsRedundant(config, name) || !weight) continue;
    const Dtype as = KeptAs(name, tensor, kept);
    if (tensor.dtype == as && IsAligned(tensor)) {
      bytes.mapped += Bytes{tensor.data.size()};
      continue;
    }
    bytes.owned += Bytes{tensor.data.size() / DtypeSize(tensor.dtype) * DtypeSize(as)};
    bytes.largest_converted = std::max(bytes.largest_converted, Bytes{tensor.data.size()});
  }
  return bytes;
}

std::int64_t FrameCacheFloats(std::int64_t heads, std::int64_t head_size, std::int64_t frames) {
  const std::int64_t padded = (frames + kPanelFrames - 1) / kPanelFrames * kPanelFrames;
  return heads * padded * (head_size + (head_size + 15) / 16 * 16);
}

std::int64_t WindowFloats(const WhisperConfig& config) {
  return config.decoder_layers *
         FrameCacheFloats(config.decoder_heads, config.width / config.decoder_heads, config.positions);
}

// States, queries and what they become (where the first convolution's result is before); the layer's keys and values; then
// for the rows at once: their norm, keys and values, or what is wider of the unfolded frames and the feed-forward.
std::int64_t EncoderFloats(const WhisperConfig& config) {
  const std::int64_t width = config.width;
  const std::int64_t widest = std::max({2 * width, 3 * width, 3 * config.mels, config.encoder_wide});
  return 3 * config.positions * width +
         FrameCacheFloats(config.encoder_heads, width / config.encoder_heads, config.positions) +
         kSpeechRowsAtOnce * (width + widest);
}

// x, its norm, queries, what they become, keys, values; the feed-forward in the place of the last four or wider.
std::int64_t StepFloats(const WhisperConfig& config, std::int64_t rows) {
  return rows * (2 * config.width + std::max(4 * config.width, config.decoder_wide));
}

Bytes SpeechBlockBytes(const WhisperConfig& config) {
  return {static_cast<std::uint64_t>(config.decoder_layers * 2 * config.width * kCacheBlockTokens) * sizeof(float)};
}

}  // namespace berth::checkpoint
