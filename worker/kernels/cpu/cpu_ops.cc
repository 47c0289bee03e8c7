#include "worker/kernels/cpu/cpu_ops.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "worker/kernels/cpu/thread_pool.h"

namespace berth::kernels::cpu {
namespace {

// Work is cut into so many pieces for each thread, so that one that is held up leaves its share to the others.
constexpr std::int64_t kPiecesPerThread = 4;
// Pieces of a weight are multiples of this many rows: whole tiles, and enough of them for one call.
constexpr std::int64_t kRowsOfPiece = 24;
// Numbers of a row operation that are worth another thread.
constexpr std::int64_t kWorthSharing = 16 * 1024;
// Queries of one head that are computed by one thread: some blocks of the cache, read again for each.
constexpr std::int64_t kTokensOfPiece = 16;

std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

class CpuOps : public DecoderOps {
 public:
  CpuOps(int threads, const Isa& isa)
      : isa_(isa), pool_(threads), scratch_(static_cast<std::size_t>(threads) * kScratchFloats + 16) {}

  void Embed(const Matrix& table, std::span<const std::int32_t> ids, float* y) override {
    ForRows(static_cast<std::int64_t>(ids.size()), table.columns, [&](std::int64_t row) {
      Widened(table, ids[static_cast<std::size_t>(row)], y + row * table.columns);
    });
  }

  void Select(const float* x, std::span<const std::int64_t> rows, std::int64_t width, float* y) override {
    for (const std::int64_t row : rows) y = std::copy_n(x + row * width, width, y);
  }

  void RmsNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight, float eps,
               float* y) override {
    ForRows(rows, width,
            [&](std::int64_t row) { isa_.rms_norm(x + row * width, width, weight, eps, y + row * width); });
  }

  void Linear(const float* x, std::int64_t rows, std::span<const Product> products) override;

  void Rotate(float* x, std::int64_t rows, std::int64_t heads, std::int64_t head_size,
              const Rotation& rotation) override {
    ForRows(rows, heads * head_size, [&](std::int64_t row) {
      for (std::int64_t head = 0; head < heads; ++head) {
        RotateHead(x + (row * heads + head) * head_size, rotation.cosines + row * rotation.half,
                   rotation.sines + row * rotation.half, rotation.half);
      }
    });
  }

  void Store(const float* keys, const float* values, std::span<const Span> spans, const CacheLayer& cache) override {
    const std::int64_t width = cache.kv_heads * cache.head_size;
    for (const Span& span : spans) {
      ForRows(span.tokens, 2 * width, [&](std::int64_t token) {
        const std::int64_t row = span.row + token;
        StoreToken(keys + row * width, values + row * width, span.position + token, span.blocks, cache);
      });
    }
  }

  void Attend(const float* queries, std::int64_t heads, std::span<const Span> spans, const CacheLayer& cache,
              float scale, std::int64_t window, float* y) override;

  void SiluMul(float* gate, const float* up, std::int64_t count) override {
    const std::int64_t piece = kWorthSharing / 2;
    pool_.Run(CeilDiv(count, piece), [&](std::int64_t task, int) {
      const std::int64_t begin = task * piece;
      isa_.silu_mul(gate + begin, up + begin, std::min(piece, count - begin));
    });
  }

  void AddRows(const Matrix& table, std::span<const std::int32_t> ids, float* x) override {
    std::vector<float> row(static_cast<std::size_t>(table.columns));
    for (const std::int32_t id : ids) {
      Widened(table, id, row.data());
      for (const float value : row) *x++ += value;
    }
  }

  void LayerNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight, const float* bias, float eps,
                 float* y) override {
    ForRows(rows, width,
            [&](std::int64_t row) { isa_.layer_norm(x + row * width, width, weight, bias, eps, y + row * width); });
  }

  void Gelu(float* x, std::int64_t count) override {
    const std::int64_t piece = kWorthSharing / 2;
    pool_.Run(CeilDiv(count, piece), [&](std::int64_t task, int) {
      isa_.gelu(x + task * piece, std::min(piece, count - task * piece));
    });
  }

  void Unfold(const Signal& x, std::int64_t step, std::int64_t first, std::int64_t rows, float* y) override {
    ForRows(rows, 3 * x.channels, [&](std::int64_t row) {
      for (std::int64_t tap = 0; tap < 3; ++tap) {
        TakeFrame(x, (first + row) * step + tap - 1, y + row * 3 * x.channels + tap);
      }
    });
  }

  void StoreFrames(const float* keys, const float* values, std::int64_t first, std::int64_t rows,
                   const FrameCache& cache) override;
  void AttendFrames(const float* queries, std::span<const FrameSpan> spans, float scale, float* y) override;
  void FrameScores(const float* queries, const FrameSpan& span, std::int64_t head, float scale, float* y) override;

 private:
  // Rows of a little work each, in pieces that are worth a thread.
  template <class Row>
  void ForRows(std::int64_t rows, std::int64_t width, const Row& row) {
    const std::int64_t piece = std::max<std::int64_t>(1, kWorthSharing / width);
    pool_.Run(CeilDiv(rows, piece), [&](std::int64_t task, int) {
      const std::int64_t end = std::min((task + 1) * piece, rows);
      for (std::int64_t i = task * piece; i < end; ++i) row(i);
    });
  }

  void Widened(const Matrix& table, std::int64_t row, float* y) const {
    if (table.element == Element::kFloat32) {
      const float* from = static_cast<const float*>(table.data) + row * table.columns;
      std::copy(from, from + table.columns, y);
    } else {
      isa_.widen(static_cast<const std::uint16_t*>(table.data) + row * table.columns, table.columns, y);
    }
  }

  // Every third of y is a channel of the frame; beyond both ends frames are 0.
  static void TakeFrame(const Signal& x, std::int64_t frame, float* y) {
    const bool inside = frame >= 0 && frame < x.frames;
    const float* from = x.data + frame * x.frame_stride;
    for (std::int64_t c = 0; c < x.channels; ++c) y[3 * c] = inside ? from[c * x.channel_stride] : 0;
  }

  static void RotateHead(float* x, const float* cosines, const float* sines, std::int64_t half) {
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half];
      x[i] = a * cosines[i] - b * sines[i];
      x[i + half] = b * cosines[i] + a * sines[i];
    }
  }

  void Put(const float* from, std::int64_t count, Element element, std::byte* to) const {
    if (element == Element::kFloat32) std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    else isa_.narrow(from, count, reinterpret_cast<std::uint16_t*>(to));
  }

  void StoreToken(const float* keys, const float* values, std::int64_t position, const std::int32_t* blocks,
                  const CacheLayer& cache) const {
    const std::int64_t block = blocks[position / kBlockTokens];
    const std::int64_t offset = position % kBlockTokens * cache.head_size * SizeOf(cache.element);
    for (std::int64_t head = 0; head < cache.kv_heads; ++head) {
      const std::int64_t from = head * cache.head_size;
      Put(keys + from, cache.head_size, cache.element, cache.keys(block, head) + offset);
      Put(values + from, cache.head_size, cache.element, cache.values(block, head) + offset);
    }
  }

  float* ScratchOf(int thread) {
    auto at = reinterpret_cast<std::uintptr_t>(scratch_.data());
    at = (at + 63) / 64 * 64;
    return reinterpret_cast<float*>(at) + thread * kScratchFloats;
  }

  const Isa& isa_;
  ThreadPool pool_;
  std::vector<float> scratch_;
};

// Tasks are pieces of the products' rows, all products one after another.
void CpuOps::Linear(const float* x, std::int64_t rows, std::span<const Product> products) {
  std::int64_t all = 0;
  for (const Product& product : products) all += product.weight.rows;
  const std::int64_t tiles = CeilDiv(all, kRowsOfPiece);
  const std::int64_t piece = CeilDiv(tiles, pool_.threads() * kPiecesPerThread) * kRowsOfPiece;
  std::int64_t tasks = 0;
  for (const Product& product : products) tasks += CeilDiv(product.weight.rows, piece);
  pool_.Run(tasks, [&](std::int64_t task, int thread) {
    const Product* product = products.data();
    for (; task >= CeilDiv(product->weight.rows, piece); ++product) task -= CeilDiv(product->weight.rows, piece);
    const std::int64_t begin = task * piece;
    isa_.linear({x, rows, product, begin, std::min(begin + piece, product->weight.rows), ScratchOf(thread)});
  });
}

// Tasks are the heads of each piece of a span.
void CpuOps::Attend(const float* queries, std::int64_t heads, std::span<const Span> spans, const CacheLayer& cache,
                    float scale, std::int64_t window, float* y) {
  std::int64_t pieces = 0;
  for (const Span& span : spans) pieces += CeilDiv(span.tokens, kTokensOfPiece);
  const std::int64_t group = heads / cache.kv_heads, stride = heads * cache.head_size;
  pool_.Run(pieces * cache.kv_heads, [&](std::int64_t task, int) {
    const std::int64_t head = task % cache.kv_heads;
    std::int64_t piece = task / cache.kv_heads;
    const Span* span = spans.data();
    for (; piece >= CeilDiv(span->tokens, kTokensOfPiece); ++span) piece -= CeilDiv(span->tokens, kTokensOfPiece);
    const std::int64_t token = piece * kTokensOfPiece;
    const std::int64_t offset = (span->row + token) * stride + head * group * cache.head_size;
    isa_.attention({queries + offset, y + offset, stride, std::min(kTokensOfPiece, span->tokens - token),
                    span->position + token, group, span->blocks, &cache, head, scale, window});
  });
}

// Tasks are panels of heads. What the last panel has beyond the frames becomes 0.
void CpuOps::StoreFrames(const float* keys, const float* values, std::int64_t first, std::int64_t rows,
                         const FrameCache& cache) {
  const std::int64_t width = cache.heads * cache.head_size, size = cache.head_size, stride = cache.value_stride();
  const std::int64_t end = first + rows == cache.frames ? cache.padded() : first + rows;
  ForRows(cache.heads, (end - first) * 2 * size, [&](std::int64_t head) {
    for (std::int64_t frame = first; frame < end; ++frame) {
      const bool there = frame < first + rows;
      const std::int64_t from = (frame - first) * width + head * size;
      float* key = cache.keys(head) + frame / kPanelFrames * kPanelFrames * size + frame % kPanelFrames;
      float* value = cache.values(head) + frame * stride;
      for (std::int64_t i = 0; i < size; ++i) key[i * kPanelFrames] = there ? keys[from + i] : 0;
      for (std::int64_t i = 0; i < stride; ++i) value[i] = there && i < size ? values[from + i] : 0;
    }
  });
}

// Tasks are the heads of each piece of a span.
void CpuOps::AttendFrames(const float* queries, std::span<const FrameSpan> spans, float scale, float* y) {
  if (spans.empty()) return;
  const std::int64_t heads = spans[0].cache.heads, size = spans[0].cache.head_size;
  std::int64_t pieces = 0;
  for (const FrameSpan& span : spans) pieces += CeilDiv(span.rows, kMostFrameRows);
  pool_.Run(pieces * heads, [&](std::int64_t task, int) {
    const std::int64_t head = task % heads;
    std::int64_t piece = task / heads;
    const FrameSpan* span = spans.data();
    for (; piece >= CeilDiv(span->rows, kMostFrameRows); ++span) piece -= CeilDiv(span->rows, kMostFrameRows);
    const std::int64_t row = piece * kMostFrameRows, offset = (span->row + row) * heads * size + head * size;
    isa_.frame_attention({queries + offset, y + offset, heads * size, std::min(kMostFrameRows, span->rows - row),
                          &span->cache, head, scale});
  });
}

void CpuOps::FrameScores(const float* queries, const FrameSpan& span, std::int64_t head, float scale, float* y) {
  const FrameCache& cache = span.cache;
  const std::int64_t size = cache.head_size, width = cache.heads * size;
  ForRows(span.rows, cache.frames * size, [&](std::int64_t row) {
    const float* q = queries + (span.row + row) * width + head * size;
    for (std::int64_t frame = 0; frame < cache.frames; ++frame) {
      const float* key = cache.keys(head) + frame / kPanelFrames * kPanelFrames * size + frame % kPanelFrames;
      float sum = 0;
      for (std::int64_t i = 0; i < size; ++i) sum += q[i] * key[i * kPanelFrames];
      y[row * cache.frames + frame] = sum * scale;
    }
  });
}

}  // namespace

std::unique_ptr<DecoderOps> MakeCpuOps(int threads) { return MakeCpuOps(threads, *SupportedIsas().isas[0]); }

std::unique_ptr<DecoderOps> MakeCpuOps(int threads, const Isa& isa) { return std::make_unique<CpuOps>(threads, isa); }

}  // namespace berth::kernels::cpu
