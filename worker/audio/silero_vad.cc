#include "worker/audio/silero_vad.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "worker/checkpoint/safetensors.h"
#include "worker/kernels/cpu/cpu_ops.h"

namespace berth::audio {
namespace {

constexpr std::size_t kContext = 64;   // samples before a hop that it is seen with, and mirrored behind it
constexpr std::size_t kSeen = kContext + kHopSamples;
constexpr std::size_t kWindow = 256;   // of the transform
constexpr std::size_t kStep = 128;
constexpr std::size_t kFrames = 4;     // (kSeen + kContext − kWindow) / kStep + 1
constexpr std::size_t kBins = kWindow / 2 + 1;
constexpr std::size_t kState = 128;    // of the LSTM
constexpr std::size_t kTaps = 3;

using Shape = std::vector<std::int64_t>;

Status Take(const std::vector<checkpoint::TensorView>& views, const std::string& file, const std::string& name,
            const Shape& shape, std::vector<float>& to) {
  const auto view = std::ranges::find(views, name, &checkpoint::TensorView::name);
  if (view == views.end()) {
    return Invalid(file, ": has no tensor \"", name, "\"; expected are the weights of Silero's network for 16 kHz");
  }
  if (view->dtype != checkpoint::Dtype::F32 || view->shape != shape) {
    return Invalid(file, ": \"", name, "\" is ", std::string(DtypeName(view->dtype)), " ", checkpoint::FormatShape(view->shape),
                   ", expected is F32 ", checkpoint::FormatShape(shape));
  }
  to.resize(view->data.size() / sizeof(float));
  std::memcpy(to.data(), view->data.data(), view->data.size());
  if (std::ranges::all_of(to, [](float x) { return std::isfinite(x); })) return Ok();
  return Invalid(file, ": \"", name, "\" has a weight that is not a finite number");
}

Status TakeAll(const std::vector<checkpoint::TensorView>& views, const std::string& file, SileroWeights& weights) {
  struct Row {
    const char* name;
    Shape shape;
    std::vector<float>* to;
  };
  std::vector<Row> table = {
      {"stft_conv.weight", {2 * kBins, 1, kWindow}, &weights.transform},
      {"lstm_cell.weight_ih", {4 * kState, kState}, &weights.input_weight},
      {"lstm_cell.weight_hh", {4 * kState, kState}, &weights.state_weight},
      {"lstm_cell.bias_ih", {4 * kState}, &weights.input_bias},
      {"lstm_cell.bias_hh", {4 * kState}, &weights.state_bias},
      {"final_conv.weight", {1, kState, 1}, &weights.last_weight},
      {"final_conv.bias", {1}, &weights.last_bias},
  };
  for (const Row& row : table) {
    if (auto status = Take(views, file, row.name, row.shape, *row.to); !status) return status;
  }
  for (int i = 0; i < 4; ++i) {
    auto& c = weights.convolutions[i];
    const std::string name = "conv" + std::to_string(i + 1);
    if (auto status = Take(views, file, name + ".weight", {c.out, c.in, kTaps}, c.weight); !status) return status;
    if (auto status = Take(views, file, name + ".bias", {c.out}, c.bias); !status) return status;
  }
  return Ok();
}

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

kernels::Matrix MatrixOf(const std::vector<float>& weight, std::size_t rows) {
  return {weight.data(), kernels::Element::kFloat32, static_cast<std::int64_t>(rows),
          static_cast<std::int64_t>(weight.size() / rows)};
}

}  // namespace

Result<std::shared_ptr<const SileroWeights>> SileroWeights::Open(const std::filesystem::path& path) {
  auto mapped = checkpoint::MappedFile::Open(path, MiB(64));
  if (!mapped) return mapped.error();
  auto views = checkpoint::ParseSafetensors(mapped->bytes(), path.string());
  if (!views) return views.error();
  auto weights = std::make_shared<SileroWeights>();
  const std::array<std::array<std::int64_t, 3>, 4> layers{{{kBins, 128, 1}, {128, 64, 2}, {64, 64, 2}, {64, kState, 1}}};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& [in, out, stride] = layers[i];
    weights->convolutions[i] = {.weight = {}, .bias = {}, .in = in, .out = out, .stride = stride};
  }
  if (auto status = TakeAll(*views, path.string(), *weights); !status) return status.error();
  return std::shared_ptr<const SileroWeights>(std::move(weights));
}

Bytes SileroWeights::memory() const {
  std::size_t floats = transform.size() + input_weight.size() + state_weight.size() + input_bias.size() +
                       state_bias.size() + last_weight.size() + last_bias.size();
  for (const Convolution& c : convolutions) floats += c.weight.size() + c.bias.size();
  return {floats * sizeof(float)};
}

// Activations are [hops, frames, channels].
struct SpeechDetector::Work {
  std::vector<float> pending = std::vector<float>(kContext);  // the context, then samples of hops to come
  std::vector<float> columns;   // what a product takes: [rows, in · taps]
  std::vector<float> product;   // what it makes
  std::vector<float> activations;
  std::size_t frames = 0;
  std::vector<float> gates;     // [hops, 4 · kState]: what the inputs give
  std::array<float, 4 * kState> sums{};
  std::array<float, kState> state{};
  std::array<float, kState> cell{};
};

SpeechDetector::SpeechDetector(std::shared_ptr<const SileroWeights> weights)
    : weights_(std::move(weights)), ops_(kernels::cpu::MakeCpuOps(1)), work_(std::make_unique<Work>()) {}
SpeechDetector::~SpeechDetector() = default;

void SpeechDetector::Add(std::span<const std::int16_t> samples, std::vector<float>& probabilities) {
  auto& pending = work_->pending;
  while (!samples.empty()) {
    const std::size_t room = kContext + kHopsAtOnce * kHopSamples - pending.size();
    const std::size_t count = std::min(room, samples.size());
    for (const std::int16_t s : samples.first(count)) pending.push_back(static_cast<float>(s) / 32768);
    samples = samples.subspan(count);
    Run(probabilities);
  }
}

void SpeechDetector::Finish(std::vector<float>& probabilities) {
  auto& pending = work_->pending;
  const std::size_t part = (pending.size() - kContext) % kHopSamples;
  if (part > 0) {
    pending.resize(pending.size() + kHopSamples - part);
    Run(probabilities);
  }
  work_ = std::make_unique<Work>();
}

void SpeechDetector::Run(std::vector<float>& probabilities) {
  Work& work = *work_;
  const std::size_t hops = (work.pending.size() - kContext) / kHopSamples;
  if (hops == 0) return;
  Transform(hops);
  for (std::size_t layer = 0; layer < std::size(weights_->convolutions); ++layer) Convolve(layer, hops);
  work.gates.resize(hops * 4 * kState);
  const kernels::Product inputs{MatrixOf(weights_->input_weight, 4 * kState), weights_->input_bias.data(), work.gates.data()};
  ops_->Linear(work.activations.data(), static_cast<std::int64_t>(hops), {&inputs, 1});
  for (std::size_t hop = 0; hop < hops; ++hop) probabilities.push_back(Listen(hop));
  work.pending.erase(work.pending.begin(), work.pending.begin() + static_cast<std::ptrdiff_t>(hops * kHopSamples));
}

// Magnitudes of kFrames windows of each hop, which is seen with the end of the one before and mirrored at its own.
void SpeechDetector::Transform(std::size_t hops) {
  Work& work = *work_;
  work.columns.resize(hops * kFrames * kWindow);
  std::array<float, kSeen + kContext> seen;
  for (std::size_t hop = 0; hop < hops; ++hop) {
    std::copy_n(work.pending.begin() + static_cast<std::ptrdiff_t>(hop * kHopSamples), kSeen, seen.begin());
    for (std::size_t i = 0; i < kContext; ++i) seen[kSeen + i] = seen[kSeen - 2 - i];
    for (std::size_t f = 0; f < kFrames; ++f) {
      std::copy_n(seen.begin() + f * kStep, kWindow, work.columns.begin() + static_cast<std::ptrdiff_t>((hop * kFrames + f) * kWindow));
    }
  }
  const std::size_t rows = hops * kFrames;
  work.product.resize(rows * 2 * kBins);
  const kernels::Product transform{MatrixOf(weights_->transform, 2 * kBins), nullptr, work.product.data()};
  ops_->Linear(work.columns.data(), static_cast<std::int64_t>(rows), {&transform, 1});
  work.activations.resize(rows * kBins);
  work.frames = kFrames;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* parts = &work.product[row * 2 * kBins];
    for (std::size_t k = 0; k < kBins; ++k) {
      work.activations[row * kBins + k] = std::sqrt(parts[k] * parts[k] + parts[kBins + k] * parts[kBins + k]);
    }
  }
}

// One zero at both ends, three taps, ReLU.
void SpeechDetector::Convolve(std::size_t layer, std::size_t hops) {
  Work& work = *work_;
  const auto& c = weights_->convolutions[layer];
  const auto in = static_cast<std::size_t>(c.in), out = static_cast<std::size_t>(c.out);
  const auto stride = static_cast<std::size_t>(c.stride);
  const std::size_t frames = (work.frames - 1) / stride + 1;
  work.columns.assign(hops * frames * in * kTaps, 0);
  for (std::size_t row = 0; row < hops * frames; ++row) {
    const std::size_t hop = row / frames, middle = row % frames * stride;
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      const std::size_t frame = middle + tap;  // one too many, for the zero in front
      if (frame == 0 || frame > work.frames) continue;
      const float* from = &work.activations[(hop * work.frames + frame - 1) * in];
      float* to = &work.columns[row * in * kTaps + tap];
      for (std::size_t i = 0; i < in; ++i) to[i * kTaps] = from[i];
    }
  }
  work.activations.resize(hops * frames * out);
  const kernels::Product product{MatrixOf(c.weight, out), c.bias.data(), work.activations.data()};
  ops_->Linear(work.columns.data(), static_cast<std::int64_t>(hops * frames), {&product, 1});
  for (float& x : work.activations) x = std::max(x, 0.0f);
  work.frames = frames;
}

float SpeechDetector::Listen(std::size_t hop) {
  Work& work = *work_;
  const kernels::Product states{MatrixOf(weights_->state_weight, 4 * kState), weights_->state_bias.data(), work.sums.data()};
  ops_->Linear(work.state.data(), 1, {&states, 1});
  const float* gates = &work.gates[hop * 4 * kState];
  float sum = weights_->last_bias[0];
  for (std::size_t i = 0; i < kState; ++i) {
    const auto gate = [&](std::size_t which) { return gates[which * kState + i] + work.sums[which * kState + i]; };
    work.cell[i] = Sigmoid(gate(1)) * work.cell[i] + Sigmoid(gate(0)) * std::tanh(gate(2));
    work.state[i] = Sigmoid(gate(3)) * std::tanh(work.cell[i]);
    sum += weights_->last_weight[i] * std::max(work.state[i], 0.0f);
  }
  return Sigmoid(sum);
}

}  // namespace berth::audio
