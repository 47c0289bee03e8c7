// Linear layers over weights as they lie in the file, [out, in]: nothing is packed, so that a mapped file stays the only
// copy. k is cut into pieces of kDepth, whose sums are added in order; the pieces, and so the bits, do not depend on the
// number of rows. Few rows: the weights are read once, row after row. Many: a panel of weights that fits into the
// second cache is widened there, and every tile of x, which fits into the first, is multiplied with all of it.
// For files of isa.h only.
#pragma once

#include <cstdint>

#include "worker/kernels/cpu/dot.h"
#include "worker/kernels/cpu/isa.h"

namespace berth::kernels::cpu {
namespace {

// A tile of x is 6 · 4 KiB, four rows of weights 16 KiB: together they fit into a first cache of 48 KiB.
constexpr std::int64_t kDepth = 1024;
// Rows of a panel: 96 KiB.
constexpr std::int64_t kPanelRows = 24;
static_assert(kDepth * kPanelRows <= kScratchFloats);

template <class S>
class LinearOf {
 public:
  static void Run(const LinearPart& part) {
    if (part.product->weight.element == Element::kFloat32) LinearOf(part).RunAs<float>();
    else LinearOf(part).RunAs<std::uint16_t>();
  }

 private:
  explicit LinearOf(const LinearPart& part)
      : part_(part), product_(*part.product), out_(product_.weight.rows), depth_(product_.weight.columns) {}

  template <class W>
  void RunAs() {
    const auto* weight = static_cast<const W*>(product_.weight.data);
    Begin();
    if (part_.rows <= S::kTileRows) return Few(weight);
    for (std::int64_t n = part_.begin; n < part_.end; n += kPanelRows) Panel(weight, n, Least(n + kPanelRows, part_.end));
  }

  static std::int64_t Least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

  // What the sums are added to.
  void Begin() {
    const float* bias = product_.bias;
    if (product_.add && bias == nullptr) return;
    for (std::int64_t m = 0; m < part_.rows; ++m) {
      float* y = product_.y + m * out_;
      for (std::int64_t n = part_.begin; n < part_.end; ++n) {
        y[n] = (product_.add ? y[n] : 0) + (bias != nullptr ? bias[n] : 0);
      }
    }
  }

  // Weights are read once, in the order in which they lie.
  template <class W>
  void Few(const W* weight) {
    constexpr int kRows = S::kStreamRows;
    std::int64_t n = part_.begin;
    for (; n + kRows <= part_.end; n += kRows) FewRows<kRows>(weight, n);
    for (; n < part_.end; ++n) FewRows<1>(weight, n);
  }

  template <int N, class W>
  void FewRows(const W* weight, std::int64_t n) {
    for (std::int64_t k = 0; k < depth_; k += kDepth) {
      const W* w = weight + n * depth_ + k;
      const std::int64_t length = Least(kDepth, depth_ - k);
      if (part_.rows == 1) Tile<1, N, true>(0, n, k, w, depth_, length);
      else Rows<N, true>(0, part_.rows, n, k, w, depth_, length);
    }
  }

  template <class W>
  void Panel(const W* weight, std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = 0; k < depth_; k += kDepth) {
      const std::int64_t length = Least(kDepth, depth_ - k);
      for (std::int64_t n = begin; n < end; ++n) {
        Copy(weight + n * depth_ + k, length, part_.scratch + (n - begin) * kDepth);
      }
      for (std::int64_t m = 0; m < part_.rows; m += S::kTileRows) {
        const std::int64_t m_end = Least(m + S::kTileRows, part_.rows);
        std::int64_t n = begin;
        for (; n + 4 <= end; n += 4) {
          Rows<4, false>(m, m_end, n, k, part_.scratch + (n - begin) * kDepth, kDepth, length);
        }
        for (; n < end; ++n) Rows<1, false>(m, m_end, n, k, part_.scratch + (n - begin) * kDepth, kDepth, length);
      }
    }
  }

  static void Copy(const float* from, std::int64_t count, float* to) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
  }
  static void Copy(const std::uint16_t* from, std::int64_t count, float* to) {
    std::int64_t i = 0;
    for (; i + S::kLanes <= count; i += S::kLanes) S::Store(to + i, S::Load(from + i));
    if (i < count) S::StoreSome(to + i, S::LoadSome(from + i, static_cast<int>(count - i)), static_cast<int>(count - i));
  }

  // At most kTileRows rows of x times N rows of weights.
  template <int N, bool kPrefetch, class W>
  void Rows(std::int64_t m, std::int64_t end, std::int64_t n, std::int64_t k, const W* w, std::int64_t stride,
            std::int64_t length) {
    switch (end - m) {
      case 6: if constexpr (S::kTileRows >= 6) return Tile<6, N, kPrefetch>(m, n, k, w, stride, length); else break;
      case 5: if constexpr (S::kTileRows >= 5) return Tile<5, N, kPrefetch>(m, n, k, w, stride, length); else break;
      case 4: if constexpr (S::kTileRows >= 4) return Tile<4, N, kPrefetch>(m, n, k, w, stride, length); else break;
      case 3: if constexpr (S::kTileRows >= 3) return Tile<3, N, kPrefetch>(m, n, k, w, stride, length); else break;
      case 2: return Tile<2, N, kPrefetch>(m, n, k, w, stride, length);
      default: return Tile<1, N, kPrefetch>(m, n, k, w, stride, length);
    }
  }

  template <int M, int N, bool kPrefetch, class W>
  __attribute__((noinline)) void Tile(std::int64_t m, std::int64_t n, std::int64_t k, const W* w, std::int64_t stride,
                                      std::int64_t length) {
    float sums[M][N];
    Dot<S, M, N, kPrefetch>(part_.x + m * depth_ + k, depth_, w, stride, length, sums);
    for (int i = 0; i < M; ++i) {
      float* y = product_.y + (m + i) * out_ + n;
      for (int j = 0; j < N; ++j) y[j] += sums[i][j];
    }
  }

  const LinearPart& part_;
  const Product& product_;
  const std::int64_t out_, depth_;
};

}  // namespace
}  // namespace berth::kernels::cpu
