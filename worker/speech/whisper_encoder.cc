#include "worker/speech/whisper_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "worker/checkpoint/whisper_footprint.h"

namespace berth::speech {
namespace {

using checkpoint::kSpeechRowsAtOnce;
using kernels::DecoderOps;
using kernels::Signal;

// piece(first, rows) for all rows, in pieces.
template <class Piece>
void ForPieces(std::int64_t rows, const Piece& piece) {
  for (std::int64_t first = 0; first < rows; first += kSpeechRowsAtOnce) {
    piece(first, std::min(kSpeechRowsAtOnce, rows - first));
  }
}

}  // namespace

// Whose size is checkpoint::EncoderFloats().
struct WhisperEncoder::Buffers {
  float* x;               // [positions, width]
  float *query, *mixed;   // the same
  float* convolved;       // [frames, width], in the place of the two
  kernels::FrameCache cache;
  float* normed;          // of the rows at once, as are those below
  float *key, *value;
  float *unfolded, *wide;  // in their place

  Buffers(const checkpoint::WhisperConfig& config, float* workspace) {
    const auto take = [&workspace](std::int64_t count) { return std::exchange(workspace, workspace + count); };
    const std::int64_t all = config.positions * config.width, some = kSpeechRowsAtOnce * config.width;
    x = take(all);
    convolved = query = take(all);
    mixed = take(all);
    cache = {nullptr, config.encoder_heads, config.width / config.encoder_heads, config.positions};
    cache.data = take(cache.floats());
    normed = take(some);
    unfolded = wide = key = workspace;
    value = key + some;
  }
};

WhisperEncoder::WhisperEncoder(const checkpoint::WhisperConfig& config, decoder::DecoderWeights& weights)
    : config_(config) {
  const std::int64_t width = config.width;
  const auto convolution = [&](const std::string& name, std::int64_t channels) {
    const kernels::Matrix weight = weights.TakeTensor(name + ".weight", {width, channels, 3}, weights.kept());
    return Linear{weight, weights.TakeVector(name + ".bias", width)};
  };
  first_ = convolution("encoder.conv1", config.mels);
  second_ = convolution("encoder.conv2", width);
  positions_ = weights.TakeTensor("encoder.embed_positions.weight", {config.positions, width}, checkpoint::Dtype::F32);
  for (std::int64_t i = 0; i < config.encoder_layers; ++i) {
    const std::string layer = "encoder.layers." + std::to_string(i) + ".";
    layers_.push_back({TakeAttention(weights, layer + "self_attn", width),
                       TakeFeedForward(weights, layer, width, config.encoder_wide)});
  }
  norm_ = TakeNorm(weights, "encoder.layer_norm", width);
}

const float* WhisperEncoder::Forward(const float* mel, DecoderOps& ops, float* workspace,
                                     std::atomic<std::uint64_t>& steps) const {
  const Buffers at(config_, workspace);
  const std::int64_t width = config_.width;
  Convolve(mel, ops, at);
  steps.fetch_add(1, std::memory_order_relaxed);
  for (const Layer& layer : layers_) {
    Attend(layer.attention, ops, at);
    steps.fetch_add(1, std::memory_order_relaxed);
    ForPieces(config_.positions, [&](std::int64_t first, std::int64_t rows) {
      float* x = at.x + first * width;
      ops.Linear(at.mixed + first * width, rows, std::array{layer.attention.output.To(x, true)});
      layer.feed_forward.Apply(ops, x, rows, at.normed, at.wide);
      steps.fetch_add(1, std::memory_order_relaxed);
    });
  }
  norm_.Apply(ops, at.x, config_.positions, width, at.x);
  return at.x;
}

void WhisperEncoder::Convolve(const float* mel, DecoderOps& ops, const Buffers& at) const {
  const std::int64_t width = config_.width, frames = config_.frames();
  const Signal heard{mel, frames, config_.mels, 1, frames};
  ForPieces(frames, [&](std::int64_t first, std::int64_t rows) {
    float* y = at.convolved + first * width;
    ops.Unfold(heard, 1, first, rows, at.unfolded);
    ops.Linear(at.unfolded, rows, std::array{first_.To(y)});
    ops.Gelu(y, rows * width);
  });
  const Signal convolved{at.convolved, frames, width, width, 1};
  ForPieces(config_.positions, [&](std::int64_t first, std::int64_t rows) {
    float* y = at.x + first * width;
    ops.Unfold(convolved, 2, first, rows, at.unfolded);
    ops.Linear(at.unfolded, rows, std::array{second_.To(y)});
    ops.Gelu(y, rows * width);
    std::array<std::int32_t, kSpeechRowsAtOnce> positions;
    std::iota(positions.begin(), positions.end(), static_cast<std::int32_t>(first));
    ops.AddRows(positions_, std::span(positions).first(static_cast<std::size_t>(rows)), y);
  });
}

void WhisperEncoder::Attend(const Attention& attention, DecoderOps& ops, const Buffers& at) const {
  const std::int64_t width = config_.width;
  ForPieces(config_.positions, [&](std::int64_t first, std::int64_t rows) {
    attention.norm.Apply(ops, at.x + first * width, rows, width, at.normed);
    const std::array products = {attention.query.To(at.query + first * width), attention.key.To(at.key),
                                 attention.value.To(at.value)};
    ops.Linear(at.normed, rows, products);
    ops.StoreFrames(at.key, at.value, first, rows, at.cache);
  });
  const kernels::FrameSpan all{0, config_.positions, at.cache};
  const float scale = 1 / std::sqrt(static_cast<float>(at.cache.head_size));
  ops.AttendFrames(at.query, {&all, 1}, scale, at.mixed);
}

}  // namespace berth::speech
