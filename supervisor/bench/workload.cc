#include "supervisor/bench/workload.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <string_view>

namespace berth::bench {
namespace {

// Frequent words, which most vocabularies have as one token each.
constexpr std::array<std::string_view, 32> kWords = {
    "the", "house", "water", "and", "time", "people", "with", "small", "green", "day", "old",   "from", "year", "good", "hand", "place",
    "in",  "world", "life",  "new", "work", "number", "long", "name",  "same",  "end", "where", "line", "head", "turn", "big",  "mean"};

void AddWords(std::string& text, std::uint64_t seed, int count) {
  std::mt19937_64 random(seed);
  for (int i = 0; i < count; ++i) {
    if (!text.empty()) text += ' ';
    text += kWords[random() % kWords.size()];
  }
}

int Scaled(int length, double factor) {
  return static_cast<int>(std::clamp(std::round(length * factor), 1.0, 1e7));
}

}  // namespace

std::vector<Arrival> Steady(std::size_t count, int prompt_tokens, int output_tokens) {
  return std::vector<Arrival>(count, Arrival{{}, prompt_tokens, output_tokens, {}});
}

std::vector<Arrival> Poisson(std::size_t count, double rate, int prompt_tokens, int output_tokens, std::uint64_t seed) {
  auto arrivals = Steady(count, prompt_tokens, output_tokens);
  std::mt19937_64 random(seed);
  double at_s = 0;
  for (Arrival& arrival : arrivals) {
    arrival.at = Duration(std::llround(at_s * 1e6));
    // Between 0, not included, and 1: by hand, since the library's distributions differ from one to another.
    const double uniform = (static_cast<double>(random() >> 11) + 1) * 0x1p-53;
    at_s -= std::log(uniform) / rate;
  }
  return arrivals;
}

void Apply(const Scale& scale, std::vector<Arrival>& arrivals) {
  if (arrivals.size() > scale.most) arrivals.resize(scale.most);
  for (Arrival& arrival : arrivals) {
    if (arrival.at) arrival.at = Duration(std::llround(static_cast<double>(arrival.at->count()) / scale.speed));
    arrival.prompt_tokens = Scaled(arrival.prompt_tokens, scale.length);
    arrival.output_tokens = Scaled(arrival.output_tokens, scale.length);
  }
}

std::string PromptOf(const Arrival& arrival, std::uint64_t seed) {
  std::string text;
  if (arrival.prefix.empty()) {
    AddWords(text, seed, arrival.prompt_tokens);
    return text;
  }
  // Pieces shrink with the prompt, so that a scaled trace shares the same parts of its prefixes.
  const auto pieces = static_cast<std::int64_t>(arrival.prefix.size());
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t begin = arrival.prompt_tokens * i / pieces, end = arrival.prompt_tokens * (i + 1) / pieces;
    AddWords(text, arrival.prefix[static_cast<std::size_t>(i)], static_cast<int>(end - begin));
  }
  return text;
}

}  // namespace berth::bench
