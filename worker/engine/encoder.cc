#include "worker/engine/encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/base/log.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/kernels/torch_compat.h"
#include "worker/models/bert.h"
#include "worker/models/pooling.h"
#include "worker/weights/weights.h"

namespace berth::engine {
namespace {

// Heads and leftovers that published checkpoints carry and sentence vectors do not use.
constexpr std::array<std::string_view, 6> kIgnored = {"pooler.",     "cls.",        "embeddings.position_ids",
                                                      "classifier.", "qa_outputs.", "dropout."};

constexpr std::size_t kUnknownShown = 5;

void WarnOfUnused(const std::filesystem::path& dir, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kUnknownShown); ++i) list += (i ? ", " : "") + names[i];
  LogWarning(dir.string() + ": " + std::to_string(names.size()) +
             " tensors are not used by this architecture: " + list +
             (names.size() > kUnknownShown ? ", …" : ""));
}

Error TorchError(const std::exception& error) {
  if (kernels::IsOutOfMemory(error)) {
    return MakeError(ErrorKind::kExhausted, "out of memory: ", kernels::Sentence(error),
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
  models::Bert bert;

  Parts(const checkpoint::EncoderConfig& encoder, checkpoint::SentenceConfig pooled,
        weights::WeightReader reader)
      : config(encoder), sentence(std::move(pooled)), weights(std::move(reader)), bert(config, weights) {}
};

Encoder::Encoder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Encoder::~Encoder() = default;

Task Encoder::task() const { return parts_->config.task; }
int Encoder::dimensions() const { return static_cast<int>(parts_->config.hidden_size); }
int Encoder::max_tokens() const { return static_cast<int>(parts_->sentence.max_tokens); }
int Encoder::vocab_size() const { return static_cast<int>(parts_->config.vocab_size); }
const checkpoint::SentenceConfig& Encoder::sentence() const { return parts_->sentence; }

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
    weights::WeightReader reader(std::move(*checkpoint), {"bert."}, options.budget, options.progress);
    auto parts = std::make_unique<Parts>(*config, std::move(*sentence), std::move(reader));
    const auto unused = parts->weights.Finish(kIgnored);
    if (!unused) return unused.error();
    WarnOfUnused(dir, *unused);
    return std::unique_ptr<Encoder>(new Encoder(std::move(parts)));
  } catch (const std::exception& error) {
    return TorchError(error);
  }
}

namespace {

Status CheckSequence(const Sequence& sequence, int max_tokens, int vocab_size) {
  if (sequence.ids.empty()) return Invalid("an input without tokens");
  if (sequence.ids.size() > static_cast<std::size_t>(max_tokens)) {
    return Invalid("an input of ", sequence.ids.size(), " tokens; the model takes at most ", max_tokens);
  }
  if (sequence.second > sequence.ids.size()) {
    return Invalid("a second text that begins at token ", sequence.second, " of ", sequence.ids.size());
  }
  for (const std::int32_t id : sequence.ids) {
    if (id < 0 || id >= vocab_size)
      return Invalid("token id ", id, " is outside of the vocabulary of ", vocab_size);
  }
  return Ok();
}

models::PackedTokens Pack(std::span<const Sequence> sequences, std::span<const std::size_t> piece) {
  models::PackedTokens packed;
  std::int64_t tokens = 0;
  for (const std::size_t i : piece) {
    packed.lengths.push_back(static_cast<std::int64_t>(sequences[i].ids.size()));
    tokens += packed.lengths.back();
  }
  packed.ids = at::empty({tokens}, at::kLong);
  packed.positions = at::empty({tokens}, at::kLong);
  auto* ids = packed.ids.data_ptr<std::int64_t>();
  auto* positions = packed.positions.data_ptr<std::int64_t>();
  for (const std::size_t i : piece) {
    ids = std::copy(sequences[i].ids.begin(), sequences[i].ids.end(), ids);
    std::iota(positions, positions + sequences[i].ids.size(), 0);
    positions += sequences[i].ids.size();
  }
  return packed;
}

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

// Pools one piece's hidden states and hands the vectors out.
Status Deliver(const at::Tensor& hidden, std::span<const Sequence> sequences,
               std::span<const std::size_t> piece, checkpoint::Pooling pooling, const Sink& sink) {
  std::int64_t row = 0;
  for (const std::size_t i : piece) {
    const auto length = static_cast<std::int64_t>(sequences[i].ids.size());
    const at::Tensor vector =
        models::Pool(hidden.narrow(0, row, length), pooling, static_cast<std::int64_t>(sequences[i].skip))
            .contiguous();
    const std::span<const float> values(vector.data_ptr<float>(), static_cast<std::size_t>(vector.numel()));
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
      return MakeError(ErrorKind::kInternal,
                       "the model's output is not a finite number; its weights are damaged");
    }
    sink(i, values);
    row += length;
  }
  return Ok();
}

}  // namespace

Status Encoder::Encode(std::span<const Sequence> sequences, const Sink& sink) {
  for (const Sequence& sequence : sequences) {
    if (Status good = CheckSequence(sequence, max_tokens(), vocab_size()); !good) return good;
  }
  const std::vector<std::size_t> order = ShortestFirst(sequences);
  try {
    c10::InferenceMode inference;
    for (std::size_t begin = 0; begin < order.size();) {
      const std::size_t end = PieceEnd(sequences, order, begin);
      const std::span<const std::size_t> piece(order.data() + begin, end - begin);
      const at::Tensor hidden = parts_->bert.Forward(Pack(sequences, piece), steps_);
      if (Status done = Deliver(hidden, sequences, piece, parts_->sentence.pooling, sink); !done) return done;
      begin = end;
    }
  } catch (const std::exception& error) {
    return TorchError(error);
  }
  return Ok();
}

}  // namespace berth::engine
