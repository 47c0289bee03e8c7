// How much memory one replica will need, part by part, before it is started: what `berth estimate` and `berth plan`
// show, and the budget of models whose plan gives none. It reads config.json, the side files and the headers of the
// weights, and no tensor; the formulas of the parts are beside what they describe (worker/checkpoint/
// encoder_footprint.h, decoder_footprint.h, whisper_footprint.h) or in this folder's estimate_*.cc. Deterministic, and free of libtorch: the same files give the same numbers everywhere.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "supervisor/placement/placement.h"

namespace berth::placement {

// In this version replicas are on the CPU, where a budget counts private bytes: a mapped file of weights is there once
// for all replicas that map it, so it is told and not added up.
struct Estimate {
  Bytes mapped;       // weights in the file, shared
  Bytes weights;      // weights that each replica has for itself
  Bytes activations;  // at the largest batch
  Bytes tokenizer;
  Bytes requests;     // their JSON, tokens and results on their way through the replica
  Bytes runtime;
  Bytes kv_cache = {};  // keys and values; of language models and of speech
  std::string files = {};  // of the mapped weights: the same text, the same files
  // Of language models, else 0: the context that the plan asks for, else the model's own, and what its keys and values
  // need for so many tokens of one sequence.
  std::int64_t context = 0;
  bool context_asked = false;
  Bytes context_cache = {};

  Bytes total() const { return weights + activations + kv_cache + tokenizer + requests + runtime; }  // private
  Bytes memory() const;  // a budget: the total, rounded up to the next 16 MiB
  // The context that a budget has room for, at most `context`; the worker, which measures, may find another.
  std::int64_t ContextWithin(Bytes budget) const;
};

// The parts as one table, from which every output is made.
struct EstimatePart {
  std::string_view name;  // "weights_mapped"
  std::string_view title;
  std::string_view sentence;
  Bytes Estimate::*bytes = nullptr;
  bool adds = true;  // to the total
  bool only_if_any = false;  // tables leave it out where no model has it
};
std::span<const EstimatePart> EstimateParts();

// What of a plan's model decides.
struct EstimateInput {
  config::Kind kind = config::Kind::kEmbedding;
  std::filesystem::path source;
  int max_tokens = 0;  // batching.max_tokens
  int threads = 0;
  Bytes max_body;      // server.max_body
  config::Llm llm = {};  // of kind llm
};

// As config.json's architecture tells: llm of causal language models, speech of Whisper, else embedding, whose reader says
// what is wrong.
config::Kind KindOf(const std::filesystem::path& source);

// Errors: a kind that this version cannot estimate; what reading the model's files says, naming file and tensor.
Result<Estimate> EstimateReplica(const EstimateInput& input);

using Estimates = std::map<std::string, Estimate, std::less<>>;  // by model

struct LookedAt {
  Estimates estimates;        // of the models that could be estimated
  std::vector<Error> errors;  // each names its model and the remedy
};

enum class Sources { kAll, kNeeded };

// Looks at the models' sources: estimates each that can be, and gives those without `memory` the estimate. Errors are
// the sources that cannot be used (kAll: of any model; kNeeded: of those without `memory`), and models without
// `memory` that cannot be estimated.
LookedAt LookAtSources(config::Plan& plan, Sources which);

// A line for each model whose budget is below what it needs: the estimate; of a language model, whose cache takes what is
// left, a cache for the context that the plan asks for, or for any at all.
std::vector<std::string> BudgetWarnings(const config::Plan& plan, const Estimates& estimates);

// The parts and their sum, one line each.
std::string Format(const Estimate& estimate);
// All that `berth plan` prints: where replicas go, and a row for each model that was estimated: parts, estimate, budget.
std::string Format(const config::Plan& plan, const Placement& placement, const Estimates& estimates);

// {"parts": [{"name", "bytes", "adds"}], "estimate_bytes", "memory_bytes": what a plan without `memory` gives it}
nlohmann::ordered_json ToJson(const Estimate& estimate);
// A list of such objects with "model" and "memory_estimated"; "memory_bytes" is the budget.
nlohmann::ordered_json ToJson(const config::Plan& plan, const Estimates& estimates);

}  // namespace berth::placement
