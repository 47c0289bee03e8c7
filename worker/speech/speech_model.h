// The network of a speech model as decoding uses it: windows of mel features in, rows of logits out. Torch-free; one thread at
// a time calls, but for steps(). What is asked for is checked; what a row gets does not depend on the other rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/whisper_config.h"
#include "worker/metering/budget.h"

namespace berth::speech {

using BlockId = std::int32_t;
inline constexpr int kBlockTokens = 16;

// What the decoder knows of a window that was heard. Its memory is free as it dies.
class Window {
 public:
  virtual ~Window() = default;
};

// Tokens of one hypothesis that are computed now. Refers to what the caller holds.
struct Slice {
  std::span<const std::int32_t> ids;
  std::int64_t position = 0;          // of the first, in the hypothesis
  std::span<const BlockId> blocks;    // position p is in blocks[p / kBlockTokens]
  const Window* window = nullptr;
  std::span<const std::size_t> wanted;  // which of `ids` want logits, ascending
};

class SpeechModel {
 public:
  virtual ~SpeechModel() = default;

  // Each of `mels` is float32 [mels, frames]; a window comes back for each, in order. Errors: another size; kUnavailable
  // where the budget refuses; states that are no finite numbers.
  virtual Result<std::vector<std::unique_ptr<Window>>> Hear(std::span<const std::span<const float>> mels) = 0;

  // Logits of the wanted tokens, one row [vocab_size] after another, valid until the next call. At most
  // checkpoint::kSpeechStepRows tokens and kSpeechLogitRows rows. Slices of one window that follow each other share the
  // reading of it.
  virtual Status Decode(std::span<const Slice> slices, std::span<const float>& logits) = 0;

  // Computes the slice, and of the model's alignment heads the scores over the window's frames, before the softmax:
  // [heads, tokens, positions]. The slice wants the logits of its tokens as Decode()'s do.
  virtual Status Align(const Slice& slice, std::span<const float>& scores, std::span<const float>& logits) = 0;

  // The blocks of all hypotheses' tokens; what was in them is gone.
  virtual Status AllocateCache(std::int64_t blocks) = 0;
  virtual void CopyBlock(BlockId from, BlockId to) = 0;

  virtual const checkpoint::WhisperConfig& config() const = 0;
  virtual std::int64_t cache_blocks() const = 0;
  virtual Bytes block_bytes() const = 0;
  virtual Bytes window_bytes() const = 0;
  virtual Bytes weights_mapped() const = 0;
  virtual Bytes weights_owned() const = 0;
  virtual std::uint64_t steps() const = 0;  // any thread
};

struct SpeechModelOptions {
  checkpoint::DecoderDtype dtype = checkpoint::DecoderDtype::kAuto;
  int threads = 1;
  Bytes budget;                       // of private memory of weights
  engine::Budget* meter = nullptr;    // counts all private memory; may be null
  std::vector<checkpoint::AlignmentHead> alignment_heads = {};
  std::function<void(double)> progress = {};
};

// A Whisper directory. Errors name the file and the tensor or key.
Result<std::unique_ptr<SpeechModel>> LoadWhisper(const std::filesystem::path& dir, const SpeechModelOptions& options);

}  // namespace berth::speech
