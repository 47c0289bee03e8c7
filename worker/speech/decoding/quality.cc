#include "worker/speech/decoding/quality.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "worker/speech/decoding/softmax.h"

namespace berth::speech {

double CompressionRatio(std::string_view utf8) {
  uLongf size = ::compressBound(static_cast<uLong>(utf8.size()));
  std::vector<Bytef> packed(size);
  const auto* bytes = reinterpret_cast<const Bytef*>(utf8.data());
  if (::compress2(packed.data(), &size, bytes, static_cast<uLong>(utf8.size()), 6) != Z_OK) return 0;
  return static_cast<double>(utf8.size()) / static_cast<double>(size);
}

double NoSpeechProbability(std::span<const float> logits, Token no_speech) {
  return std::exp(logits[static_cast<std::size_t>(no_speech)] - LogSumExp(logits));
}

bool NeedsFallback(const Quality& quality, const Thresholds& thresholds) {
  const bool unsure = thresholds.avg_logprob && quality.avg_logprob < *thresholds.avg_logprob;
  const bool repeats = thresholds.compression_ratio && quality.compression_ratio > *thresholds.compression_ratio;
  if (unsure && thresholds.no_speech && quality.no_speech_prob > *thresholds.no_speech) return false;
  return repeats || unsure;
}

bool IsSilence(const Quality& quality, const Thresholds& thresholds) {
  if (!thresholds.no_speech || !(quality.no_speech_prob > *thresholds.no_speech)) return false;
  return !(thresholds.avg_logprob && quality.avg_logprob > *thresholds.avg_logprob);
}

std::vector<double> TemperatureLadder(std::optional<double> asked) {
  if (asked && *asked > 0) return {*asked};
  return {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};
}

DetectedLanguage DetectLanguage(std::span<const float> logits, const SpeechTokens& tokens) {
  std::vector<float> known;
  for (const auto& [code, token] : tokens.languages) known.push_back(logits[static_cast<std::size_t>(token)]);
  const double all = LogSumExp(known);
  const auto best = std::ranges::max_element(known);
  const auto language = std::next(tokens.languages.begin(), best - known.begin());
  return {language->first, std::exp(*best - all)};
}

}  // namespace berth::speech
