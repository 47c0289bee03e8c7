// The operations of which decoders, and the encoder of speech, are put together, behind one interface, so that another
// device's kernels can take the CPU's place without a change in the models. Pointers are the device's; activations are float32, row-major, without
// gaps. Each row's result is bitwise the same whatever other rows are computed with it: every sum has one order, which
// depends on the operation's widths and on positions alone. Torch-free. One thread at a time calls.
#pragma once

#include <cstdint>
#include <span>

namespace berth::kernels {

// Tokens of one block of a paged KV cache.
inline constexpr std::int64_t kBlockTokens = 16;
// The widest head: what attention keeps of one query stands on the stack.
inline constexpr std::int64_t kMostHeadSize = 512;

enum class Element { kFloat32, kBfloat16 };
constexpr std::int64_t SizeOf(Element element) { return element == Element::kFloat32 ? 4 : 2; }

// Weights as they lie in the file: [rows, columns], row-major, aligned to their elements.
struct Matrix {
  const void* data = nullptr;
  Element element = Element::kFloat32;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

// y = x Wᵀ + b for W [out, in]; with `add`, y += x Wᵀ + b.
struct Product {
  Matrix weight;
  const float* bias = nullptr;  // [out]; none: 0
  float* y = nullptr;           // [rows of x, out]
  bool add = false;
};

// One layer of a paged KV cache. Keys of a block are [kv_heads, kBlockTokens, head_size], and so are its values, behind
// them; block b begins b · block_bytes() behind `data`.
struct CacheLayer {
  std::byte* data = nullptr;
  Element element = Element::kFloat32;
  std::int64_t kv_heads = 0;
  std::int64_t head_size = 0;

  std::int64_t head_bytes() const { return kBlockTokens * head_size * SizeOf(element); }
  std::int64_t block_bytes() const { return 2 * kv_heads * head_bytes(); }
  std::byte* keys(std::int64_t block, std::int64_t head) const {
    return data + block * block_bytes() + head * head_bytes();
  }
  std::byte* values(std::int64_t block, std::int64_t head) const { return keys(block, kv_heads + head); }
};

// Consecutive tokens of one sequence among the rows of an operation.
struct Span {
  std::int64_t row = 0;       // of the first
  std::int64_t tokens = 0;
  std::int64_t position = 0;  // of the first in its sequence
  const std::int32_t* blocks = nullptr;  // position p is in blocks[p / kBlockTokens]
};

// Angles of rotary position embeddings: the first 2 · half components of a head are rotated, component i with i + half.
struct Rotation {
  const float* cosines = nullptr;  // [rows, half]
  const float* sines = nullptr;
  std::int64_t half = 0;
};

// Frames of one panel of a FrameCache.
inline constexpr std::int64_t kPanelFrames = 64;

// Keys and values of one layer of which every query sees all: an encoder's own, and those that a decoder has of an encoder's
// states. Of each head the keys, [panels, head_size, kPanelFrames]; behind those of all heads of each the values,
// [padded, value_stride]. What is beyond `frames` and `head_size` is 0.
struct FrameCache {
  float* data = nullptr;
  std::int64_t heads = 0;
  std::int64_t head_size = 0;
  std::int64_t frames = 0;

  std::int64_t panels() const { return (frames + kPanelFrames - 1) / kPanelFrames; }
  std::int64_t padded() const { return panels() * kPanelFrames; }
  std::int64_t value_stride() const { return (head_size + 15) / 16 * 16; }
  std::int64_t floats() const { return heads * padded() * (head_size + value_stride()); }
  float* keys(std::int64_t head) const { return data + head * padded() * head_size; }
  float* values(std::int64_t head) const {
    return data + padded() * (heads * head_size + head * value_stride());
  }
};

// Consecutive queries among the rows of an operation that see the same frames.
struct FrameSpan {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  FrameCache cache;
};

// Channels over time, as a convolution reads them: component (t, c) is data[t · frame_stride + c · channel_stride].
struct Signal {
  const float* data = nullptr;
  std::int64_t frames = 0;
  std::int64_t channels = 0;
  std::int64_t frame_stride = 0;
  std::int64_t channel_stride = 0;
};

class DecoderOps {
 public:
  virtual ~DecoderOps() = default;

  // y[i] = table[ids[i]].
  virtual void Embed(const Matrix& table, std::span<const std::int32_t> ids, float* y) = 0;

  // y[i] = x[rows[i]], rows of `width`.
  virtual void Select(const float* x, std::span<const std::int64_t> rows, std::int64_t width, float* y) = 0;

  // y = x / sqrt(mean(x²) + eps) · weight for rows of `width` (Zhang and Sennrich 2019); y may be x.
  virtual void RmsNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight, float eps,
                       float* y) = 0;

  // All products have the same x [rows, columns of the weights].
  virtual void Linear(const float* x, std::int64_t rows, std::span<const Product> products) = 0;

  // Rotates the heads of x [rows, heads, head_size] in place (Su et al. 2021).
  virtual void Rotate(float* x, std::int64_t rows, std::int64_t heads, std::int64_t head_size,
                      const Rotation& rotation) = 0;

  // Writes keys and values [rows, kv_heads, head_size] to their places in the cache.
  virtual void Store(const float* keys, const float* values, std::span<const Span> spans, const CacheLayer& cache) = 0;

  // Causal attention of queries [rows, heads, head_size] over what the cache holds up to and with each query's own
  // position, of that only the last `window` positions unless it is 0. Query head h has KV head h / (heads / kv_heads).
  virtual void Attend(const float* queries, std::int64_t heads, std::span<const Span> spans, const CacheLayer& cache,
                      float scale, std::int64_t window, float* y) = 0;

  // gate = silu(gate) · up, [count].
  virtual void SiluMul(float* gate, const float* up, std::int64_t count) = 0;

  // x[i] += table[ids[i]].
  virtual void AddRows(const Matrix& table, std::span<const std::int32_t> ids, float* x) = 0;

  // y = (x - mean) / sqrt(variance + eps) · weight + bias for rows of `width` (Ba et al. 2016); y may be x.
  virtual void LayerNorm(const float* x, std::int64_t rows, std::int64_t width, const float* weight, const float* bias,
                         float eps, float* y) = 0;

  // x = x · Φ(x), [count], with the error function (Hendrycks and Gimpel 2016), not its tanh.
  virtual void Gelu(float* x, std::int64_t count) = 0;

  // The rows [first, first + rows) of what a convolution of three taps and a border of one zero multiplies:
  // y[r, 3c + k] = x at frame (first + r) · step + k − 1, channel c; so that y Wᵀ with W [out, channels, 3] is the convolution.
  virtual void Unfold(const Signal& x, std::int64_t step, std::int64_t first, std::int64_t rows, float* y) = 0;

  // Writes keys and values [rows, heads · head_size] of the frames from `first` on to their places.
  virtual void StoreFrames(const float* keys, const float* values, std::int64_t first, std::int64_t rows,
                           const FrameCache& cache) = 0;

  // Attention of queries [rows, heads · head_size] over all frames of their span.
  virtual void AttendFrames(const float* queries, std::span<const FrameSpan> spans, float scale, float* y) = 0;

  // scale · q k of one head, [span.rows, frames], without the softmax.
  virtual void FrameScores(const float* queries, const FrameSpan& span, std::int64_t head, float scale, float* y) = 0;
};

}  // namespace berth::kernels
