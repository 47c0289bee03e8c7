// Where long audio is cut into pieces of at most one window, at silences. From one number for each 512 samples, which is
// how likely speech is there (silero_vad.h), or, where there is no such model, how loud it is: first to segments that have
// anything to hear, then to pieces. Pure.
//
// Without a model only what is as good as digital silence is left out, since loudness does not tell quiet speech from
// noise; so every cut is made where it is quietest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace berth::audio {

inline constexpr std::size_t kHopSamples = 512;  // 32 ms

// Samples [begin, end).
struct Piece {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
  bool operator==(const Piece&) const = default;
};

// How segments begin and end, as Silero's published code has it: a segment begins where a level reaches `begin_at`; it
// ends where levels fall below `end_below` for at least `least_silence`. Shorter ones than `least` are dropped, the others
// padded at both ends, neighbours at most to the middle of what is between them.
struct SegmentRules {
  float begin_at = 0.5f;
  float end_below = 0.35f;
  std::chrono::milliseconds least{250};
  std::chrono::milliseconds least_silence{160};
  std::chrono::milliseconds padding{400};
};

// For levels of Loudness(): −66 dB of full scale, beneath the noise of every recording that is not silence by design.
inline constexpr SegmentRules kAudible{1.0f / 2000, 1.0f / 2000, std::chrono::milliseconds(0),
                                       std::chrono::milliseconds(2000), std::chrono::milliseconds(400)};

// The root mean square of each hop, the last one's of what there is; 1 is full scale.
std::vector<float> Loudness(std::span<const std::int16_t> samples);

// `levels`: one for each hop of `samples` samples, the last hop may be a part.
std::vector<Piece> Segments(std::span<const float> levels, std::size_t samples, const SegmentRules& rules);

// Pieces of at most `most` samples (a second at least), in order: a longer segment is cut in the last third of what fits,
// where the levels around are lowest; neighbours that fit together become one piece, with what is between them.
std::vector<Piece> Cut(std::span<const Piece> segments, std::span<const float> levels, std::size_t most);

}  // namespace berth::audio
