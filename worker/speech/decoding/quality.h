// How good an attempt was, and whether to try again with a higher temperature: openai/whisper's measures. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

struct Thresholds {
  std::optional<double> compression_ratio = 2.4;  // more: the text repeats itself
  std::optional<double> avg_logprob = -1.0;       // less: the model is not sure
  std::optional<double> no_speech = 0.6;          // more: perhaps nobody speaks
};

struct Quality {
  double compression_ratio = 0;
  double avg_logprob = 0;
  double no_speech_prob = 0;
};

// Bytes of the text over bytes of what zlib's level 6 makes of it.
double CompressionRatio(std::string_view utf8);

// The probability of <|nospeech|> after <|startoftranscript|>, by the model's own logits [vocab].
double NoSpeechProbability(std::span<const float> logits, Token no_speech);

// Whether the next temperature is tried. Silence is none the better for it.
bool NeedsFallback(const Quality& quality, const Thresholds& thresholds);
// Whether the window is taken for silence and left out.
bool IsSilence(const Quality& quality, const Thresholds& thresholds);

// The temperatures that are tried in turn: absent and 0 are 0, 0.2, … 1; any other is that one alone.
std::vector<double> TemperatureLadder(std::optional<double> asked);

struct DetectedLanguage {
  std::string code;
  double probability = 0;
};
// By the logits after <|startoftranscript|>, among languages alone. `tokens` is multilingual.
DetectedLanguage DetectLanguage(std::span<const float> logits, const SpeechTokens& tokens);

}  // namespace berth::speech
