// The table of one instruction set, out of the templates and the Simd that the file included before. For files of isa.h
// only.
#pragma once

#include "worker/kernels/cpu/attention.h"
#include "worker/kernels/cpu/frame_attention.h"
#include "worker/kernels/cpu/isa.h"
#include "worker/kernels/cpu/linear.h"
#include "worker/kernels/cpu/rows.h"

namespace berth::kernels::cpu {
namespace {

template <class S>
constexpr Isa TableOf(const char* name) {
  return {name,           &LinearOf<S>::Run, &AttentionOf<S>::Run, &FrameAttentionOf<S>::Run, &LayerNormRow<S>,
          &GeluRow<S>,    &RmsNormRow<S>,    &SiluMulRow<S>,       &WidenRow<S>,              &NarrowRow};
}

}  // namespace
}  // namespace berth::kernels::cpu
