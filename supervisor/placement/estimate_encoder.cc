// Kind embedding.
#include <algorithm>

#include "supervisor/placement/estimate_kinds.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/encoder_footprint.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/sentence_config.h"

namespace berth::placement {
namespace {

using checkpoint::EncoderConfig;

// Of one token: its text (7 bytes on average, in a string that doubles), its span and its slots in a table that is at
// most half full. Measured with 30,522 and 300,000 tokens: 47 to 60.
constexpr std::uint64_t kVocabularyPerToken = 64;
// While tokenizer.json is read, its tree holds a node for each token: 96 bytes of the C library's heap, and 16 of the
// list that checks for duplicates.
constexpr std::uint64_t kTreePerToken = 112;

// The C library's heap keeps what was freed, in pieces: batches of ever other shapes leave holes that the next ones do
// not fit into. Measured over random batches of 1 to 510 tokens: 1.3 to 1.8 times what is alive at the peak.
constexpr std::uint64_t kHeapQuarters = 7;  // of the peak

// What requests may be (worker/README.md), and the threads that read them.
constexpr std::uint64_t kPoolThreads = 2;
constexpr std::uint64_t kTokensOfRequest = 300'000;
constexpr std::uint64_t kInputsOfRequest = 2'048;
constexpr std::uint64_t kBytesPerToken = 20;      // a number in the JSON tree, and the id
constexpr std::uint64_t kBytesPerComponent = 17;  // a float, and its digits in the reply

// What is alive while the model is read and is free again afterwards: the heap keeps it, and activations reuse it.
Bytes LoadingPeak(const EncoderConfig& config, const checkpoint::WeightBytes& weights) {
  return std::max(weights.largest_half, Bytes{static_cast<std::uint64_t>(config.vocab_size) * kTreePerToken});
}

Bytes Activations(const EncoderConfig& config, std::int64_t longest, const EstimateInput& input) {
  const std::int64_t tokens = checkpoint::TokensOfAPass(input.max_tokens, longest);
  return {checkpoint::PeakActivations(config, tokens, longest).count * kHeapQuarters / 4};
}

// Of a reranker each document is one number.
Bytes Requests(const EncoderConfig& config, const EstimateInput& input) {
  const bool ranks = config.task == checkpoint::Task::kRanking;
  const auto components = ranks ? 1 : static_cast<std::uint64_t>(config.hidden_size);
  return {kPoolThreads * (input.max_body.count + kTokensOfRequest * kBytesPerToken +
                          kInputsOfRequest * components * kBytesPerComponent)};
}

Estimate OfEncoder(const EncoderConfig& config, std::int64_t longest, const checkpoint::WeightBytes& weights,
                   const EstimateInput& input) {
  Estimate estimate;
  estimate.mapped = weights.mapped;
  estimate.weights = weights.owned;
  estimate.activations = std::max(Activations(config, longest, input), LoadingPeak(config, weights));
  estimate.tokenizer = {static_cast<std::uint64_t>(config.vocab_size) * kVocabularyPerToken};
  estimate.requests = Requests(config, input);
  estimate.runtime = Runtime(input.threads);
  return estimate;
}

}  // namespace

Result<Estimate> EstimateEncoder(const EstimateInput& input) {
  const auto config = checkpoint::ReadEncoderConfig(input.source);
  if (!config) return config.error();
  const auto sentence = checkpoint::ReadSentenceConfig(input.source, *config);
  if (!sentence) return sentence.error();
  const auto weights = checkpoint::Checkpoint::Open(input.source);
  if (!weights) return weights.error();
  Estimate estimate = OfEncoder(*config, sentence->max_tokens, checkpoint::WeightsOf(*config, *weights), input);
  estimate.files = NameOf(weights->files());
  return estimate;
}

}  // namespace berth::placement
