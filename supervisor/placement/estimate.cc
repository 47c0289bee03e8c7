#include "supervisor/placement/estimate.h"

#include <algorithm>
#include <array>

#include "config/check.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/encoder_footprint.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/sentence_config.h"

namespace berth::placement {
namespace {

using checkpoint::EncoderConfig;

// The worker's anonymous memory with a model of a few kilobytes, after its warm-up: 58.2 to 58.7 MiB with one compute
// thread, most of it libtorch's relocations and tables (g++ 12, libtorch 1.13.1 and OpenBLAS 0.3.21 of Debian 12), and
// what the kernel counted of OpenBLAS' buffer after products of 768 × 3,072: 4 MiB more.
constexpr Bytes kRuntime = MiB(64);
// Each compute thread beside the first: its stack and its buffer of OpenBLAS, as far as they are touched. Measured
// with 1, 2 and 4 threads and hidden sizes of 16 to 1,024: 0.5 to 1.3 MiB, up to 4 MiB under load.
constexpr Bytes kRuntimePerThread = MiB(4);

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

constexpr std::uint64_t kStep = MiB(16).count;

constexpr std::array<EstimatePart, 6> kParts = {{
    {"weights_mapped", "weights, in the file", "mapped once for all replicas on the device", &Estimate::mapped, false},
    {"weights", "weights, own", "half precision widened to float32, and tables made from weights", &Estimate::weights},
    {"activations", "activations", "at the largest batch, and what the heap keeps", &Estimate::activations},
    {"tokenizer", "tokenizer", "the vocabulary", &Estimate::tokenizer},
    {"requests", "requests", "two of the largest while they are read and answered", &Estimate::requests},
    {"runtime", "runtime", "libtorch, its BLAS and threads", &Estimate::runtime},
}};

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
  estimate.runtime = {kRuntime.count + kRuntimePerThread.count * static_cast<std::uint64_t>(input.threads - 1)};
  return estimate;
}

// The same for the same files, whichever links lead there.
std::string NameOf(const std::vector<std::filesystem::path>& files) {
  std::string name;
  for (const std::filesystem::path& file : files) {
    std::error_code failed;
    const std::filesystem::path real = std::filesystem::canonical(file, failed);
    name.append(name.empty() ? "" : "\n").append(failed ? file.string() : real.string());
  }
  return name;
}

EstimateInput InputOf(const config::Plan& plan, const config::Model& model) {
  return {model.kind, model.source, model.batching.max_tokens, model.threads, plan.server.max_body};
}

Error CannotEstimate(const config::Model& model, const Error& why) {
  return MakeError(why.kind, "model \"", model.name, "\": its memory cannot be estimated: ", why.message,
                   "; set `memory` of the model");
}

}  // namespace

Bytes Estimate::memory() const { return {(total().count + kStep - 1) / kStep * kStep}; }

std::span<const EstimatePart> EstimateParts() { return kParts; }

Result<Estimate> EstimateReplica(const EstimateInput& input) {
  if (input.kind != config::Kind::kEmbedding) {
    return Invalid("this version estimates models of kind embedding only, not ", config::Name(input.kind));
  }
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

LookedAt LookAtSources(config::Plan& plan, Sources which) {
  LookedAt seen;
  for (config::Model& model : plan.models) {
    const bool needed = model.memory.count == 0;
    if (auto wrong = config::CheckSource(model)) {
      if (needed || which == Sources::kAll) seen.errors.push_back(*std::move(wrong));
      continue;
    }
    const auto estimate = EstimateReplica(InputOf(plan, model));
    if (estimate) {
      model.estimate = estimate->total();
      model.mapped = estimate->mapped;
      model.weights = estimate->files;
      if (needed) model.memory = estimate->memory();
      model.memory_estimated = needed;
      seen.estimates.emplace(model.name, *estimate);
    } else if (needed) {
      seen.errors.push_back(CannotEstimate(model, estimate.error()));
    }
  }
  return seen;
}

std::vector<std::string> BudgetWarnings(const config::Plan& plan, const Estimates& estimates) {
  std::vector<std::string> warnings;
  for (const config::Model& model : plan.models) {
    const auto found = estimates.find(model.name);
    if (found == estimates.end() || model.memory >= found->second.total()) continue;
    warnings.push_back("model \"" + model.name + "\": its memory of " + FormatBytes(model.memory) +
                       " is below the estimate of " + FormatBytes(found->second.total()) + "; raise it to " +
                       FormatBytes(found->second.memory()) + ", or remove it");
  }
  return warnings;
}

}  // namespace berth::placement
