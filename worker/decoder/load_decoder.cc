// engine/decoder.h over this folder's model and the CPU's operations.
#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "worker/checkpoint/decoder_footprint.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/decoder/memory.h"
#include "worker/decoder/transformer_decoder.h"
#include "worker/engine/decoder.h"
#include "worker/kernels/cpu/cpu_ops.h"

namespace berth::engine {
namespace {

using checkpoint::DecoderConfig;
using checkpoint::Dtype;

static_assert(kBlockTokens == kernels::kBlockTokens, "the scheduler and the kernels cut sequences alike");

// A tensor that nothing takes would mean that config.json describes another model.
Status RefuseUnused(const std::filesystem::path& dir, const DecoderConfig& config,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (checkpoint::IsRedundant(config, name)) continue;
    return Invalid(dir.string(), ": tensor \"", name, "\" is not used by ", config.architecture,
                   " as config.json describes it; correct config.json, or remove the tensor");
  }
  return Ok();
}

class LoadedDecoder : public Decoder {
 public:
  LoadedDecoder(DecoderConfig config, Dtype kept, checkpoint::Checkpoint checkpoint, const DecoderOptions& options)
      : config_(std::move(config)),
        kept_(kept),
        meter_(options.meter),
        weights_(std::move(checkpoint), kept, options.budget, options.meter, options.progress),
        model_(config_, options.context > 0 ? options.context : config_.positions, weights_),
        ops_(kernels::cpu::MakeCpuOps(std::max(1, options.threads))),
        workspace_(options.meter),
        logits_(options.meter) {}

  // Once, after loading: what was wrong with the tensors.
  Status Finish(const std::filesystem::path& dir) const {
    const auto unused = weights_.Finish();
    if (!unused) return unused.error();
    return RefuseUnused(dir, config_, *unused);
  }

  Status Forward(std::span<const Slice> slices, std::span<const float>& logits) override;
  Status AllocateCache(std::int64_t blocks) override;

  std::int64_t cache_blocks() const override { return blocks_; }
  Bytes block_bytes() const override { return checkpoint::CacheBlockBytes(config_, kept_, kBlockTokens); }
  int vocab_size() const override { return static_cast<int>(config_.vocab_size); }
  int max_positions() const override { return static_cast<int>(config_.positions); }
  Bytes weights_mapped() const override { return weights_.mapped_bytes(); }
  Bytes weights_owned() const override { return weights_.owned_bytes(); }
  std::uint64_t steps() const override { return steps_.load(std::memory_order_relaxed); }

 private:
  // What is computed at once, taken from the slices in order.
  struct Piece {
    std::vector<std::int32_t> ids;
    std::vector<kernels::Span> spans;
    std::vector<std::int64_t> wanted;
  };

  Status Check(const Slice& slice) const;
  Status CheckAll(std::span<const Slice> slices, std::int64_t& tokens, std::int64_t& rows) const;
  void Run(const Piece& piece, float* workspace, float* logits);
  static std::vector<Piece> Cut(std::span<const Slice> slices);
  static void Append(Piece& piece, const Slice& slice, std::size_t begin, std::size_t end);

  const DecoderConfig config_;
  const Dtype kept_;
  Budget* const meter_;
  decoder::DecoderWeights weights_;  // keeps the file mapped
  decoder::TransformerDecoder model_;
  std::unique_ptr<kernels::DecoderOps> ops_;
  decoder::Memory cache_;
  std::int64_t blocks_ = 0;
  decoder::Scratch workspace_, logits_;
  std::atomic<std::uint64_t> steps_{0};
};

Status LoadedDecoder::AllocateCache(std::int64_t blocks) {
  if (blocks < 0) return Invalid("a cache of ", blocks, " blocks");
  cache_ = {};
  blocks_ = 0;
  auto made = decoder::Memory::Make({static_cast<std::uint64_t>(blocks) * block_bytes().count}, meter_);
  if (!made) return MakeError(ErrorKind::kExhausted, made.error().message);
  cache_ = std::move(*made);
  blocks_ = blocks;
  return Ok();
}

Status LoadedDecoder::Check(const Slice& slice) const {
  if (slice.ids.empty()) return Invalid("a slice without tokens");
  if (slice.logits_from > slice.ids.size()) {
    return Invalid("logits from token ", slice.logits_from, " of ", slice.ids.size());
  }
  const auto end = slice.position + static_cast<std::int64_t>(slice.ids.size());
  if (slice.position < 0 || end > config_.positions) {
    return Invalid("positions ", slice.position, " to ", end - 1, "; the model has ", config_.positions);
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
  return Ok();
}

Status LoadedDecoder::CheckAll(std::span<const Slice> slices, std::int64_t& tokens, std::int64_t& rows) const {
  for (const Slice& slice : slices) {
    if (Status good = Check(slice); !good) return good;
    tokens += static_cast<std::int64_t>(slice.ids.size());
    rows += static_cast<std::int64_t>(slice.ids.size() - slice.logits_from);
  }
  if (rows > kMostLogitRows) return Invalid(rows, " rows of logits; at most ", kMostLogitRows, " at once");
  return Ok();
}

void LoadedDecoder::Append(Piece& piece, const Slice& slice, std::size_t begin, std::size_t end) {
  const auto row = static_cast<std::int64_t>(piece.ids.size());
  piece.ids.insert(piece.ids.end(), slice.ids.begin() + static_cast<std::ptrdiff_t>(begin),
                   slice.ids.begin() + static_cast<std::ptrdiff_t>(end));
  piece.spans.push_back({row, static_cast<std::int64_t>(end - begin),
                         slice.position + static_cast<std::int64_t>(begin), slice.blocks.data()});
  for (std::size_t i = std::max(begin, slice.logits_from); i < end; ++i) {
    piece.wanted.push_back(row + static_cast<std::int64_t>(i - begin));
  }
}

std::vector<LoadedDecoder::Piece> LoadedDecoder::Cut(std::span<const Slice> slices) {
  constexpr auto kMost = static_cast<std::size_t>(checkpoint::kDecoderTokensAtOnce);
  std::vector<Piece> pieces;
  for (const Slice& slice : slices) {
    for (std::size_t begin = 0, end = 0; begin < slice.ids.size(); begin = end) {
      if (pieces.empty() || pieces.back().ids.size() == kMost) pieces.emplace_back();
      end = std::min(slice.ids.size(), begin + kMost - pieces.back().ids.size());
      Append(pieces.back(), slice, begin, end);
    }
  }
  return pieces;
}

void LoadedDecoder::Run(const Piece& piece, float* workspace, float* logits) {
  model_.Forward({piece.ids, piece.spans, piece.wanted}, {cache_.as<std::byte>(), blocks_}, *ops_,
                 workspace, logits, steps_);
}

Status LoadedDecoder::Forward(std::span<const Slice> slices, std::span<const float>& logits) {
  logits = {};
  std::int64_t tokens = 0, rows = 0;
  if (Status good = CheckAll(slices, tokens, rows); !good) return good;
  const auto workspace = workspace_.Floats(checkpoint::WorkspaceFloats(config_, tokens));
  if (!workspace) return workspace.error();
  const auto all = logits_.Floats(rows * config_.vocab_size);
  if (!all) return all.error();
  float* next = *all;
  for (const Piece& piece : Cut(slices)) {
    Run(piece, *workspace, next);
    next += static_cast<std::int64_t>(piece.wanted.size()) * config_.vocab_size;
  }
  logits = {*all, next};
  return Ok();
}

Status CheckContext(const std::filesystem::path& dir, const DecoderConfig& config, std::int64_t context) {
  if (context >= 0 && context <= config.positions) return Ok();
  return Invalid(dir.string(), ": a context of ", context, " tokens; the model has ", config.positions,
                 " positions; lower `context`");
}

}  // namespace

Result<std::unique_ptr<Decoder>> LoadDecoder(const std::filesystem::path& dir, const DecoderOptions& options) {
  auto config = checkpoint::ReadDecoderConfig(dir);
  if (!config) return config.error();
  if (Status good = CheckContext(dir, *config, options.context); !good) return good.error();
  auto checkpoint = checkpoint::Checkpoint::Open(dir);
  if (!checkpoint) return checkpoint.error();
  const Dtype kept = checkpoint::KeptDtype(options.dtype, *config, *checkpoint);
  auto loaded = std::make_unique<LoadedDecoder>(std::move(*config), kept, std::move(*checkpoint), options);
  if (Status good = loaded->Finish(dir); !good) return good.error();
  return std::unique_ptr<Decoder>(std::move(loaded));
}

}  // namespace berth::engine
