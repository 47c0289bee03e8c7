// Weights from one floating-point format to another, exactly or to the nearest. Pure.
#pragma once

#include <cstddef>

#include "worker/checkpoint/safetensors.h"

namespace berth::decoder {

// F32, F16 or BF16, at any address.
bool IsWeightDtype(checkpoint::Dtype dtype);

// `count` elements; `to` is F32 or BF16, aligned. F16 and BF16 are widened exactly; what becomes BF16 is rounded to the
// nearest, ties to even.
void ConvertWeights(const std::byte* from, checkpoint::Dtype dtype, std::size_t count, checkpoint::Dtype to_dtype,
                    void* to);

}  // namespace berth::decoder
