// The operations of which a decoder is put together, behind one interface, so that another device's kernels can take
// the CPU's place without a change in the models. Pointers are the device's; activations are float32, row-major, without
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
};

}  // namespace berth::kernels
