#include "worker/engine/encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/base/log.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/engine/tensor_memory.h"
#include "worker/kernels/attention.h"
#include "worker/kernels/torch_compat.h"
#include "worker/models/family.h"
#include "worker/models/packed_tokens.h"
#include "worker/models/pooling.h"
#include "worker/models/ranking_head.h"
#include "worker/models/transformer_encoder.h"
#include "worker/weights/weights.h"

namespace berth::engine {
namespace {

// Heads and leftovers that published checkpoints carry and the task does not need.
constexpr std::array<std::string_view, 11> kIgnored = {"pooler.",
                                                       "cls.",
                                                       "classifier.",
                                                       "pre_classifier.",
                                                       "qa_outputs.",
                                                       "lm_head.",
                                                       "vocab_transform.",
                                                       "vocab_layer_norm.",
                                                       "vocab_projector.",
                                                       "dropout.",
                                                       "embeddings.position_ids"};

constexpr std::size_t kUnknownShown = 5;

static_assert(checkpoint::kScoresAtOnce == kernels::kScoresAtOnce, "the estimate computes with the kernel's number");

void WarnOfUnused(const std::filesystem::path& dir, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kUnknownShown); ++i) list += (i ? ", " : "") + names[i];
  LogWarning(dir.string() + ": " + std::to_string(names.size()) +
             " tensors are not used by this architecture: " + list +
             (names.size() > kUnknownShown ? ", …" : ""));
}

// Over the budget, and short of the machine's own memory: what each means depends on what was going on.
Error TorchError(const std::exception& error, ErrorKind over_budget, ErrorKind short_of_memory = ErrorKind::kExhausted) {
  if (IsOverBudget(error)) return MakeError(over_budget, kernels::Sentence(error));
  if (kernels::IsOutOfMemory(error)) {
    return MakeError(short_of_memory, "out of memory: ", kernels::Sentence(error),
                     "; raise `memory` of the model or lower `batching.max_tokens`");
  }
  return MakeError(ErrorKind::kInternal, "libtorch: ", kernels::Sentence(error));
}

}  // namespace

std::string TorchVersion() { return kernels::TorchVersion(); }
void SetComputeThreads(int threads) { kernels::SetComputeThreads(threads); }

struct Encoder::Parts {
  checkpoint::EncoderConfig config;
  checkpoint::SentenceConfig sentence;
  weights::WeightReader weights;  // keeps the file mapped
  models::TransformerEncoder encoder;
  std::optional<models::RankingHead> ranking;  // when that is the task

  Parts(const checkpoint::EncoderConfig& from, checkpoint::SentenceConfig pooled,
        weights::WeightReader reader)
      : config(from), sentence(std::move(pooled)), weights(std::move(reader)), encoder(config, weights) {
    if (config.task == Task::kRanking) ranking.emplace(config, weights);
  }

  Status Check(const Sequence& sequence) const;
  models::PackedTokens Pack(std::span<const Sequence> sequences, std::span<const std::size_t> piece) const;
  at::Tensor Reduce(const at::Tensor& hidden, std::span<const Sequence> sequences,
                    std::span<const std::size_t> piece) const;
};

Encoder::Encoder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Encoder::~Encoder() = default;

Task Encoder::task() const { return parts_->config.task; }
int Encoder::dimensions() const { return parts_->ranking ? 1 : static_cast<int>(parts_->config.hidden_size); }
int Encoder::max_tokens() const { return static_cast<int>(parts_->sentence.max_tokens); }
int Encoder::vocab_size() const { return static_cast<int>(parts_->config.vocab_size); }
const checkpoint::SentenceConfig& Encoder::sentence() const { return parts_->sentence; }
Bytes Encoder::weights_mapped() const { return parts_->weights.mapped_bytes(); }
Bytes Encoder::weights_owned() const { return parts_->weights.owned_bytes() + parts_->encoder.made_bytes(); }

Result<std::unique_ptr<Encoder>> Encoder::Load(const std::filesystem::path& dir, const Options& options) {
  const auto config = checkpoint::ReadEncoderConfig(dir);
  if (!config) return config.error();
  auto sentence = checkpoint::ReadSentenceConfig(dir, *config);
  if (!sentence) return sentence.error();
  auto checkpoint = checkpoint::Checkpoint::Open(dir);
  if (!checkpoint) return checkpoint.error();
  try {
    kernels::AvoidShapeCaches();
    c10::InferenceMode inference;
    weights::WeightReader reader(std::move(*checkpoint), {std::string(models::RowOf(config->family).prefix)},
                                 options.budget, options.progress);
    auto parts = std::make_unique<Parts>(*config, std::move(*sentence), std::move(reader));
    const auto unused = parts->weights.Finish(kIgnored);
    if (!unused) return unused.error();
    WarnOfUnused(dir, *unused);
    return std::unique_ptr<Encoder>(new Encoder(std::move(parts)));
  } catch (const std::exception& error) {
    // The same model needs the same the next time; the machine may have more by then.
    return TorchError(error, ErrorKind::kExhausted, ErrorKind::kUnavailable);
  }
}

Status Encoder::Parts::Check(const Sequence& sequence) const {
  const auto most = static_cast<std::size_t>(sentence.max_tokens);
  if (sequence.ids.empty()) return Invalid("an input without tokens");
  if (sequence.ids.size() > most) {
    return Invalid("an input of ", sequence.ids.size(), " tokens; the model takes at most ", most);
  }
  if (sequence.second > sequence.ids.size()) {
    return Invalid("a second text that begins at token ", sequence.second, " of ", sequence.ids.size());
  }
  if (sequence.second > 0 && config.token_types == 1) {
    return Invalid("a pair of texts; the model has one token type and tells no second text apart");
  }
  for (const std::int32_t id : sequence.ids) {
    if (id >= 0 && id < config.vocab_size) continue;
    return Invalid("token id ", id, " is outside of the vocabulary of ", config.vocab_size);
  }
  return Ok();
}

models::PackedTokens Encoder::Parts::Pack(std::span<const Sequence> sequences,
                                          std::span<const std::size_t> piece) const {
  std::vector<models::TokenRow> rows;
  rows.reserve(piece.size());
  for (const std::size_t i : piece) rows.push_back({sequences[i].ids, sequences[i].second});
  return models::Pack(rows, config.padding_index);
}

// One row for each sequence of the piece: what the task makes of its hidden states.
at::Tensor Encoder::Parts::Reduce(const at::Tensor& hidden, std::span<const Sequence> sequences,
                                  std::span<const std::size_t> piece) const {
  std::vector<at::Tensor> rows;
  rows.reserve(piece.size());
  std::int64_t row = 0;
  for (const std::size_t i : piece) {
    const auto length = static_cast<std::int64_t>(sequences[i].ids.size());
    const auto skip = static_cast<std::int64_t>(sequences[i].skip);
    rows.push_back(ranking ? hidden[row]
                           : models::Pool(hidden.narrow(0, row, length), sentence.pooling, skip));
    row += length;
  }
  const at::Tensor stacked = at::stack(rows);
  return ranking ? (*ranking)(stacked).contiguous() : stacked;
}

namespace {

// How many of `order`, from `begin` on, make one piece: at least one.
std::size_t PieceEnd(std::span<const Sequence> sequences, std::span<const std::size_t> order,
                     std::size_t begin) {
  std::int64_t tokens = 0;
  std::size_t end = begin;
  while (end < order.size()) {
    tokens += static_cast<std::int64_t>(sequences[order[end]].ids.size());
    if (end > begin && tokens > Encoder::kTokensAtOnce) break;
    ++end;
  }
  return end;
}

std::vector<std::size_t> ShortestFirst(std::span<const Sequence> sequences) {
  std::vector<std::size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return sequences[i].ids.size(); });
  return order;
}

// Hands out the rows of `results`, one for each sequence of the piece.
Status Deliver(const at::Tensor& results, std::span<const std::size_t> piece, const Sink& sink) {
  const auto width = static_cast<std::size_t>(results.size(1));
  const float* row = results.data_ptr<float>();
  for (const std::size_t i : piece) {
    const std::span<const float> values(row, width);
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
      return MakeError(ErrorKind::kInternal,
                       "the model's output is not a finite number; its weights are damaged");
    }
    sink(i, values);
    row += width;
  }
  return Ok();
}

}  // namespace

Status Encoder::Encode(std::span<const Sequence> sequences, const Sink& sink) {
  for (const Sequence& sequence : sequences) {
    if (Status good = parts_->Check(sequence); !good) return good;
  }
  const std::vector<std::size_t> order = ShortestFirst(sequences);
  try {
    c10::InferenceMode inference;
    for (std::size_t begin = 0; begin < order.size();) {
      const std::size_t end = PieceEnd(sequences, order, begin);
      const std::span<const std::size_t> piece(order.data() + begin, end - begin);
      const at::Tensor hidden = parts_->encoder.Forward(parts_->Pack(sequences, piece), steps_);
      const at::Tensor results = parts_->Reduce(hidden, sequences, piece);
      if (Status done = Deliver(results, piece, sink); !done) return done;
      begin = end;
    }
  } catch (const std::exception& error) {
    return TorchError(error, ErrorKind::kUnavailable);
  }
  return Ok();
}

}  // namespace berth::engine
