// What a decoder holds in memory, computed before it is loaded: from its config and the headers of its weights. The
// workspace is made by these formulas, and tests hold the rest beside what is really allocated. Pure but for the
// checkpoint, which the caller has mapped; no page of a tensor is touched.
#pragma once

#include <cstdint>

#include "supervisor/base/bytes.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::checkpoint {

// Tokens that are computed at once: enough for matrix products at full speed, few enough that a layer of them stays far
// below a second and that activations stay small. A pass of more is computed in pieces.
inline constexpr std::int64_t kDecoderTokensAtOnce = 512;

// Tokens of one block of the KV cache.
inline constexpr std::int64_t kCacheBlockTokens = 16;
// Rows of logits that one pass may be asked for: with a vocabulary of 150,000 they are 38 MB of float32.
inline constexpr std::int64_t kDecoderLogitRows = 64;

struct DecoderWeightBytes {
  Bytes mapped;             // tensors that stay in the file, shared by all processes that map it
  Bytes owned;              // tensors that each process has for itself, converted; nothing is packed
  Bytes largest_converted;  // the largest of those as it is in the file, of which a copy exists while it is converted
};

// F32 or BF16: as what matrices are kept, and keys and values in the cache. kAuto is what config.json says, else what the
// embedding has in the file.
Dtype KeptDtype(DecoderDtype wanted, const DecoderConfig& config, const Checkpoint& checkpoint);

// Names of tensors that published checkpoints carry and that no decoder needs: `name` may be ignored.
bool IsRedundant(const DecoderConfig& config, std::string_view name);

DecoderWeightBytes WeightsOf(const DecoderConfig& config, Dtype kept, const Checkpoint& checkpoint);

// Keys and values of all layers for `block_tokens` positions.
Bytes CacheBlockBytes(const DecoderConfig& config, Dtype kept, std::int64_t block_tokens);

// What the KV cache leaves free of a replica's memory, for bodies, prompts and replies of requests: of a large one 64
// MiB, of a small one its sixteenth.
Bytes KeptForRequests(Bytes memory);

// Floats of the workspace in which `tokens` tokens are computed, at most kDecoderTokensAtOnce at once.
std::int64_t WorkspaceFloats(const DecoderConfig& config, std::int64_t tokens);

// The most that is alive in a pass over `tokens` tokens with `logit_rows` rows of logits.
Bytes PeakActivations(const DecoderConfig& config, std::int64_t tokens, std::int64_t logit_rows);

}  // namespace berth::checkpoint
