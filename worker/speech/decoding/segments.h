// A window's tokens as segments of the file, and where the next window begins: openai/whisper's rules. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/speech/decoding/quality.h"
#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

inline constexpr double kFrameSeconds = 0.01;      // of mel features
inline constexpr double kTimestampSeconds = 0.02;  // from one timestamp token to the next
inline constexpr std::int64_t kTimestampFrames = 2;

struct Word {
  std::string text;  // with the blank before it, if there is one
  double start = 0, end = 0;  // seconds from the file's beginning
  double probability = 0;
};

struct Segment {
  std::int64_t seek = 0;      // first frame of the window that it was heard in
  double start = 0, end = 0;  // seconds from the file's beginning
  std::string text;           // blank in front included
  std::vector<Token> tokens;  // timestamps included
  double temperature = 0;
  Quality quality;
  std::vector<Word> words;    // where they were asked for
};

// A part of the file's frames that is heard at once.
struct Piece {
  std::int64_t first_frame = 0;
  std::int64_t frames = 0;
  bool operator==(const Piece&) const = default;
};

struct Cut {
  struct Part {
    std::size_t begin = 0, end = 0;  // among the tokens
    double start = 0, finish = 0;    // seconds from the window's beginning
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> parts;
  std::int64_t advance = 0;           // frames to the next window's beginning
  bool ends_with_one_timestamp = false;  // and no pair: the speech of the window is over
};

enum class CutMode {
  kSequential,  // what follows the last pair of timestamps is heard again in the next window
  kPiece,       // the window is all there is: it is a segment, too, and no time is beyond the window's end
};

// `tokens`: without prompt and end. `frames`: of the window that are the file's.
Cut CutSegments(const SpeechTokens& tokens, std::span<const Token> ids, std::int64_t frames, CutMode mode);

}  // namespace berth::speech
