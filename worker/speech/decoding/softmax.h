// What a row of logits is in probabilities. Rows are as long as the vocabulary and come with every step of every hypothesis,
// so they are gone through in vectors. −∞ is what may not come. Pure.
#pragma once

#include <cstdint>
#include <span>

namespace berth::speech {

// ln Σ e^x; −∞ where nothing may come.
double LogSumExp(std::span<const float> logits);

// The first index at which the sum of e^(x / temperature) exceeds `uniform`, in [0, 1), of the whole. Something may come.
std::int32_t Draw(std::span<const float> logits, double temperature, double uniform);

}  // namespace berth::speech
