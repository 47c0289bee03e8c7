// A decoder without a model: logits are a function of all tokens before, which it knows only from its cache, where
// each position keeps a digest of the tokens up to it. So a block that is given to two sequences, or read before it
// was written, changes what is generated, and mostly is found at once: each position also keeps the digest that it
// continued.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "worker/engine/decoder.h"

namespace berth::engine {

class FakeDecoder : public Decoder {
 public:
  explicit FakeDecoder(std::int64_t blocks, int vocab = 64, int context = 4096) : vocab_(vocab), context_(context) {
    [[maybe_unused]] const auto made = AllocateCache(blocks);
  }

  // What comes next after these tokens, by the definition.
  static std::uint64_t Digest(std::uint64_t before, std::int32_t id) {
    std::uint64_t hash = before * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(id) + 1;
    hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9ULL;
    return hash ^ (hash >> 32);
  }
  static std::vector<float> LogitsAfter(std::span<const std::int32_t> ids, int vocab) {
    std::uint64_t digest = 0;
    for (const std::int32_t id : ids) digest = Digest(digest, id);
    std::vector<float> row;
    AppendRow(digest, vocab, row);
    return row;
  }

  Status Forward(std::span<const Slice> slices, std::span<const float>& logits) override {
    if (before_forward) before_forward();
    if (fail) {
      if (Status status = fail(); !status) return status;
    }
    rows_.clear();
    int tokens = 0;
    for (const Slice& slice : slices) {
      tokens += static_cast<int>(slice.ids.size());
      if (Status status = Run(slice); !status) return status;
    }
    batches.push_back(static_cast<int>(slices.size()));
    most_tokens = std::max(most_tokens, tokens);
    most_rows = std::max(most_rows, static_cast<int>(rows_.size()) / vocab_);
    logits = rows_;
    ++steps_;
    if (most_rows > kMostLogitRows) return Wrong("more rows than one pass may have");
    return Ok();
  }

  Status AllocateCache(std::int64_t blocks) override {
    slots_.assign(static_cast<std::size_t>(blocks) * kBlockTokens, {});
    return Ok();
  }
  std::int64_t cache_blocks() const override { return static_cast<std::int64_t>(slots_.size()) / kBlockTokens; }
  Bytes block_bytes() const override { return {kBlockTokens * 64}; }
  int vocab_size() const override { return vocab_; }
  int max_positions() const override { return context_; }
  Bytes weights_mapped() const override { return {}; }
  Bytes weights_owned() const override { return {}; }
  std::uint64_t steps() const override { return steps_; }

  std::function<void()> before_forward;  // on the compute thread
  std::function<Status()> fail;          // asked before each pass; not Ok: it fails
  std::int32_t poison = -1;              // a token after which logits are not finite
  // Read when nothing runs.
  std::vector<int> batches;  // slices of each pass
  int most_tokens = 0;
  int most_rows = 0;
  std::string wrong;  // the first thing that was wrong with a pass

 private:
  struct Slot {
    std::uint64_t before = 0;
    std::uint64_t digest = 0;
    bool written = false;
  };

  static void AppendRow(std::uint64_t digest, int vocab, std::vector<float>& rows) {
    for (int id = 0; id < vocab; ++id) {
      rows.push_back(static_cast<float>(Digest(digest, id + 1000) >> 40) * 0x1p-21F);  // 0 … 8
    }
  }

  Status Wrong(std::string what) {
    if (wrong.empty()) wrong = what;
    return MakeError(ErrorKind::kInvalid, what);
  }

  Slot* At(const Slice& slice, std::int64_t position) {
    const auto index = static_cast<std::size_t>(position / kBlockTokens);
    if (index >= slice.blocks.size()) return nullptr;
    const auto block = static_cast<std::size_t>(slice.blocks[index]);
    const std::size_t at = block * kBlockTokens + static_cast<std::size_t>(position % kBlockTokens);
    return at < slots_.size() ? &slots_[at] : nullptr;
  }

  Status Run(const Slice& slice) {
    if (slice.ids.empty()) return Wrong("a slice without tokens");
    std::uint64_t digest = 0;
    for (std::int64_t position = 0; position < slice.position; ++position) {
      const Slot* slot = At(slice, position);
      if (slot == nullptr) return Wrong("a position before the slice has no block");
      if (!slot->written || slot->before != digest) return Wrong("a position holds another sequence's token, or none");
      digest = slot->digest;
    }
    for (std::size_t i = 0; i < slice.ids.size(); ++i) {
      Slot* slot = At(slice, slice.position + static_cast<std::int64_t>(i));
      if (slot == nullptr) return Wrong("a position of the slice has no block");
      const std::uint64_t next = Digest(digest, slice.ids[i]);
      *slot = {digest, next, true};
      digest = next;
      if (i < slice.logits_from) continue;
      AppendRow(digest, vocab_, rows_);
      if (slice.ids[i] == poison) rows_.back() = std::numeric_limits<float>::quiet_NaN();
    }
    return Ok();
  }

  const int vocab_;
  const int context_;
  std::vector<Slot> slots_;
  std::vector<float> rows_;
  std::atomic<std::uint64_t> steps_{0};
};

}  // namespace berth::engine
