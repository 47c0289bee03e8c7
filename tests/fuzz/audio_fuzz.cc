// An audio file from a stranger; its length chooses how many samples are asked for at once. What is read is within
// the limit, the same in any pieces, and the same again; what is not is refused for a reason that somebody can read.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "worker/audio/audio_reader.h"

namespace berth::fuzz {
namespace {

constexpr audio::AudioLimits kLimits{std::chrono::seconds(20)};

using Samples = std::vector<std::int16_t>;

void CheckError(const Error& error) {
  RequireReadable(error.message, 400);
  Require(error.kind == ErrorKind::kInvalid || error.kind == ErrorKind::kExhausted || error.kind == ErrorKind::kUnavailable,
          "a file is wrong, or too long, or there is no memory for it", error.message);
}

Result<Samples> ReadInPieces(std::span<const std::byte> file, std::size_t piece) {
  auto reader = audio::AudioReader::Open(file, kLimits);
  if (!reader) return reader.error();
  Require(!reader->Description().empty(), "an open file can be described");
  Samples all;
  Samples samples(piece);
  for (std::size_t count = piece; count == piece;) {
    const auto read = reader->Read(samples);
    if (!read) return read.error();
    count = *read;
    Require(count <= piece, "no more is read than was asked for");
    all.insert(all.end(), samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

void Run(std::string_view input) {
  const std::size_t piece = 1 + 97 * (input.size() % 256);
  const auto file = std::as_bytes(std::span(input));
  const auto whole = audio::ReadAudio(file, kLimits);
  const auto pieces = ReadInPieces(file, piece);
  Require(whole.has_value() == pieces.has_value(), "a file is audio however it is read");
  if (!whole) return CheckError(whole.error());
  Require(*whole == *pieces, "pieces are the whole");
  Require(!whole->empty(), "audio has a sample");
  Require(whole->size() <= std::size_t{20} * audio::kSampleRate, "no more than the limit is read");
}

const Registration kRegistration("audio", Run);

}  // namespace
}  // namespace berth::fuzz
