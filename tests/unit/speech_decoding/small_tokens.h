// A vocabulary small enough to write logits by hand: text 0 … 9 (0 is the blank), then what steers, then timestamps from 20 on,
// of a window of 200 ms.
#pragma once

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

inline constexpr Token kEnd = 10, kStart = 11, kEnglish = 12, kGerman = 13, kTranslate = 14, kTranscribe = 15,
                       kPrevious = 16, kNoSpeech = 17, kNoTimestamps = 19, kT0 = 20;
inline constexpr int kVocab = 40;
inline constexpr float kNever = -std::numeric_limits<float>::infinity();

inline SpeechTokens SmallTokens() {
  SpeechTokens tokens;
  tokens.start = kStart;
  tokens.end = kEnd;
  tokens.no_timestamps = kNoTimestamps;
  tokens.first_timestamp = kT0;
  tokens.last_timestamp = kT0 + 10;
  tokens.start_of_previous = kPrevious;
  tokens.no_speech = kNoSpeech;
  tokens.transcribe = kTranscribe;
  tokens.translate = kTranslate;
  tokens.languages = {{"de", kGerman}, {"en", kEnglish}};
  tokens.suppress = {9, kStart, kTranslate, kTranscribe, kPrevious, kNoSpeech};
  tokens.begin_suppress = {0, kEnd};
  return tokens;
}

// Logits that are 0 but for these.
inline std::vector<float> Logits(const std::map<Token, float>& some, float others = 0) {
  std::vector<float> logits(kVocab, others);
  for (const auto& [token, value] : some) logits[static_cast<std::size_t>(token)] = value;
  return logits;
}

}  // namespace berth::speech
