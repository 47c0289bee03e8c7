// Audio files for tests: made here byte by byte, or of the test data, or of the fuzzer's corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <cmath>
#include <sstream>
#include <span>
#include <string>
#include <vector>

namespace berth::audio {

inline std::span<const std::byte> BytesOf(const std::string& text) { return std::as_bytes(std::span(text)); }

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

inline std::filesystem::path SourceDir() { return std::getenv("BERTH_SOURCE_DIR"); }

inline std::filesystem::path TestData() {
  const char* set = std::getenv("BERTH_TEST_DATA");
  return set != nullptr ? std::filesystem::path(set) : SourceDir() / "../shared/data";
}

template <class T>
void AppendLittle(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

struct WavFormat {
  int rate = 16'000;
  int channels = 1;
  std::uint32_t claimed_bytes = 0;  // what the header says of the data's size; 0: the truth
};

// 16-bit PCM, channels interleaved.
inline std::string Wav(std::span<const std::int16_t> samples, WavFormat format = {}) {
  const auto size = static_cast<std::uint32_t>(samples.size_bytes());
  const std::uint32_t claimed = format.claimed_bytes != 0 ? format.claimed_bytes : size;
  const auto frame = static_cast<std::uint16_t>(2 * format.channels);
  std::string wav = "RIFF";
  AppendLittle(wav, claimed + 36);
  wav += "WAVEfmt ";
  AppendLittle(wav, std::uint32_t{16});
  AppendLittle(wav, std::uint16_t{1});
  AppendLittle(wav, static_cast<std::uint16_t>(format.channels));
  AppendLittle(wav, static_cast<std::uint32_t>(format.rate));
  AppendLittle(wav, static_cast<std::uint32_t>(format.rate) * frame);
  AppendLittle(wav, frame);
  AppendLittle(wav, std::uint16_t{16});
  wav += "data";
  AppendLittle(wav, claimed);
  return wav.append(reinterpret_cast<const char*>(samples.data()), size);
}

inline std::vector<std::int16_t> Tone(double hertz, std::size_t count, double amplitude = 8000, int rate = 16'000) {
  std::vector<std::int16_t> samples(count);
  for (std::size_t i = 0; i < count; ++i) {
    samples[i] = static_cast<std::int16_t>(
        std::lround(amplitude * std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate)));
  }
  return samples;
}

}  // namespace berth::audio
