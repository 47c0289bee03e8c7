// Kind speech.
#include <algorithm>

#include "supervisor/placement/estimate_kinds.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/whisper_config.h"
#include "worker/checkpoint/whisper_footprint.h"

namespace berth::placement {
namespace {

constexpr std::int64_t kHypotheses = 5;  // of a beam, and of samples
constexpr std::int64_t kWindows = 2;     // at the same time: more are decoded together where there is more memory

// Of the tokenizer, as of a language model's.
constexpr std::uint64_t kTokenizerPerToken = 128;
constexpr std::uint64_t kTreePerToken = 640;

// Of requests: two recordings of an hour, 16 bits at 16 kHz.
constexpr std::uint64_t kRecordings = std::uint64_t{2} * 3'600 * 16'000 * 2;

Bytes BytesOf(std::int64_t floats) { return {static_cast<std::uint64_t>(floats) * sizeof(float)}; }

// One window while it is heard, the largest step with its logits, and a copy of these, which is filtered.
Bytes Activations(const checkpoint::WhisperConfig& config) {
  return BytesOf(checkpoint::EncoderFloats(config) + checkpoint::StepFloats(config, checkpoint::kSpeechStepRows) +
                 2 * checkpoint::kSpeechLogitRows * config.vocab_size);
}

// What the decoder knows of each window, and its hypotheses' tokens.
Bytes Cache(const checkpoint::WhisperConfig& config) {
  const std::int64_t blocks = (config.context + checkpoint::kCacheBlockTokens - 1) / checkpoint::kCacheBlockTokens;
  const Bytes tokens{checkpoint::SpeechBlockBytes(config).count * static_cast<std::uint64_t>(kHypotheses * blocks)};
  const Bytes window = BytesOf(checkpoint::WindowFloats(config));
  return {(tokens.count + window.count) * kWindows};
}

}  // namespace

Result<Estimate> EstimateWhisper(const EstimateInput& input) {
  const auto config = checkpoint::ReadWhisperConfig(input.source);
  if (!config) return config.error();
  const auto file = checkpoint::Checkpoint::Open(input.source);
  if (!file) return file.error();
  const auto kept = checkpoint::KeptDtype(checkpoint::DecoderDtype::kAuto, *config, *file);
  const checkpoint::DecoderWeightBytes weights = checkpoint::WeightsOf(*config, kept, *file);
  const auto vocabulary = static_cast<std::uint64_t>(config->vocab_size);
  Estimate estimate;
  estimate.mapped = weights.mapped;
  estimate.weights = weights.owned;
  estimate.activations = std::max({Activations(*config), weights.largest_converted, Bytes{vocabulary * kTreePerToken}});
  estimate.kv_cache = Cache(*config);
  estimate.tokenizer = {vocabulary * kTokenizerPerToken};
  estimate.runtime = Runtime(input.threads);
  // Beside that the worker keeps a sixteenth free, at most 64 MiB.
  estimate.requests = std::max(Bytes{kRecordings}, checkpoint::KeptForRequests(GiB(1)));
  estimate.files = NameOf(file->files());
  return estimate;
}

}  // namespace berth::placement
