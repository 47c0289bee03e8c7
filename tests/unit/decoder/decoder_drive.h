// Drives a decoder over whole sequences: which tokens run together, how sequences are cut and which blocks they get is
// drawn from a seed. What comes back are the logits of every token.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "worker/engine/decoder.h"

namespace berth::engine {

using Ids = std::vector<std::int32_t>;
using Logits = std::vector<float>;  // [tokens, vocab_size]

struct Cutting {
  unsigned seed = 1;
  std::size_t most_tokens = 64;  // of a slice; at most kMostLogitRows
  bool together = false;         // else one sequence after the other
};

class Drive {
 public:
  Drive(Decoder& decoder, const std::vector<Ids>& sequences, const Cutting& cutting)
      : decoder_(decoder), cutting_(cutting), random_(cutting.seed) {
    std::size_t blocks = 0;
    for (const Ids& ids : sequences) {
      rows_.push_back({ids, {}, 0, {}});
      blocks += BlocksOf(ids);
    }
    GiveBlocks(blocks);
  }

  std::vector<Logits> Run() {
    if (cutting_.together) {
      while (Step(Unfinished())) {}
    } else {
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        while (Step(rows_[i].done < rows_[i].ids.size() ? std::vector{i} : std::vector<std::size_t>{})) {}
      }
    }
    std::vector<Logits> logits;
    for (Row& row : rows_) logits.push_back(std::move(row.logits));
    return logits;
  }

 private:
  struct Row {
    Ids ids;
    std::vector<BlockId> blocks;
    std::size_t done = 0;
    Logits logits;
  };

  static std::size_t BlocksOf(const Ids& ids) { return (ids.size() + kBlockTokens - 1) / kBlockTokens; }

  // Some more than needed, in any order.
  void GiveBlocks(std::size_t blocks) {
    const std::size_t all = blocks + random_() % 7;
    ASSERT_TRUE(decoder_.AllocateCache(static_cast<std::int64_t>(all)));
    std::vector<BlockId> free(all);
    std::iota(free.begin(), free.end(), 0);
    std::ranges::shuffle(free, random_);
    for (Row& row : rows_) {
      row.blocks.assign(free.end() - static_cast<std::ptrdiff_t>(BlocksOf(row.ids)), free.end());
      free.resize(free.size() - row.blocks.size());
    }
  }

  // Some of those that are not done, in any order.
  std::vector<std::size_t> Unfinished() {
    std::vector<std::size_t> some;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].done < rows_[i].ids.size()) some.push_back(i);
    }
    std::ranges::shuffle(some, random_);
    if (!some.empty()) some.resize(1 + random_() % some.size());
    return some;
  }

  // False: there was nothing to do.
  bool Step(const std::vector<std::size_t>& picked) {
    std::vector<Slice> slices;
    std::size_t room = kMostLogitRows;
    for (const std::size_t i : picked) {
      Row& row = rows_[i];
      const std::size_t most = std::min({cutting_.most_tokens, row.ids.size() - row.done, room});
      if (most == 0) break;
      const std::size_t count = cutting_.together ? 1 + random_() % most : most;
      slices.push_back({std::span(row.ids).subspan(row.done, count), static_cast<std::int64_t>(row.done), row.blocks, 0});
      room -= count;
    }
    if (slices.empty()) return false;
    std::span<const float> logits;
    const Status done = decoder_.Forward(slices, logits);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    if (!done) return false;
    for (std::size_t s = 0; s < slices.size(); ++s) {
      Row& row = rows_[picked[s]];
      const std::size_t count = slices[s].ids.size() * static_cast<std::size_t>(decoder_.vocab_size());
      row.logits.insert(row.logits.end(), logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(count));
      logits = logits.subspan(count);
      row.done += slices[s].ids.size();
    }
    EXPECT_TRUE(logits.empty());
    return true;
  }

  Decoder& decoder_;
  const Cutting cutting_;
  std::mt19937 random_;
  std::vector<Row> rows_;
};

inline std::vector<Logits> LogitsOf(Decoder& decoder, const std::vector<Ids>& sequences, const Cutting& cutting = {}) {
  return Drive(decoder, sequences, cutting).Run();
}

}  // namespace berth::engine
