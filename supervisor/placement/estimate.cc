#include "supervisor/placement/estimate.h"

#include <algorithm>
#include <array>

#include "config/check.h"
#include "supervisor/placement/estimate_kinds.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/checkpoint/whisper_config.h"

namespace berth::placement {
namespace {

// The worker's anonymous memory with a model of a few kilobytes, after its warm-up: 58.2 to 58.7 MiB with one compute
// thread, most of it libtorch's relocations and tables (g++ 12, libtorch 1.13.1 and OpenBLAS 0.3.21 of Debian 12), and
// what the kernel counted of OpenBLAS' buffer after products of 768 × 3,072: 4 MiB more.
constexpr Bytes kRuntime = MiB(64);
// Each compute thread beside the first: its stack and its buffer of OpenBLAS, as far as they are touched. Measured
// with 1, 2 and 4 threads and hidden sizes of 16 to 1,024: 0.5 to 1.3 MiB, up to 4 MiB under load.
constexpr Bytes kRuntimePerThread = MiB(4);

constexpr std::uint64_t kStep = MiB(16).count;

constexpr std::array<EstimatePart, 7> kParts = {{
    {"weights_mapped", "weights, in the file", "mapped once for all replicas on the device", &Estimate::mapped, false},
    {"weights", "weights, own", "half precision widened to float32, and tables made from weights", &Estimate::weights},
    {"activations", "activations", "at the largest batch, and what the heap keeps", &Estimate::activations},
    {"kv_cache", "KV cache", "one sequence of the whole context, and a quarter of it for each of the others; of speech two windows",
     &Estimate::kv_cache, true, true},
    {"tokenizer", "tokenizer", "the vocabulary", &Estimate::tokenizer},
    {"requests", "requests", "two of the largest while they are read and answered", &Estimate::requests},
    {"runtime", "runtime", "libtorch, its BLAS and threads", &Estimate::runtime},
}};

EstimateInput InputOf(const config::Plan& plan, const config::Model& model) {
  return {model.kind, model.source, model.batching.max_tokens, model.threads, plan.server.max_body, model.llm};
}

Error CannotEstimate(const config::Model& model, const Error& why) {
  return MakeError(why.kind, "model \"", model.name, "\": its memory cannot be estimated: ", why.message,
                   "; set `memory` of the model");
}

}  // namespace

Bytes Runtime(int threads) {
  return {kRuntime.count + kRuntimePerThread.count * static_cast<std::uint64_t>(threads - 1)};
}

std::string NameOf(const std::vector<std::filesystem::path>& files) {
  std::string name;
  for (const std::filesystem::path& file : files) {
    std::error_code failed;
    const std::filesystem::path real = std::filesystem::canonical(file, failed);
    name.append(name.empty() ? "" : "\n").append(failed ? file.string() : real.string());
  }
  return name;
}

Bytes Estimate::memory() const { return {(total().count + kStep - 1) / kStep * kStep}; }

std::span<const EstimatePart> EstimateParts() { return kParts; }

config::Kind KindOf(const std::filesystem::path& source) {
  if (checkpoint::IsWhisper(source)) return config::Kind::kSpeech;
  return checkpoint::IsDecoder(source) ? config::Kind::kLlm : config::Kind::kEmbedding;
}

Result<Estimate> EstimateReplica(const EstimateInput& input) {
  switch (input.kind) {
    case config::Kind::kEmbedding: return EstimateEncoder(input);
    case config::Kind::kLlm: return EstimateDecoder(input);
    case config::Kind::kSpeech: return EstimateWhisper(input);
  }
  return Invalid("a model of kind ", config::Name(input.kind), " cannot be estimated");
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

std::int64_t Estimate::ContextWithin(Bytes budget) const {
  const Bytes others = total() - kv_cache;
  if (context == 0 || budget <= others) return 0;
  const double share = static_cast<double>((budget - others).count) / static_cast<double>(context_cache.count);
  const auto fits = static_cast<std::int64_t>(std::min(share, 1.0) * static_cast<double>(context));
  return fits == context ? context : fits / checkpoint::kCacheBlockTokens * checkpoint::kCacheBlockTokens;
}

std::vector<std::string> BudgetWarnings(const config::Plan& plan, const Estimates& estimates) {
  std::vector<std::string> warnings;
  for (const config::Model& model : plan.models) {
    const auto found = estimates.find(model.name);
    if (found == estimates.end() || model.memory >= found->second.total()) continue;
    const Estimate& estimate = found->second;
    const std::string its = "model \"" + model.name + "\": its memory of " + FormatBytes(model.memory);
    const std::int64_t fits = estimate.ContextWithin(model.memory);
    if (fits == 0) {
      warnings.push_back(its + " is below the estimate of " + FormatBytes(estimate.total()) + "; raise it to " +
                         FormatBytes(estimate.memory()) + ", or remove it");
    } else if (estimate.context_asked && fits < estimate.context) {
      warnings.push_back(its + " has room for a context of " + std::to_string(fits) + " tokens, not of " +
                         std::to_string(estimate.context) + ", which needs " + FormatBytes(estimate.context_cache) +
                         " for its keys and values; raise it, or lower context");
    }
  }
  return warnings;
}

}  // namespace berth::placement
