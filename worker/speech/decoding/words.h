// When each word was said (openai/whisper's way): words of tokens; the path of least cost (dynamic time warping, Sakoe and
// Chiba 1978) through what the alignment heads attend to; and what is done to implausible times. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/speech/decoding/segments.h"
#include "worker/speech/decoding/tokens.h"
#include "worker/text/tokenizer.h"

namespace berth::speech {

struct WordTokens {
  std::string text;
  std::vector<Token> tokens;
  bool operator==(const WordTokens&) const = default;
};

// Words of text tokens, whole characters each: at blanks and marks, in languages that have no blanks (Chinese, Japanese,
// Thai, Lao, Burmese, Cantonese) at every character that tokens end with.
std::vector<WordTokens> SplitWords(const text::Tokenizer& tokenizer, std::span<const Token> ids,
                                   const std::string& language);

// The frames (20 ms) at which each of the rows begins, on the path of least cost through `cost` [rows, frames]; ascending.
std::vector<std::int64_t> AlignRows(std::span<const float> cost, std::int64_t rows, std::int64_t frames);

// Median of `width` neighbours (odd) along each row of x [rows, columns], reflected at the ends; rows that are too short for
// it stay.
void MedianFilter(std::span<float> x, std::int64_t columns, std::int64_t width);

// Of scores [heads, rows, positions] over the first `frames` of the positions the mean over heads of the softmax,
// normalised along the rows and filtered: [rows, frames].
std::vector<float> AttentionMatrix(std::span<const float> scores, std::int64_t heads, std::int64_t rows,
                                   std::int64_t positions, std::int64_t frames, std::int64_t filter);

// A word and when it was said, in seconds from the window's beginning.
struct TimedWord {
  std::string text;
  std::vector<Token> tokens;
  double start = 0, end = 0;
  double probability = 0;
};

// `starts`: of each token and of the end, as AlignRows() gives them; `probabilities`: of each token. Words together have as
// many tokens.
std::vector<TimedWord> TimeWords(const std::vector<WordTokens>& words, std::span<const std::int64_t> starts,
                                 std::span<const float> probabilities);

// Gives each segment its words: marks join their words, words that are too long are shortened, and the segments' times
// become those of their words. `offset`: seconds of the window's beginning. `last_speech`: until when the file's speech
// went so far; brought up to date.
void PlaceWords(const SpeechTokens& tokens, std::vector<TimedWord> words, double offset, std::span<Segment> segments,
                double& last_speech);

}  // namespace berth::speech
