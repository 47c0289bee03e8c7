// What tests of kernels share: every instruction set of this machine with one and with three threads, random numbers, and
// how far results may be from those of plain loops in float64.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "worker/kernels/cpu/cpu_ops.h"

namespace berth::kernels::cpu {

using Floats = std::vector<float>;

inline Floats RandomFloats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> draw(-1, 1);
  Floats values(count);
  for (float& value : values) value = draw(random);
  return values;
}

inline void ExpectClose(const Floats& values, const std::vector<double>& expected, double share, const std::string& what) {
  ASSERT_EQ(values.size(), expected.size()) << what;
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    most = std::max(most, std::abs(expected[i]));
    difference = std::max(difference, std::abs(static_cast<double>(values[i]) - expected[i]));
  }
  EXPECT_LE(difference, share * most) << what;
}

class EachIsa : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    const IsaList list = SupportedIsas();
    if (GetParam() >= list.count) GTEST_SKIP() << "this machine has " << list.count << " instruction sets";
    isa_ = list.isas[GetParam()];
    one_ = MakeCpuOps(1, *isa_);
    three_ = MakeCpuOps(3, *isa_);
  }

  const Isa* isa_ = nullptr;
  std::unique_ptr<DecoderOps> one_, three_;
};

}  // namespace berth::kernels::cpu
