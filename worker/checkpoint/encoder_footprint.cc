#include "worker/checkpoint/encoder_footprint.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace berth::checkpoint {
namespace {

constexpr std::int64_t kFloat = 4;

// What the names of tensors begin with, after the family's prefix: the encoder, and the head of a reranker.
constexpr std::array<std::string_view, 3> kEncoder = {"embeddings.", "encoder.", "transformer."};
constexpr std::array<std::string_view, 3> kHead = {"pooler.", "classifier.", "pre_classifier."};

bool BeginsWithOne(std::string_view name, std::span<const std::string_view> starts) {
  return std::ranges::any_of(starts, [name](std::string_view start) { return name.starts_with(start); });
}

bool IsTaken(const EncoderConfig& config, const TensorView& tensor) {
  if (tensor.dtype != Dtype::F32 && tensor.dtype != Dtype::F16 && tensor.dtype != Dtype::BF16) return false;
  std::string_view name = tensor.name;
  const std::string prefix = std::string(ModelType(config.family)) + ".";
  if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  return BeginsWithOne(name, kEncoder) || (config.task == Task::kRanking && BeginsWithOne(name, kHead));
}

// libtorch reads floats in place only where they are aligned.
bool StaysInFile(const TensorView& tensor) {
  return tensor.dtype == Dtype::F32 && reinterpret_cast<std::uintptr_t>(tensor.data.data()) % alignof(float) == 0;
}

Bytes Floats(std::int64_t count) { return {static_cast<std::uint64_t>(count * kFloat)}; }

// One of attention's groups of `rows` tokens (kernels/attention.cc): the scores and their softmax, and two tensors
// as large as its rows, the copies of q and k for the first product, or that of v and the result of the second. With
// a relative bias k and v are turned around first, into two more.
std::int64_t GroupFloats(const EncoderConfig& config, std::int64_t tokens, std::int64_t length) {
  const std::int64_t scores_each = config.heads * length * length;
  const std::int64_t count =
      std::min(tokens / length, std::max<std::int64_t>(1, kScoresAtOnce / scores_each));
  const std::int64_t copies = config.relative_buckets > 0 ? 4 : 2;
  return 2 * count * scores_each + copies * count * length * config.hidden_size;
}

// Attend(): x, q, k, v and the result, and the group that is computed.
std::int64_t AttentionFloats(const EncoderConfig& config, std::int64_t tokens, std::int64_t longest) {
  std::int64_t group = 0;
  for (std::int64_t length = 1; length <= std::min(tokens, longest); ++length) {
    group = std::max(group, GroupFloats(config, tokens, length));
  }
  return 5 * tokens * config.hidden_size + group;
}

// FeedForward(): x, what comes down again and its norm; between them the wide layer before and after its activation
// (those that work in place need one less, which is not worth telling apart).
std::int64_t FeedForwardFloats(const EncoderConfig& config, std::int64_t tokens) {
  return tokens * (3 * config.hidden_size + 2 * config.intermediate_size);
}

}  // namespace

WeightBytes WeightsOf(const EncoderConfig& config, const Checkpoint& checkpoint) {
  WeightBytes bytes;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!IsTaken(config, tensor)) continue;
    if (StaysInFile(tensor)) {
      bytes.mapped += Bytes{tensor.data.size()};
      continue;
    }
    bytes.owned += Floats(static_cast<std::int64_t>(tensor.data.size() / DtypeSize(tensor.dtype)));
    bytes.largest_half = std::max(bytes.largest_half, Bytes{tensor.data.size()});
  }
  if (config.relative_buckets > 0) bytes.owned += Floats(config.heads * (2 * config.max_tokens() - 1));
  return bytes;
}

Bytes PeakActivations(const EncoderConfig& config, std::int64_t tokens, std::int64_t longest) {
  return Floats(std::max(AttentionFloats(config, tokens, longest), FeedForwardFloats(config, tokens)));
}

std::int64_t TokensOfAPass(std::int64_t max_tokens, std::int64_t longest) {
  return std::max(std::min(max_tokens, kTokensAtOnce), longest);
}

}  // namespace berth::checkpoint
