#include "worker/transcription/recording.h"

#include <algorithm>

#include "worker/audio/audio_reader.h"
#include "worker/audio/pieces.h"

namespace berth::transcription {
namespace {

// Decoded at once: 30 s.
constexpr std::size_t kChunk = 30 * audio::kSampleRate;

}  // namespace

Result<std::shared_ptr<const Recording>> Recording::Read(std::span<const std::byte> file, engine::Budget& budget) {
  auto reader = audio::AudioReader::Open(file);
  if (!reader) return reader.error();
  auto recording = std::make_shared<Recording>();
  auto& samples = recording->samples_;
  for (std::size_t read = kChunk; read == kChunk;) {
    const std::size_t before = samples.size();
    const std::uint64_t bytes = (std::max(samples.capacity(), before + kChunk)) * sizeof(std::int16_t);
    if (!recording->charge_.Hold(budget, bytes)) return MakeError(ErrorKind::kUnavailable, budget.Refusal(bytes));
    samples.resize(before + kChunk);
    const auto got = reader->Read(std::span(samples).subspan(before));
    if (!got) return got.error();
    read = *got;
    samples.resize(before + read);
  }
  return std::shared_ptr<const Recording>(std::move(recording));
}

double Recording::seconds() const { return static_cast<double>(samples_.size()) / audio::kSampleRate; }

std::int64_t Recording::frames() const {
  return static_cast<std::int64_t>((samples_.size() + audio::kHop - 1) / audio::kHop);
}

std::vector<speech::Piece> Recording::Pieces(std::int64_t window_frames) const {
  const auto levels = audio::Loudness(samples_);
  const auto segments = audio::Segments(levels, samples_.size(), audio::kAudible);
  // A piece begins with a frame; that takes less than one.
  const auto most = static_cast<std::size_t>(window_frames - 1) * audio::kHop;
  std::vector<speech::Piece> pieces;
  for (const audio::Piece& piece : audio::Cut(segments, levels, most)) {
    const auto first = static_cast<std::int64_t>(piece.begin / audio::kHop);
    const auto end = static_cast<std::int64_t>((piece.end + audio::kHop - 1) / audio::kHop);
    pieces.push_back({first, std::clamp<std::int64_t>(end - first, 1, window_frames)});
  }
  return pieces;
}

void Recording::Features(const audio::LogMel& mel, const speech::Piece& piece, std::span<float> out) const {
  const std::size_t begin = std::min(samples_.size(), static_cast<std::size_t>(piece.first_frame) * audio::kHop);
  const std::size_t count = std::min(samples_.size() - begin, static_cast<std::size_t>(piece.frames) * audio::kHop);
  const auto features = mel.Window(std::span(samples_).subspan(begin, count), out.size() / static_cast<std::size_t>(mel.bins()));
  std::ranges::copy(features, out.begin());
}

}  // namespace berth::transcription
