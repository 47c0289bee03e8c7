// Audio as clients send it (wav, flac, mp3, m4a, ogg, webm and what else is in the table of audio_reader.cc), from memory
// to what speech models hear: 16 kHz, one channel, 16 bits. Decoded piece by piece as the caller asks for samples, so
// that hours of audio need no more memory than minutes. The samples are those of `ffmpeg -f s16le -ac 1 -ar 16000`.
//
// FFmpeg's libraries do the work, in audio_reader.cc alone. The format is told by the content, never by a name, and must
// be in the table; a file opens nothing beside itself: no protocol, no playlist, no external track. Nothing is logged;
// what FFmpeg complains of becomes part of the error. One thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::audio {

inline constexpr int kSampleRate = 16'000;  // of what is read, one channel

struct AudioLimits {
  std::chrono::seconds longest = std::chrono::hours(4);  // of the audio, whatever its file says of itself
};

// Errors, of all functions: kInvalid, the file is empty, of no known format, broken beyond its first sample, or without
// audio; kExhausted, it lasts longer than `longest`; kUnavailable, there is no memory for it.
class AudioReader {
 public:
  // `file` outlives the reader.
  static Result<AudioReader> Open(std::span<const std::byte> file, AudioLimits limits = {});
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;
  ~AudioReader();

  // Fills `samples` from the front and returns how many there were: fewer than asked for at the audio's end alone, and 0
  // behind it. A file that ends early, or has broken pieces, is what could be read of it; one of which nothing could is
  // an error.
  Result<std::size_t> Read(std::span<std::int16_t> samples);

  // "wav, pcm_s16le, 44100 Hz, 2 channels": for logs.
  std::string Description() const;

 private:
  class Decoder;
  explicit AudioReader(std::unique_ptr<Decoder> decoder);

  std::unique_ptr<Decoder> decoder_;
};

// All of it at once: 32 kB for each second.
Result<std::vector<std::int16_t>> ReadAudio(std::span<const std::byte> file, AudioLimits limits = {});

}  // namespace berth::audio
