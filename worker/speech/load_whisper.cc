// speech_model.h over Whisper's encoder and decoder and the CPU's operations.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "worker/checkpoint/whisper_footprint.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/decoder/memory.h"
#include "worker/generation/logprobs.h"
#include "worker/kernels/cpu/cpu_ops.h"
#include "worker/speech/speech_model.h"
#include "worker/speech/whisper_decoder.h"
#include "worker/speech/whisper_encoder.h"

namespace berth::speech {
namespace {

using checkpoint::Dtype;
using checkpoint::WhisperConfig;

static_assert(kBlockTokens == kernels::kBlockTokens, "hypotheses and kernels cut sequences alike");
static_assert(kBlockTokens == checkpoint::kCacheBlockTokens);

class HeardWindow : public Window {
 public:
  explicit HeardWindow(decoder::Memory memory) : memory_(std::move(memory)) {}
  float* data() const { return memory_.as<float>(); }

 private:
  decoder::Memory memory_;
};

Bytes BytesOf(std::int64_t floats) { return {static_cast<std::uint64_t>(floats) * sizeof(float)}; }

// Slices as the rows of one step.
struct Rows {
  std::vector<std::int32_t> ids, positions;
  std::vector<kernels::Span> spans;
  std::vector<HeardRows> heard;
  std::vector<std::int64_t> wanted;

  explicit Rows(std::span<const Slice> slices) {
    for (const Slice& slice : slices) Add(slice);
  }

  DecoderStep step() const { return {ids, positions, spans, heard, wanted}; }

 private:
  void Add(const Slice& slice) {
    const auto row = static_cast<std::int64_t>(ids.size()), count = static_cast<std::int64_t>(slice.ids.size());
    ids.insert(ids.end(), slice.ids.begin(), slice.ids.end());
    for (std::int64_t i = 0; i < count; ++i) positions.push_back(static_cast<std::int32_t>(slice.position + i));
    spans.push_back({row, count, slice.position, slice.blocks.data()});
    for (const std::size_t i : slice.wanted) wanted.push_back(row + static_cast<std::int64_t>(i));
    float* window = static_cast<const HeardWindow*>(slice.window)->data();
    if (!heard.empty() && heard.back().window == window) heard.back().rows += count;
    else heard.push_back({row, count, window});
  }
};

class LoadedWhisper : public SpeechModel {
 public:
  LoadedWhisper(WhisperConfig config, Dtype kept, checkpoint::Checkpoint checkpoint, const SpeechModelOptions& options)
      : config_(std::move(config)),
        heads_(options.alignment_heads),
        meter_(options.meter),
        weights_(std::move(checkpoint), kept, options.budget, options.meter, options.progress),
        encoder_(config_, weights_),
        decoder_(config_, weights_),
        ops_(kernels::cpu::MakeCpuOps(std::max(1, options.threads))),
        encoding_(options.meter),
        stepping_(options.meter),
        logits_(options.meter),
        scores_(options.meter) {}

  // Once, after loading: what was wrong with the tensors.
  Status Finish(const std::filesystem::path& dir) const {
    const auto unused = weights_.Finish();
    if (!unused) return unused.error();
    for (const std::string& name : *unused) {
      if (checkpoint::IsRedundant(config_, name)) continue;
      return Invalid(dir.string(), ": tensor \"", name, "\" is not used by Whisper as config.json describes it; correct "
                     "config.json, or remove the tensor");
    }
    return Ok();
  }

  Result<std::vector<std::unique_ptr<Window>>> Hear(std::span<const std::span<const float>> mels) override;
  Status Decode(std::span<const Slice> slices, std::span<const float>& logits) override;
  Status Align(const Slice& slice, std::span<const float>& scores, std::span<const float>& logits) override;
  Status AllocateCache(std::int64_t blocks) override;
  void CopyBlock(BlockId from, BlockId to) override;

  const WhisperConfig& config() const override { return config_; }
  std::int64_t cache_blocks() const override { return blocks_; }
  Bytes block_bytes() const override { return checkpoint::SpeechBlockBytes(config_); }
  Bytes window_bytes() const override { return BytesOf(checkpoint::WindowFloats(config_)); }
  Bytes weights_mapped() const override { return weights_.mapped_bytes(); }
  Bytes weights_owned() const override { return weights_.owned_bytes(); }
  std::uint64_t steps() const override { return steps_.load(std::memory_order_relaxed); }

 private:
  Result<std::unique_ptr<Window>> HearOne(std::span<const float> mel);
  Status Check(const Slice& slice) const;
  Status CheckAll(std::span<const Slice> slices) const;
  Status Run(std::span<const Slice> slices, std::span<const float>& logits, const AlignmentScores* alignment);

  const WhisperConfig config_;
  const std::vector<checkpoint::AlignmentHead> heads_;
  engine::Budget* const meter_;
  decoder::DecoderWeights weights_;  // keeps the file mapped
  WhisperEncoder encoder_;
  WhisperDecoder decoder_;
  std::unique_ptr<kernels::DecoderOps> ops_;
  decoder::Memory cache_;
  std::int64_t blocks_ = 0;
  decoder::Scratch encoding_, stepping_, logits_, scores_;
  std::atomic<std::uint64_t> steps_{0};
};

Result<std::vector<std::unique_ptr<Window>>> LoadedWhisper::Hear(std::span<const std::span<const float>> mels) {
  std::vector<std::unique_ptr<Window>> windows;
  for (const auto& mel : mels) {
    auto window = HearOne(mel);
    if (!window) return window.error();
    windows.push_back(std::move(*window));
  }
  return windows;
}

Result<std::unique_ptr<Window>> LoadedWhisper::HearOne(std::span<const float> mel) {
  if (static_cast<std::int64_t>(mel.size()) != config_.mels * config_.frames()) {
    return Invalid("mel features of ", mel.size(), " numbers; a window has ", config_.mels, " x ", config_.frames());
  }
  const auto workspace = encoding_.Floats(checkpoint::EncoderFloats(config_));
  if (!workspace) return workspace.error();
  auto memory = decoder::Memory::Make(window_bytes(), meter_);
  if (!memory) return memory.error();
  const float* states = encoder_.Forward(mel.data(), *ops_, *workspace, steps_);
  const std::int64_t size = config_.positions * config_.width;
  if (!engine::AllFinite({states, static_cast<std::size_t>(size)})) {
    return MakeError(ErrorKind::kInternal, "the encoder's output is not a finite number; the model's weights are damaged");
  }
  // Behind the states there is room enough: EncoderFloats().
  decoder_.Listen(states, *ops_, *workspace + size, memory->as<float>(), steps_);
  return std::unique_ptr<Window>(std::make_unique<HeardWindow>(std::move(*memory)));
}

Status LoadedWhisper::Check(const Slice& slice) const {
  if (slice.ids.empty()) return Invalid("a slice without tokens");
  if (slice.window == nullptr) return Invalid("a slice without a window");
  const auto end = slice.position + static_cast<std::int64_t>(slice.ids.size());
  if (slice.position < 0 || end > config_.context) {
    return Invalid("positions ", slice.position, " to ", end - 1, "; the model has ", config_.context);
  }
  for (const std::int32_t id : slice.ids) {
    if (id >= 0 && id < config_.vocab_size) continue;
    return Invalid("token id ", id, " is outside of the vocabulary of ", config_.vocab_size);
  }
  if (static_cast<std::int64_t>(slice.blocks.size()) * kBlockTokens < end) {
    return Invalid(slice.blocks.size(), " blocks for ", end, " positions");
  }
  for (const BlockId block : slice.blocks) {
    if (block < 0 || block >= blocks_) return Invalid("block ", block, "; the cache has ", blocks_);
  }
  if (!slice.wanted.empty() && slice.wanted.back() >= slice.ids.size()) {
    return Invalid("logits of token ", slice.wanted.back(), " of ", slice.ids.size());
  }
  return Ok();
}

Status LoadedWhisper::CheckAll(std::span<const Slice> slices) const {
  std::int64_t rows = 0, wanted = 0;
  for (const Slice& slice : slices) {
    if (Status good = Check(slice); !good) return good;
    rows += static_cast<std::int64_t>(slice.ids.size());
    wanted += static_cast<std::int64_t>(slice.wanted.size());
  }
  if (rows > checkpoint::kSpeechStepRows || wanted > checkpoint::kSpeechLogitRows) {
    return Invalid("a step of ", rows, " tokens and ", wanted, " rows of logits; at most ", checkpoint::kSpeechStepRows,
                   " and ", checkpoint::kSpeechLogitRows);
  }
  return Ok();
}

Status LoadedWhisper::Run(std::span<const Slice> slices, std::span<const float>& logits,
                          const AlignmentScores* alignment) {
  const Rows rows(slices);
  const auto workspace = stepping_.Floats(checkpoint::StepFloats(config_, static_cast<std::int64_t>(rows.ids.size())));
  if (!workspace) return workspace.error();
  const std::int64_t size = static_cast<std::int64_t>(rows.wanted.size()) * config_.vocab_size;
  const auto memory = logits_.Floats(size);
  if (!memory) return memory.error();
  decoder_.Forward(rows.step(), {cache_.as<std::byte>(), blocks_}, *ops_, *workspace, *memory, steps_, alignment);
  logits = {*memory, static_cast<std::size_t>(size)};
  return Ok();
}

Status LoadedWhisper::Decode(std::span<const Slice> slices, std::span<const float>& logits) {
  logits = {};
  if (Status good = CheckAll(slices); !good) return good;
  return Run(slices, logits, nullptr);
}

Status LoadedWhisper::Align(const Slice& slice, std::span<const float>& scores, std::span<const float>& logits) {
  scores = logits = {};
  if (Status good = CheckAll({&slice, 1}); !good) return good;
  const auto size = static_cast<std::int64_t>(heads_.size() * slice.ids.size()) * config_.positions;
  const auto memory = scores_.Floats(size);
  if (!memory) return memory.error();
  const AlignmentScores alignment{heads_, *memory};
  if (Status done = Run({&slice, 1}, logits, &alignment); !done) return done;
  scores = {*memory, static_cast<std::size_t>(size)};
  return Ok();
}

Status LoadedWhisper::AllocateCache(std::int64_t blocks) {
  if (blocks < 0) return Invalid("a cache of ", blocks, " blocks");
  cache_ = {};
  blocks_ = 0;
  auto made = decoder::Memory::Make({static_cast<std::uint64_t>(blocks) * block_bytes().count}, meter_);
  if (!made) return MakeError(ErrorKind::kExhausted, made.error().message);
  cache_ = std::move(*made);
  blocks_ = blocks;
  return Ok();
}

void LoadedWhisper::CopyBlock(BlockId from, BlockId to) {
  const std::size_t bytes = block_bytes().count / static_cast<std::size_t>(config_.decoder_layers);
  for (std::int64_t layer = 0; layer < config_.decoder_layers; ++layer) {
    std::byte* data = cache_.as<std::byte>() + static_cast<std::size_t>(layer * blocks_) * bytes;
    std::memcpy(data + static_cast<std::size_t>(to) * bytes, data + static_cast<std::size_t>(from) * bytes, bytes);
  }
}

}  // namespace

Result<std::unique_ptr<SpeechModel>> LoadWhisper(const std::filesystem::path& dir, const SpeechModelOptions& options) {
  auto config = checkpoint::ReadWhisperConfig(dir);
  if (!config) return config.error();
  auto checkpoint = checkpoint::Checkpoint::Open(dir);
  if (!checkpoint) return checkpoint.error();
  SpeechModelOptions filled = options;
  if (filled.alignment_heads.empty()) {
    auto generation = checkpoint::ReadWhisperGeneration(dir, *config);
    if (!generation) return generation.error();
    filled.alignment_heads = std::move(generation->alignment_heads);
  }
  const Dtype kept = checkpoint::KeptDtype(options.dtype, *config, *checkpoint);
  auto loaded = std::make_unique<LoadedWhisper>(std::move(*config), kept, std::move(*checkpoint), filled);
  if (Status good = loaded->Finish(dir); !good) return good.error();
  return std::unique_ptr<SpeechModel>(std::move(loaded));
}

}  // namespace berth::speech
