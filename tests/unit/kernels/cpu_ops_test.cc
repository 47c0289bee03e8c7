// The CPU's operations beside plain loops in float64, for every instruction set of this machine; and what the engine
// promises with them: a row's bits do not depend on the rows beside it, on threads, on blocks.
#include "worker/kernels/cpu/cpu_ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/kernels/each_isa.h"

namespace berth::kernels::cpu {
namespace {

std::vector<std::uint16_t> ToBfloat16(const Floats& values) {
  std::vector<std::uint16_t> halves;
  for (const float value : values) halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  return halves;
}

Floats Widened(const std::vector<std::uint16_t>& halves) {
  Floats values;
  for (const std::uint16_t half : halves) values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16));
  return values;
}

INSTANTIATE_TEST_SUITE_P(All, EachIsa, testing::Values(0, 1, 2));

struct Weight {
  Floats values;
  std::vector<std::uint16_t> halves;
  Matrix full, half;

  Weight(std::int64_t rows, std::int64_t columns, unsigned seed)
      : values(RandomFloats(static_cast<std::size_t>(rows * columns), seed)), halves(ToBfloat16(values)) {
    values = Widened(halves);  // so that both are the same numbers
    full = {values.data(), Element::kFloat32, rows, columns};
    half = {halves.data(), Element::kBfloat16, rows, columns};
  }
};

Floats Multiply(DecoderOps& ops, const Floats& x, std::int64_t rows, const Matrix& weight, const float* bias,
                const Floats& before = {}) {
  Floats y = before;
  y.resize(static_cast<std::size_t>(rows * weight.rows), std::numeric_limits<float>::quiet_NaN());
  const Product product{weight, bias, y.data(), !before.empty()};
  ops.Linear(x.data(), rows, {&product, 1});
  return y;
}

std::vector<double> PlainLinear(const Floats& x, std::int64_t rows, const Weight& weight, const float* bias,
                                const Floats& before) {
  std::vector<double> y;
  for (std::int64_t m = 0; m < rows; ++m) {
    for (std::int64_t n = 0; n < weight.full.rows; ++n) {
      double sum = bias != nullptr ? bias[n] : 0;
      if (!before.empty()) sum += before[y.size()];
      for (std::int64_t k = 0; k < weight.full.columns; ++k) {
        sum += static_cast<double>(x[static_cast<std::size_t>(m * weight.full.columns + k)]) *
               weight.values[static_cast<std::size_t>(n * weight.full.columns + k)];
      }
      y.push_back(sum);
    }
  }
  return y;
}

TEST_P(EachIsa, LinearIsTheSumOfProductsForAnyShape) {
  for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 13, 40}) {
    for (const auto& [out, in] : {std::pair{1, 1}, {3, 7}, {5, 16}, {24, 33}, {70, 130}, {31, 2100}}) {
      const std::string what = std::to_string(rows) + " x " + std::to_string(in) + " -> " + std::to_string(out);
      const Weight weight(out, in, 3);
      const Floats x = RandomFloats(static_cast<std::size_t>(rows * in), 4);
      const Floats bias = RandomFloats(static_cast<std::size_t>(out), 5);
      const Floats before = RandomFloats(static_cast<std::size_t>(rows * out), 6);
      for (const Matrix& matrix : {weight.full, weight.half}) {
        ExpectClose(Multiply(*three_, x, rows, matrix, nullptr), PlainLinear(x, rows, weight, nullptr, {}), 2e-6, what);
        ExpectClose(Multiply(*three_, x, rows, matrix, bias.data(), before),
                    PlainLinear(x, rows, weight, bias.data(), before), 2e-6, what);
      }
    }
  }
}

TEST_P(EachIsa, ARowOfALinearLayerHasTheSameBitsAloneAndAmongOthersOnAnyThreads) {
  constexpr std::int64_t kRows = 29, kOut = 67, kIn = 2500;
  const Weight weight(kOut, kIn, 3);
  const Floats x = RandomFloats(kRows * kIn, 4);
  for (const Matrix& matrix : {weight.full, weight.half}) {
    const Floats all = Multiply(*three_, x, kRows, matrix, nullptr);
    for (std::int64_t first = 0; first < kRows; ++first) {
      for (const std::int64_t count : {1, 2, 3, 4, 5, 6, 7, 11}) {
        if (first + count > kRows) continue;
        const Floats some(x.begin() + first * kIn, x.begin() + (first + count) * kIn);
        const Floats y = Multiply(*one_, some, count, matrix, nullptr);
        ASSERT_TRUE(std::equal(y.begin(), y.end(), all.begin() + first * kOut)) << first << ", " << count;
      }
    }
  }
}

TEST_P(EachIsa, SeveralProductsOfOneInputAreEachTheirOwn) {
  const Weight a(50, 40, 1), b(3, 40, 2), c(129, 40, 3);
  const Floats x = RandomFloats(7 * 40, 4);
  Floats ya(7 * 50), yb(7 * 3), yc(7 * 129);
  const Product products[] = {{a.full, nullptr, ya.data()}, {b.half, nullptr, yb.data()}, {c.full, nullptr, yc.data()}};
  three_->Linear(x.data(), 7, products);
  EXPECT_EQ(ya, Multiply(*one_, x, 7, a.full, nullptr));
  EXPECT_EQ(yb, Multiply(*one_, x, 7, b.half, nullptr));
  EXPECT_EQ(yc, Multiply(*one_, x, 7, c.full, nullptr));
}

// Sequences in a cache whose free places are NaN, so that whatever is read there shows.
struct Cached {
  std::int64_t heads, kv_heads, size;
  std::vector<std::byte> memory;
  CacheLayer cache;
  std::vector<std::vector<std::int32_t>> blocks;
  std::vector<Floats> queries, keys, values;  // of each sequence

  Cached(Element element, std::int64_t group, std::int64_t kv, std::int64_t head_size,
         const std::vector<std::int64_t>& lengths, unsigned seed)
      : heads(group * kv), kv_heads(kv), size(head_size), cache{nullptr, element, kv, head_size} {
    std::int64_t count = 3;
    for (const std::int64_t length : lengths) count += (length + kBlockTokens - 1) / kBlockTokens;
    memory.assign(static_cast<std::size_t>(count * cache.block_bytes()), std::byte{0xff});
    cache.data = memory.data();
    std::vector<std::int32_t> free(static_cast<std::size_t>(count));
    std::iota(free.begin(), free.end(), 0);
    std::mt19937 random(seed);
    std::ranges::shuffle(free, random);
    for (const std::int64_t length : lengths) {
      const auto n = static_cast<std::size_t>(length);
      const auto needed = static_cast<std::ptrdiff_t>((length + kBlockTokens - 1) / kBlockTokens);
      blocks.emplace_back(free.end() - needed, free.end());
      free.erase(free.end() - needed, free.end());
      queries.push_back(RandomFloats(n * static_cast<std::size_t>(heads * size), 10 + static_cast<unsigned>(n)));
      for (float& q : queries.back()) q *= 4;
      keys.push_back(RandomFloats(n * static_cast<std::size_t>(kv_heads * size), 11 + static_cast<unsigned>(n)));
      values.push_back(RandomFloats(n * static_cast<std::size_t>(kv_heads * size), 12 + static_cast<unsigned>(n)));
    }
  }

  // The results of all sequences, each computed in slices of at most `most` tokens, those of all sequences together.
  std::vector<Floats> Run(DecoderOps& ops, std::int64_t most, std::int64_t window) {
    std::vector<Floats> results(queries.size());
    bool more = true;
    for (std::int64_t begin = 0; more; begin += most) {
      std::vector<Span> spans;
      Floats q, k, v;
      more = false;
      for (std::size_t i = 0; i < queries.size(); ++i) {
        const std::int64_t length = static_cast<std::int64_t>(queries[i].size()) / (heads * size);
        const std::int64_t end = std::min(begin + most, length);
        if (begin >= end) continue;
        more = true;
        spans.push_back({static_cast<std::int64_t>(q.size()) / (heads * size), end - begin, begin, blocks[i].data()});
        q.insert(q.end(), queries[i].begin() + begin * heads * size, queries[i].begin() + end * heads * size);
        k.insert(k.end(), keys[i].begin() + begin * kv_heads * size, keys[i].begin() + end * kv_heads * size);
        v.insert(v.end(), values[i].begin() + begin * kv_heads * size, values[i].begin() + end * kv_heads * size);
      }
      if (!more) break;
      Floats y(q.size(), std::numeric_limits<float>::quiet_NaN());
      ops.Store(k.data(), v.data(), spans, cache);
      ops.Attend(q.data(), heads, spans, cache, scale(), window, y.data());
      for (std::size_t s = 0, i = 0; s < spans.size(); ++i) {
        if (static_cast<std::int64_t>(queries[i].size()) / (heads * size) <= begin) continue;
        const auto from = y.begin() + spans[s].row * heads * size;
        results[i].insert(results[i].end(), from, from + spans[s].tokens * heads * size);
        ++s;
      }
    }
    return results;
  }

  float scale() const { return 1 / std::sqrt(static_cast<float>(size)); }

  std::vector<double> Plain(std::size_t sequence, std::int64_t window) const {
    const Floats k = cache.element == Element::kFloat32 ? keys[sequence] : Rounded(keys[sequence]);
    const Floats v = cache.element == Element::kFloat32 ? values[sequence] : Rounded(values[sequence]);
    const auto at = [this](const Floats& x, std::int64_t token, std::int64_t all, std::int64_t head, std::int64_t i) {
      return static_cast<double>(x[static_cast<std::size_t>((token * all + head) * size + i)]);
    };
    std::vector<double> y;
    const std::int64_t length = static_cast<std::int64_t>(queries[sequence].size()) / (heads * size);
    for (std::int64_t token = 0; token < length; ++token) {
      for (std::int64_t head = 0; head < heads; ++head) {
        const std::int64_t kv = head / (heads / kv_heads);
        std::vector<double> mixed(static_cast<std::size_t>(size));
        double sum = 0;
        for (std::int64_t t = window > 0 ? std::max<std::int64_t>(0, token - window + 1) : 0; t <= token; ++t) {
          double score = 0;
          for (std::int64_t i = 0; i < size; ++i) score += at(queries[sequence], token, heads, head, i) * at(k, t, kv_heads, kv, i);
          const double weight = std::exp(score * scale());
          sum += weight;
          for (std::int64_t i = 0; i < size; ++i) mixed[static_cast<std::size_t>(i)] += weight * at(v, t, kv_heads, kv, i);
        }
        for (const double value : mixed) y.push_back(value / sum);
      }
    }
    return y;
  }

  // To the nearest bfloat16, ties to even.
  static Floats Rounded(const Floats& values) {
    Floats rounded;
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      rounded.push_back(std::bit_cast<float>((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u));
    }
    return rounded;
  }
};

TEST_P(EachIsa, AttentionIsTheSoftmaxOverWhatIsSeen) {
  for (const Element element : {Element::kFloat32, Element::kBfloat16}) {
    for (const auto& [group, kv, size] : {std::tuple{1, 1, 8}, {2, 2, 64}, {7, 2, 20}, {4, 1, 128}, {3, 2, 80}}) {
      for (const std::int64_t window : {0, 1, 16, 21}) {
        Cached cached(element, group, kv, size, {70, 1, 33}, 3);
        const auto results = cached.Run(*three_, 100, window);
        for (std::size_t i = 0; i < results.size(); ++i) {
          ExpectClose(results[i], cached.Plain(i, window), 2e-6,
                      "heads of " + std::to_string(size) + ", window " + std::to_string(window));
        }
      }
    }
  }
}

TEST_P(EachIsa, AttentionHasTheSameBitsHoweverSequencesAreCutAndWhereverTheyLie) {
  for (const Element element : {Element::kFloat32, Element::kBfloat16}) {
    for (const std::int64_t window : {0, 19}) {
      Cached cached(element, 3, 2, 24, {70, 5, 33}, 3);
      const auto whole = cached.Run(*three_, 100, window);
      for (const std::int64_t most : {1, 2, 7, 16, 31}) {
        Cached other(element, 3, 2, 24, {70, 5, 33}, 40 + static_cast<unsigned>(most));
        EXPECT_EQ(other.Run(*one_, most, window), whole) << most << " tokens, window " << window;
      }
    }
  }
}

TEST_P(EachIsa, AttentionHoldsForScoresFarApart) {
  Cached cached(Element::kFloat32, 1, 1, 16, {40}, 3);
  for (float& q : cached.queries[0]) q *= 60;
  ExpectClose(cached.Run(*one_, 100, 0)[0], cached.Plain(0, 0), 1e-5, "peaked");
}

TEST_P(EachIsa, RmsNormIsThePublishedOne) {
  for (const std::int64_t width : {1, 8, 24, 100, 896}) {
    const Floats x = RandomFloats(static_cast<std::size_t>(5 * width), 1);
    const Floats weight = RandomFloats(static_cast<std::size_t>(width), 2);
    Floats y(x.size());
    three_->RmsNorm(x.data(), 5, width, weight.data(), 0.01f, y.data());
    std::vector<double> expected;
    for (std::int64_t row = 0; row < 5; ++row) {
      double squares = 0;
      const float* values = x.data() + row * width;
      for (std::int64_t i = 0; i < width; ++i) squares += static_cast<double>(values[i]) * values[i];
      const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 0.01);
      for (std::int64_t i = 0; i < width; ++i) expected.push_back(values[i] * scale * weight[static_cast<std::size_t>(i)]);
    }
    ExpectClose(y, expected, 1e-6, std::to_string(width));
  }
}

TEST_P(EachIsa, SiluHoldsFromEndToEnd) {
  const Floats x = {-1e30f, -200, -88, -30, -1, -1e-6f, 0, 1e-6f, 1, 30, 88, 200, 1e30f};
  Floats gate = x;
  const Floats up(x.size(), 1.0f);
  three_->SiluMul(gate.data(), up.data(), static_cast<std::int64_t>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] / (1 + std::exp(-static_cast<double>(x[i])));
    EXPECT_NEAR(gate[i], expected, 1e-6 * std::abs(expected) + 1e-7) << x[i];
  }
  Floats bad = {std::numeric_limits<float>::quiet_NaN()};
  three_->SiluMul(bad.data(), up.data(), 1);
  EXPECT_TRUE(std::isnan(bad[0]));
}

TEST_P(EachIsa, SiluOfARowHasTheSameBitsWhereverItStands) {
  const Floats x = RandomFloats(50'000, 1), up = RandomFloats(50'000, 2);
  Floats all = x;
  three_->SiluMul(all.data(), up.data(), 50'000);
  for (const std::size_t first : {0, 1, 7, 20'001}) {
    Floats some(x.begin() + static_cast<std::ptrdiff_t>(first), x.begin() + static_cast<std::ptrdiff_t>(first) + 37);
    one_->SiluMul(some.data(), up.data() + first, 37);
    EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + static_cast<std::ptrdiff_t>(first))) << first;
  }
}

TEST_P(EachIsa, RotationTurnsPairsAndLeavesTheRest) {
  Floats x = {1, 0, 5, 0, 2, 7, /* second head */ 0, 1, 6, 1, 0, 8};
  const Floats cosines = {0, 1}, sines = {1, 0};
  three_->Rotate(x.data(), 1, 2, 6, {cosines.data(), sines.data(), 2});
  // Components 0 and 2, 1 and 3 of each head are pairs; the first is turned by a quarter.
  EXPECT_EQ(x, (Floats{-5, 0, 1, 0, 2, 7, -6, 1, 0, 1, 0, 8}));
}

TEST_P(EachIsa, EmbeddingsAndSelectedRowsAreCopies) {
  const Weight table(9, 13, 1);
  const std::vector<std::int32_t> ids = {8, 0, 8};
  for (const Matrix& matrix : {table.full, table.half}) {
    Floats y(3 * 13);
    three_->Embed(matrix, ids, y.data());
    EXPECT_TRUE(std::equal(y.begin(), y.begin() + 13, table.values.begin() + 8 * 13));
    EXPECT_TRUE(std::equal(y.begin() + 13, y.begin() + 26, table.values.begin()));
    EXPECT_TRUE(std::equal(y.begin() + 26, y.end(), table.values.begin() + 8 * 13));
  }
  const std::vector<std::int64_t> rows = {1, 4};
  Floats some(2 * 13);
  one_->Select(table.values.data(), rows, 13, some.data());
  EXPECT_TRUE(std::equal(some.begin(), some.begin() + 13, table.values.begin() + 13));
  EXPECT_TRUE(std::equal(some.begin() + 13, some.end(), table.values.begin() + 4 * 13));
}

TEST_P(EachIsa, NarrowingRoundsToTheNearestAndKeepsWhatIsNoNumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const auto half = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  const Floats x = {1, -2.5f, half(0x3f808000), half(0x3f818000), half(0x3f808001), inf, -inf, nan, half(0x7fffffff)};
  std::vector<std::uint16_t> y(x.size());
  isa_->narrow(x.data(), static_cast<std::int64_t>(x.size()), y.data());
  EXPECT_EQ(std::vector(y.begin(), y.begin() + 7),
            (std::vector<std::uint16_t>{0x3f80, 0xc020, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0xff80}));
  EXPECT_TRUE(std::isnan(Widened(y)[7]));
  EXPECT_TRUE(std::isnan(Widened(y)[8]));
}

}  // namespace
}  // namespace berth::kernels::cpu
