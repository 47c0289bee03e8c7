#include "worker/speech/whisper_decoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "worker/checkpoint/whisper_footprint.h"

namespace berth::speech {

using checkpoint::kSpeechRowsAtOnce;
using kernels::DecoderOps;
using kernels::FrameCache;
using kernels::FrameSpan;

// Whose size is checkpoint::StepFloats().
struct WhisperDecoder::Buffers {
  std::int64_t rows;
  float *x, *normed, *query, *mixed, *key, *value;  // [rows, width]
  float* wide;                                      // [rows, decoder_wide], in the place of the last four

  Buffers(const checkpoint::WhisperConfig& config, const DecoderStep& step, float* workspace)
      : rows(static_cast<std::int64_t>(step.ids.size())) {
    const auto take = [&workspace, &config, this] { return std::exchange(workspace, workspace + rows * config.width); };
    x = take();
    normed = take();
    wide = workspace;
    query = take();
    mixed = take();
    key = take();
    value = take();
  }
};

WhisperDecoder::WhisperDecoder(const checkpoint::WhisperConfig& config, decoder::DecoderWeights& weights)
    : config_(config) {
  const std::int64_t width = config.width;
  embedding_ = weights.TakeMatrix("decoder.embed_tokens.weight", config.vocab_size, width);
  positions_ = weights.TakeTensor("decoder.embed_positions.weight", {config.context, width}, checkpoint::Dtype::F32);
  for (std::int64_t i = 0; i < config.decoder_layers; ++i) {
    const std::string layer = "decoder.layers." + std::to_string(i) + ".";
    layers_.push_back({TakeAttention(weights, layer + "self_attn", width),
                       TakeAttention(weights, layer + "encoder_attn", width),
                       TakeFeedForward(weights, layer, width, config.decoder_wide)});
  }
  norm_ = TakeNorm(weights, "decoder.layer_norm", width);
  output_ = config.tied ? embedding_ : weights.TakeMatrix("proj_out.weight", config.vocab_size, width);
}

float WhisperDecoder::scale() const {
  return 1 / std::sqrt(static_cast<float>(config_.width / config_.decoder_heads));
}

FrameCache WhisperDecoder::WindowCache(float* window, std::size_t layer) const {
  FrameCache cache{nullptr, config_.decoder_heads, config_.width / config_.decoder_heads, config_.positions};
  cache.data = window + static_cast<std::int64_t>(layer) * cache.floats();
  return cache;
}

void WhisperDecoder::Listen(const float* states, DecoderOps& ops, float* workspace, float* window,
                            std::atomic<std::uint64_t>& steps) const {
  float* keys = workspace;
  float* values = workspace + kSpeechRowsAtOnce * config_.width;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const FrameCache cache = WindowCache(window, i);
    for (std::int64_t first = 0; first < config_.positions; first += kSpeechRowsAtOnce) {
      const std::int64_t rows = std::min(kSpeechRowsAtOnce, config_.positions - first);
      const std::array products = {layers_[i].cross.key.To(keys), layers_[i].cross.value.To(values)};
      ops.Linear(states + first * config_.width, rows, products);
      ops.StoreFrames(keys, values, first, rows, cache);
    }
    steps.fetch_add(1, std::memory_order_relaxed);
  }
}

void WhisperDecoder::Forward(const DecoderStep& step, const DecoderCache& cache, DecoderOps& ops, float* workspace,
                             float* logits, std::atomic<std::uint64_t>& steps, const AlignmentScores* alignment) const {
  const Buffers at(config_, step, workspace);
  ops.Embed(embedding_, step.ids, at.x);
  ops.AddRows(positions_, step.positions, at.x);
  kernels::CacheLayer layer_cache{cache.data, kernels::Element::kFloat32, config_.decoder_heads,
                                  config_.width / config_.decoder_heads};
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    AttendTokens(layers_[i], step, layer_cache, ops, at);
    AttendFrames(i, step, ops, at, alignment);
    layers_[i].feed_forward.Apply(ops, at.x, at.rows, at.normed, at.wide);
    steps.fetch_add(1, std::memory_order_relaxed);
    layer_cache.data += cache.blocks * layer_cache.block_bytes();
  }
  if (step.wanted.empty()) return;
  const auto rows = static_cast<std::int64_t>(step.wanted.size());
  ops.Select(at.x, step.wanted, config_.width, at.normed);
  norm_.Apply(ops, at.normed, rows, config_.width, at.normed);
  ops.Linear(at.normed, rows, std::array{kernels::Product{output_, nullptr, logits}});
}

void WhisperDecoder::AttendTokens(const Layer& layer, const DecoderStep& step, const kernels::CacheLayer& cache,
                                  DecoderOps& ops, const Buffers& at) const {
  const Attention& self = layer.self;
  self.norm.Apply(ops, at.x, at.rows, config_.width, at.normed);
  ops.Linear(at.normed, at.rows, std::array{self.query.To(at.query), self.key.To(at.key), self.value.To(at.value)});
  ops.Store(at.key, at.value, step.spans, cache);
  ops.Attend(at.query, config_.decoder_heads, step.spans, cache, scale(), 0, at.mixed);
  ops.Linear(at.mixed, at.rows, std::array{self.output.To(at.x, true)});
}

void WhisperDecoder::AttendFrames(std::size_t layer, const DecoderStep& step, DecoderOps& ops, const Buffers& at,
                                  const AlignmentScores* alignment) const {
  const Attention& cross = layers_[layer].cross;
  cross.norm.Apply(ops, at.x, at.rows, config_.width, at.normed);
  ops.Linear(at.normed, at.rows, std::array{cross.query.To(at.query)});
  std::vector<FrameSpan> spans;
  for (const HeardRows& heard : step.heard) {
    spans.push_back({heard.row, heard.rows, WindowCache(heard.window, layer)});
  }
  ops.AttendFrames(at.query, spans, scale(), at.mixed);
  ops.Linear(at.mixed, at.rows, std::array{cross.output.To(at.x, true)});
  if (alignment == nullptr) return;
  for (std::size_t i = 0; i < alignment->heads.size(); ++i) {
    const auto& [of_layer, head] = alignment->heads[i];
    if (of_layer != static_cast<std::int64_t>(layer)) continue;
    float* scores = alignment->scores + static_cast<std::int64_t>(i) * at.rows * config_.positions;
    ops.FrameScores(at.query, spans.front(), head, scale(), scores);
  }
}

}  // namespace berth::speech
