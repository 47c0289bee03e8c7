// A decoder (a causal language model) that is loaded and can be asked: the face of worker/decoder for models of kind
// llm, as encoder.h is that of models/ for encoders. It computes logits over a paged KV cache and decides
// nothing: which tokens run together, which blocks are whose, and what is sampled are the callers' business
// (generator.h). Forward() runs on one thread at a time; the plain questions may be asked from any thread.
#pragma once

#include <atomic>
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
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/metering/budget.h"

namespace berth::engine {

// Tokens of one block of the KV cache.
inline constexpr int kBlockTokens = checkpoint::kCacheBlockTokens;
// Rows of logits that one pass may be asked for.
inline constexpr int kMostLogitRows = checkpoint::kDecoderLogitRows;

using BlockId = std::int32_t;

using checkpoint::DecoderDtype;

// Some consecutive tokens of one sequence, whose keys and values are written by this pass. Those of the positions
// before are in the blocks already.
struct Slice {
  std::span<const std::int32_t> ids;      // at least one, each in [0, vocab_size())
  std::int64_t position = 0;              // of ids[0] in its sequence
  std::span<const BlockId> blocks;        // position p is in blocks[p / kBlockTokens]; covers the last of `ids`
  // Logits are wanted from this index of `ids` on, to the end; ids.size(): none.
  std::size_t logits_from = 0;
};

// The interface, so that what schedules can be tested without a model.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Computes the slices, which belong to different sequences. `logits` gets one row for each token whose logits are
  // wanted, in the order of the slices: float32 [rows, vocab_size()], raw, valid until the next call; not looked at: damaged weights, or
  // such as were never trained, give rows that are not finite. In float32 a
  // row is bitwise the same whatever runs beside it, however its sequence was cut into slices, and whichever blocks
  // it has. Errors: kInvalid (an id, a position, a block, a number of rows out of range), kUnavailable (the budget
  // refused memory; the cache is as before, but for the slices' own positions), kExhausted (the machine has no
  // memory).
  virtual Status Forward(std::span<const Slice> slices, std::span<const float>& logits) = 0;

  // (Re)makes the cache of `blocks` blocks, whose contents are then undefined. Between passes. Errors: kExhausted.
  virtual Status AllocateCache(std::int64_t blocks) = 0;
  virtual std::int64_t cache_blocks() const = 0;
  virtual Bytes block_bytes() const = 0;  // keys and values of all layers for kBlockTokens positions

  virtual int vocab_size() const = 0;
  virtual int max_positions() const = 0;  // the model's own context
  virtual Bytes weights_mapped() const = 0;
  virtual Bytes weights_owned() const = 0;
  virtual std::uint64_t steps() const = 0;  // units of work done, each well under a second; any thread
};

struct DecoderOptions {
  DecoderDtype dtype = DecoderDtype::kAuto;
  std::int64_t context = 0;              // the served context, which chooses longrope's factors; 0: the model's
  int threads = 1;                       // compute threads of Forward(), the calling one among them
  Bytes budget = {};                     // of private memory, for the weights
  Budget* meter = nullptr;               // counts all private memory, and outlives the decoder; none: nobody counts
  std::function<void(double)> progress = nullptr;  // 0 … 1 of the load, on the calling thread
};

// Reads the Hugging Face directory `dir`. Errors: kInvalid or kNotFound (the model is wrong or not supported; names
// file, key or tensor, and remedy), kExhausted (the budget or the machine's memory does not suffice).
Result<std::unique_ptr<Decoder>> LoadDecoder(const std::filesystem::path& dir, const DecoderOptions& options);

}  // namespace berth::engine
