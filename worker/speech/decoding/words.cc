#include "worker/speech/decoding/words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>

#include "worker/speech/decoding/softmax.h"

namespace berth::speech {
namespace {

constexpr std::array<std::string_view, 6> kWithoutBlanks = {"zh", "ja", "th", "lo", "my", "yue"};
constexpr std::string_view kAsciiMarks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
constexpr std::string_view kBefore = "\"'“¿([{-";
constexpr std::string_view kAfter = "\"'.。,，!！?？:：”)]}、";
constexpr std::string_view kSentenceEnds = ".。!！?？";
// Seconds beyond which the usual word is not believed to last.
constexpr double kLongestMedian = 0.7;

bool Contains(std::string_view all, std::string_view part) { return all.find(part) != std::string_view::npos; }

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// Whether more bytes may make the last character whole.
bool EndsWithin(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back;
  }
  return false;
}

std::vector<WordTokens> SplitCharacters(const text::Tokenizer& tokenizer, std::span<const Token> ids) {
  std::vector<WordTokens> parts;
  std::string bytes;
  std::vector<Token> current;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    bytes += tokenizer.TokenBytes(ids[i]);
    current.push_back(ids[i]);
    if (EndsWithin(bytes) && i + 1 < ids.size()) continue;
    parts.push_back({tokenizer.Decode(current, false), current});
    bytes.clear();
    current.clear();
  }
  return parts;
}

// --- what is done to implausible times ---

bool StartsWithBlank(std::string_view text) { return text.starts_with(' '); }

void Join(TimedWord& into, TimedWord& from, bool in_front) {
  into.text = in_front ? from.text + into.text : into.text + from.text;
  into.tokens.insert(in_front ? into.tokens.begin() : into.tokens.end(), from.tokens.begin(), from.tokens.end());
  from.text.clear();
  from.tokens.clear();
}

void JoinMarks(std::vector<TimedWord>& words) {
  for (std::size_t j = words.size(), i = j; i-- > 0;) {
    if (j == words.size()) {
      j = i;
      continue;
    }
    if (StartsWithBlank(words[i].text) && Contains(kBefore, Trimmed(words[i].text))) Join(words[j], words[i], true);
    else j = i;
  }
  for (std::size_t i = 0, j = 1; j < words.size(); ++j) {
    if (!words[i].text.ends_with(' ') && Contains(kAfter, words[j].text)) Join(words[i], words[j], false);
    else i = j;
  }
}

double MedianDuration(const std::vector<TimedWord>& words) {
  std::vector<double> durations;
  for (const TimedWord& word : words) {
    if (word.end > word.start) durations.push_back(word.end - word.start);
  }
  if (durations.empty()) return 0;
  std::ranges::sort(durations);
  const std::size_t half = durations.size() / 2;
  const double median = durations.size() % 2 == 1 ? durations[half] : (durations[half - 1] + durations[half]) / 2;
  return std::min(kLongestMedian, median);
}

// A pause belongs to no word: not to the mark that ends a sentence, nor to the word behind it.
void ShortenAtSentenceEnds(std::vector<TimedWord>& words, double longest) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].end - words[i].start <= longest) continue;
    if (Contains(kSentenceEnds, words[i].text)) words[i].end = words[i].start + longest;
    else if (Contains(kSentenceEnds, words[i - 1].text)) words[i].start = words[i].end - longest;
  }
}

void ShortenAfterPause(std::vector<Word>& words, double median, double last_speech) {
  const double longest = 2 * median;
  Word& first = words.front();
  const bool pause = first.end - last_speech > 4 * median;
  const bool two_long = words.size() > 1 && words[1].end - first.start > 2 * longest;
  if (!pause || !(first.end - first.start > longest || two_long)) return;
  if (words.size() > 1 && words[1].end - words[1].start > longest) {
    first.end = words[1].start = std::max(words[1].end / 2, words[1].end - longest);
  }
  first.start = std::max(0.0, first.end - longest);
}

// The model's timestamps are believed where they and the first or last word's differ by half a second.
void AgreeOnTimes(Segment& segment, double median) {
  Word& first = segment.words.front();
  if (segment.start < first.end && segment.start - 0.5 > first.start) {
    first.start = std::max(0.0, std::min(first.end - median, segment.start));
  } else {
    segment.start = first.start;
  }
  Word& last = segment.words.back();
  if (segment.end > last.start && segment.end + 0.5 < last.end) last.end = std::max(last.start + median, segment.end);
  else segment.end = last.end;
}

double Hundredths(double seconds) { return std::round(seconds * 100) / 100; }

}  // namespace

std::vector<WordTokens> SplitWords(const text::Tokenizer& tokenizer, std::span<const Token> ids,
                                   const std::string& language) {
  std::vector<WordTokens> parts = SplitCharacters(tokenizer, ids);
  if (std::ranges::find(kWithoutBlanks, language) != kWithoutBlanks.end()) return parts;
  std::vector<WordTokens> words;
  for (WordTokens& part : parts) {
    if (words.empty() || StartsWithBlank(part.text) || Contains(kAsciiMarks, Trimmed(part.text))) {
      words.push_back(std::move(part));
      continue;
    }
    words.back().text += part.text;
    words.back().tokens.insert(words.back().tokens.end(), part.tokens.begin(), part.tokens.end());
  }
  return words;
}

// From cell to cell one row down, one frame on, or both; the cheapest way to each cell, then back from the last one.
std::vector<std::int64_t> AlignRows(std::span<const float> cost, std::int64_t rows, std::int64_t frames) {
  enum Step : std::uint8_t { kBoth, kRow, kFrame };
  const auto width = static_cast<std::size_t>(frames + 1);
  constexpr float kFar = std::numeric_limits<float>::infinity();
  std::vector<float> above(width, kFar), here(width, kFar);
  std::vector<std::uint8_t> steps(static_cast<std::size_t>(rows + 1) * width, kFrame);
  above[0] = 0;
  for (std::int64_t i = 1; i <= rows; ++i) {
    here[0] = kFar;
    for (std::size_t j = 1; j < width; ++j) {
      const float both = above[j - 1], row = above[j], frame = here[j - 1];
      const Step step = both < row && both < frame ? kBoth : row < both && row < frame ? kRow : kFrame;
      const float before = step == kBoth ? both : step == kRow ? row : frame;
      here[j] = cost[static_cast<std::size_t>(i - 1) * (width - 1) + j - 1] + before;
      steps[static_cast<std::size_t>(i) * width + j] = step;
    }
    std::swap(above, here);
  }
  std::vector<std::int64_t> starts(static_cast<std::size_t>(rows), 0);
  std::int64_t i = rows, j = frames;
  while (i > 0) {
    if (j > 0) starts[static_cast<std::size_t>(i - 1)] = j - 1;  // the last one that is written is the row's first frame
    const auto step = j == 0 ? kRow : static_cast<Step>(steps[static_cast<std::size_t>(i) * width + static_cast<std::size_t>(j)]);
    if (step != kFrame) --i;
    if (step != kRow) --j;
  }
  return starts;
}

void MedianFilter(std::span<float> x, std::int64_t columns, std::int64_t width) {
  const std::int64_t half = width / 2;
  if (columns <= half) return;
  std::vector<float> row(static_cast<std::size_t>(columns)), window(static_cast<std::size_t>(width));
  for (std::size_t at = 0; at < x.size(); at += row.size()) {
    std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(at), row.size(), row.begin());
    for (std::int64_t i = 0; i < columns; ++i) {
      for (std::int64_t k = -half; k <= half; ++k) {
        std::int64_t from = std::abs(i + k);
        if (from >= columns) from = 2 * (columns - 1) - from;
        window[static_cast<std::size_t>(k + half)] = row[static_cast<std::size_t>(from)];
      }
      std::ranges::nth_element(window, window.begin() + half);
      x[at + static_cast<std::size_t>(i)] = window[static_cast<std::size_t>(half)];
    }
  }
}

std::vector<float> AttentionMatrix(std::span<const float> scores, std::int64_t heads, std::int64_t rows,
                                   std::int64_t positions, std::int64_t frames, std::int64_t filter) {
  const auto height = static_cast<std::size_t>(rows), width = static_cast<std::size_t>(frames);
  std::vector<float> sum(height * width), one(height * width);
  for (std::int64_t head = 0; head < heads; ++head) {
    for (std::size_t row = 0; row < height; ++row) {
      const auto from = scores.subspan((static_cast<std::size_t>(head) * height + row) * static_cast<std::size_t>(positions), width);
      const double all = LogSumExp(from);
      for (std::size_t t = 0; t < width; ++t) one[row * width + t] = static_cast<float>(std::exp(from[t] - all));
    }
    for (std::size_t t = 0; t < width; ++t) {
      double mean = 0, variance = 0;
      for (std::size_t row = 0; row < height; ++row) mean += one[row * width + t];
      mean /= static_cast<double>(rows);
      for (std::size_t row = 0; row < height; ++row) variance += std::pow(one[row * width + t] - mean, 2);
      const double deviation = std::sqrt(variance / static_cast<double>(rows));
      for (std::size_t row = 0; row < height; ++row) {
        float& value = one[row * width + t];
        value = deviation > 0 ? static_cast<float>((value - mean) / deviation) : 0;
      }
    }
    MedianFilter(one, frames, filter);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i] / static_cast<float>(heads);
  }
  return sum;
}

std::vector<TimedWord> TimeWords(const std::vector<WordTokens>& words, std::span<const std::int64_t> starts,
                                 std::span<const float> probabilities) {
  std::vector<TimedWord> timed;
  std::size_t at = 0;
  for (const WordTokens& word : words) {
    const std::size_t end = at + word.tokens.size();
    const double sum = std::accumulate(probabilities.begin() + static_cast<std::ptrdiff_t>(at),
                                       probabilities.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
    timed.push_back({word.text, word.tokens, static_cast<double>(starts[at]) * kTimestampSeconds,
                     static_cast<double>(starts[end]) * kTimestampSeconds, sum / static_cast<double>(word.tokens.size())});
    at = end;
  }
  return timed;
}

void PlaceWords(const SpeechTokens& tokens, std::vector<TimedWord> words, double offset, std::span<Segment> segments,
                double& last_speech) {
  const double median = MedianDuration(words);
  ShortenAtSentenceEnds(words, 2 * median);
  JoinMarks(words);
  std::size_t next = 0;
  for (Segment& segment : segments) {
    const auto text = std::ranges::count_if(segment.tokens, [&](Token id) { return tokens.IsText(id); });
    for (std::ptrdiff_t taken = 0; next < words.size() && taken < text; ++next) {
      const TimedWord& word = words[next];
      taken += static_cast<std::ptrdiff_t>(word.tokens.size());
      if (word.text.empty()) continue;
      segment.words.push_back({word.text, Hundredths(offset + word.start), Hundredths(offset + word.end), word.probability});
    }
    if (segment.words.empty()) continue;
    ShortenAfterPause(segment.words, median, last_speech);
    AgreeOnTimes(segment, median);
    last_speech = segment.end;
  }
}

}  // namespace berth::speech
