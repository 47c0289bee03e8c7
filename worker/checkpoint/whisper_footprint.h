// What a Whisper model holds in memory, computed before it is loaded: from its config and the headers of its weights. The
// buffers are made by these formulas, and tests hold the rest beside what is really allocated. Pure but for the
// checkpoint, which the caller has mapped; no page of a tensor is touched.
#pragma once

#include <cstdint>
#include <string_view>

#include "supervisor/base/bytes.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/whisper_config.h"

namespace berth::checkpoint {

// Frames of a window that are computed at once: their activations stay in the second cache.
inline constexpr std::int64_t kSpeechRowsAtOnce = 256;
// Rows of one step of the decoder, prompts included, and of those the rows whose logits are wanted.
inline constexpr std::int64_t kSpeechStepRows = 512;
inline constexpr std::int64_t kSpeechLogitRows = 128;

// As what matrices are kept: F32 or BF16. kAuto: BF16 where the file is, else F32, to which F16 is widened.
Dtype KeptDtype(DecoderDtype wanted, const WhisperConfig& config, const Checkpoint& checkpoint);

// Names of tensors that published checkpoints carry and the model does not need.
bool IsRedundant(const WhisperConfig& config, std::string_view name);

DecoderWeightBytes WeightsOf(const WhisperConfig& config, Dtype kept, const Checkpoint& checkpoint);

// Floats of keys and values of one layer over `frames` frames, padded as kernels::FrameCache has them.
std::int64_t FrameCacheFloats(std::int64_t heads, std::int64_t head_size, std::int64_t frames);
// Floats of what the decoder knows of one window: keys and values of all its layers.
std::int64_t WindowFloats(const WhisperConfig& config);
// Floats in which one window is encoded, its states included.
std::int64_t EncoderFloats(const WhisperConfig& config);
// Floats in which a step of `rows` rows is computed, without logits.
std::int64_t StepFloats(const WhisperConfig& config, std::int64_t rows);
// Keys and values of all layers for one block of tokens, in float32.
Bytes SpeechBlockBytes(const WhisperConfig& config);

}  // namespace berth::checkpoint
