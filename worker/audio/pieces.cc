#include "worker/audio/pieces.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "worker/audio/audio_reader.h"

namespace berth::audio {
namespace {

// A cut is made in the middle of so many hops, a third of a second: pauses between words are shorter, sentences' longer.
constexpr std::size_t kAround = 10;

std::size_t SamplesOf(std::chrono::milliseconds time) {
  return static_cast<std::size_t>(time.count()) * kSampleRate / 1000;
}

// Without padding.
std::vector<Piece> Bare(std::span<const float> levels, std::size_t samples, const SegmentRules& rules) {
  std::vector<Piece> segments;
  bool open = false;
  std::size_t quiet_since = 0;  // of an open segment; its end when it lasts
  bool quiet = false;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::size_t at = i * kHopSamples;
    if (levels[i] >= rules.begin_at) {
      if (!open) segments.push_back({at, samples});
      open = true;
      quiet = false;
    } else if (open && levels[i] < rules.end_below) {
      if (!quiet) quiet_since = at;
      quiet = true;
      if (at + kHopSamples - quiet_since < SamplesOf(rules.least_silence)) continue;
      segments.back().end = quiet_since;
      open = quiet = false;
    }
  }
  if (open && quiet) segments.back().end = quiet_since;
  std::erase_if(segments, [&](const Piece& s) { return s.size() < SamplesOf(rules.least); });
  return segments;
}

// Where a segment that begins at `begin` and goes beyond begin + most is cut.
std::size_t Quietest(std::span<const float> levels, std::size_t begin, std::size_t most) {
  const std::size_t last = std::min((begin + most) / kHopSamples, levels.size());
  const std::size_t first = (begin + most - most / 3) / kHopSamples + 1;
  std::size_t best = last;
  double least = HUGE_VAL;
  for (std::size_t at = first; at <= last; ++at) {
    const std::size_t from = at - std::min(at, kAround / 2), to = std::min(at + kAround / 2, levels.size());
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += static_cast<double>(levels[i]) * levels[i];
    sum /= static_cast<double>(std::max<std::size_t>(to - from, 1));
    if (sum <= least) best = at;  // of equals the last: pieces are as long as they can be
    least = std::min(least, sum);
  }
  return best * kHopSamples;
}

}  // namespace

std::vector<float> Loudness(std::span<const std::int16_t> samples) {
  std::vector<float> levels;
  levels.reserve(samples.size() / kHopSamples + 1);
  for (std::size_t at = 0; at < samples.size(); at += kHopSamples) {
    const auto hop = samples.subspan(at, std::min(kHopSamples, samples.size() - at));
    std::int64_t sum = 0;
    for (const std::int16_t s : hop) sum += std::int64_t{s} * s;
    levels.push_back(static_cast<float>(std::sqrt(static_cast<double>(sum) / static_cast<double>(hop.size())) / 32768));
  }
  return levels;
}

std::vector<Piece> Segments(std::span<const float> levels, std::size_t samples, const SegmentRules& rules) {
  std::vector<Piece> segments = Bare(levels, samples, rules);
  const std::size_t padding = SamplesOf(rules.padding);
  std::size_t free = 0;  // from here on nobody else's padding is
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Piece& segment = segments[i];
    const std::size_t next = i + 1 < segments.size() ? (segment.end + segments[i + 1].begin) / 2 : samples;
    segment.begin = std::max(free, segment.begin - std::min(segment.begin, padding));
    segment.end = free = std::min(segment.end + padding, next);
  }
  return segments;
}

std::vector<Piece> Cut(std::span<const Piece> segments, std::span<const float> levels, std::size_t most) {
  most = std::max<std::size_t>(most, kSampleRate);
  std::vector<Piece> pieces;
  for (Piece rest : segments) {
    while (rest.size() > most) {
      const std::size_t at = Quietest(levels, rest.begin, most);
      pieces.push_back({rest.begin, at});
      rest.begin = at;
    }
    if (!pieces.empty() && rest.end - pieces.back().begin <= most) pieces.back().end = rest.end;
    else pieces.push_back(rest);
  }
  return pieces;
}

}  // namespace berth::audio
