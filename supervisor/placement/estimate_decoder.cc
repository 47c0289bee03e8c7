// Kind llm.
#include <algorithm>
#include <optional>

#include "supervisor/placement/estimate_kinds.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::placement {
namespace {

using checkpoint::DecoderConfig;
using checkpoint::DecoderDtype;

// The context of a model whose plan gives none, where the model's own is longer. The worker then serves the most that
// fits, which is more.
constexpr std::int64_t kContext = 4'096;
// What other sequences are taken to have of it: most conversations are far shorter than the longest.
constexpr std::int64_t kShareOfOthers = 4;

// Of one token of a BPE: its text, its slots, its merges. Measured with GPT-2's, LLaMA 2's and Qwen2's files: 70 to 107.
constexpr std::uint64_t kTokenizerPerToken = 128;
// While the files are read, the tree of their JSON: 408 to 580 beside that. It is free when the first step needs memory.
constexpr std::uint64_t kTreePerToken = 640;

constexpr std::uint64_t kPoolThreads = 2;  // that read bodies
constexpr std::uint64_t kCopiesOfBody = 2;  // as it came, and its texts

std::optional<DecoderDtype> DtypeOf(config::Dtype dtype) {
  switch (dtype) {
    case config::Dtype::kAuto: return DecoderDtype::kAuto;
    case config::Dtype::kFloat32: return DecoderDtype::kFloat32;
    case config::Dtype::kBfloat16: return DecoderDtype::kBfloat16;
    case config::Dtype::kFloat16: break;
  }
  return std::nullopt;
}

std::int64_t ContextOf(const DecoderConfig& config, const config::Llm& llm) {
  return std::min(llm.context > 0 ? llm.context : kContext, config.positions);
}

std::int64_t BlocksFor(std::int64_t tokens) {
  return (tokens + checkpoint::kCacheBlockTokens - 1) / checkpoint::kCacheBlockTokens;
}

// One sequence of the whole context, and max_sequences - 1 that have a quarter of it each.
Bytes Cache(const DecoderConfig& config, checkpoint::Dtype kept, const config::Llm& llm) {
  const std::int64_t context = ContextOf(config, llm);
  const std::int64_t others = std::max(llm.max_sequences - 1, 0);
  const std::int64_t blocks = BlocksFor(context) + others * BlocksFor(context / kShareOfOthers);
  return checkpoint::CacheBlockBytes(config, kept, blocks * checkpoint::kCacheBlockTokens);
}

// As the worker measures them: the largest step, with all rows of logits that a step may have.
Bytes Activations(const DecoderConfig& config, std::int64_t tokens) {
  return checkpoint::PeakActivations(config, tokens, std::min(tokens, checkpoint::kDecoderLogitRows));
}

// What is alive while the model is read and is free again afterwards.
Bytes LoadingPeak(const DecoderConfig& config, const checkpoint::DecoderWeightBytes& weights) {
  return std::max(weights.largest_converted, Bytes{static_cast<std::uint64_t>(config.vocab_size) * kTreePerToken});
}

// At least what the worker keeps free of the memory that these and the `other` parts make: r = (other + r) / 16.
Bytes Requests(Bytes max_body, Bytes other) {
  const Bytes kept = checkpoint::KeptForRequests({(other.count + 14) / 15 * 16});
  return std::max(kept, Bytes{kPoolThreads * kCopiesOfBody * max_body.count});
}

}  // namespace

Result<Estimate> EstimateDecoder(const EstimateInput& input) {
  const auto dtype = DtypeOf(input.llm.dtype);
  if (!dtype) return Invalid("dtype ", config::Name(input.llm.dtype), " is not supported on the CPU");
  const auto config = checkpoint::ReadDecoderConfig(input.source);
  if (!config) return config.error();
  const auto file = checkpoint::Checkpoint::Open(input.source);
  if (!file) return file.error();
  const checkpoint::Dtype kept = checkpoint::KeptDtype(*dtype, *config, *file);
  const checkpoint::DecoderWeightBytes weights = checkpoint::WeightsOf(*config, kept, *file);
  Estimate estimate;
  estimate.mapped = weights.mapped;
  estimate.weights = weights.owned;
  estimate.activations = std::max(Activations(*config, input.max_tokens), LoadingPeak(*config, weights));
  estimate.kv_cache = Cache(*config, kept, input.llm);
  estimate.context_asked = input.llm.context > 0;
  estimate.context = estimate.context_asked ? input.llm.context : config->positions;
  estimate.context_cache =
      checkpoint::CacheBlockBytes(*config, kept, BlocksFor(estimate.context) * checkpoint::kCacheBlockTokens);
  estimate.tokenizer = {static_cast<std::uint64_t>(config->vocab_size) * kTokenizerPerToken};
  estimate.runtime = Runtime(input.threads);
  estimate.requests = Requests(input.max_body, estimate.total());
  estimate.files = NameOf(file->files());
  return estimate;
}

}  // namespace berth::placement
