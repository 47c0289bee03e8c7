#include "worker/audio/audio_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "tests/unit/audio/audio_files.h"

namespace berth::audio {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& file, AudioLimits limits = {}) {
  const auto samples = ReadAudio(BytesOf(file), limits);
  return samples ? "" : samples.error().message;
}

std::vector<std::int16_t> MustRead(const std::string& file) {
  auto samples = ReadAudio(BytesOf(file));
  EXPECT_TRUE(samples) << (samples ? "" : samples.error().message);
  return samples ? std::move(*samples) : std::vector<std::int16_t>();
}

TEST(ReadAudio, GivesPcmAtSixteenKilohertzAsItIs) {
  const auto samples = Tone(440, 12'345);
  EXPECT_EQ(MustRead(Wav(samples)), samples);
}

TEST(ReadAudio, OneSampleIsAudio) {
  const std::vector<std::int16_t> one{1234};
  EXPECT_EQ(MustRead(Wav(one)), one);
}

TEST(ReadAudio, SilenceIsZeros) {
  const std::vector<std::int16_t> silence(44'100 * 2, 0);
  const auto samples = MustRead(Wav(silence, {.rate = 44'100, .channels = 2}));
  EXPECT_NEAR(static_cast<double>(samples.size()), 16'000, 1);
  EXPECT_TRUE(std::ranges::all_of(samples, [](std::int16_t s) { return s == 0; }));
}

TEST(ReadAudio, StereoIsTheMeanOfItsChannels) {
  std::vector<std::int16_t> both;
  for (int i = 0; i < 1000; ++i) both.insert(both.end(), {8000, 2000});
  for (const std::int16_t s : MustRead(Wav(both, {.channels = 2}))) EXPECT_NEAR(s, 5000, 1);
}

TEST(ReadAudio, WhatIsNoAudioIsRefusedInOneLine) {
  std::mt19937 random(1);
  std::string noise(100'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  const std::string text = "This is a letter, whatever its name says.\n";
  EXPECT_EQ(ErrorOf(""), "the audio file is empty");
  for (const std::string& file : {std::string("\0", 1), text, text + text, noise, std::string(5000, '\0'), Wav({})}) {
    const auto samples = ReadAudio(BytesOf(file));
    ASSERT_FALSE(samples) << file.size();
    EXPECT_EQ(samples.error().kind, ErrorKind::kInvalid) << samples.error().message;
    EXPECT_LT(samples.error().message.size(), 300u);
  }
}

TEST(ReadAudio, NothingBesideTheFileIsOpened) {
  const auto path = std::filesystem::temp_directory_path() / ("berth-audio-" + std::to_string(::getpid()) + ".wav");
  std::ofstream(path, std::ios::binary) << Wav(Tone(440, 16'000));
  const std::string name = path.string();
  EXPECT_NE(ErrorOf("ffconcat version 1.0\nfile '" + name + "'\n"), "");
  EXPECT_NE(ErrorOf("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + name + "\n#EXT-X-ENDLIST\n"), "");
  EXPECT_NE(ErrorOf("<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>" + name + "</BaseURL></MPD>"), "");
  EXPECT_NE(ErrorOf("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n"), "");
  std::filesystem::remove(path);
}

TEST(ReadAudio, APlaylistIsSaidToBeNoAcceptedFormat) {
  EXPECT_THAT(ErrorOf("ffconcat version 1.0\nfile 'a.wav'\n"), HasSubstr("webm) (of a format that is not accepted)"));
}

TEST(ReadAudio, WhatALengthOfItsHeaderClaimsIsNotBelieved) {
  const auto samples = Tone(440, 16'000);
  for (const std::uint32_t claimed : {0xffff'ffffu, 0x7fff'f000u, 1u << 30}) {
    EXPECT_EQ(MustRead(Wav(samples, {.claimed_bytes = claimed})), samples) << claimed;
  }
}

TEST(ReadAudio, TheMostIsCountedInSamplesNotInWhatTheFileSays) {
  const std::string two_seconds = Wav(Tone(440, 32'000));
  EXPECT_EQ(ErrorOf(two_seconds, {std::chrono::seconds(2)}), "");
  const auto refused = ReadAudio(BytesOf(two_seconds), {std::chrono::seconds(1)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than 1 s"));
}

// Sixteen thousand samples of each: a small file could become any number of samples.
TEST(ReadAudio, ARateThatWouldBlowAFileUpIsRefused) {
  EXPECT_NE(ErrorOf(Wav(Tone(440, 16'000), {.rate = 1})), "");
  EXPECT_NE(ErrorOf(Wav(Tone(440, 16'000), {.rate = 2'000'000'000})), "");
}

TEST(AudioReader, PiecesAreTheWhole) {
  const std::string file = Wav(Tone(440, 50'000, 8000, 44'100), {.rate = 44'100});
  const auto whole = MustRead(file);
  auto reader = AudioReader::Open(BytesOf(file));
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->Description(), "wav, pcm_s16le, 44100 Hz, 1 channels");
  std::vector<std::int16_t> pieces;
  std::vector<std::int16_t> piece(777);
  for (;;) {
    const auto count = reader->Read(piece);
    ASSERT_TRUE(count);
    pieces.insert(pieces.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
    if (*count < piece.size()) break;
  }
  EXPECT_EQ(pieces, whole);
  EXPECT_EQ(*reader->Read(piece), 0u);
}

// What Debian's program makes of the same file; nothing when it is not there.
std::vector<std::int16_t> Judged(const std::filesystem::path& path) {
  const std::string command = "ffmpeg -nostdin -v quiet -i '" + path.string() + "' -f s16le -ac 1 -ar 16000 - 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::vector<std::int16_t> samples(1 << 20);
  const std::size_t count = std::fread(samples.data(), 2, samples.size(), pipe);
  const bool done = ::pclose(pipe) == 0;
  samples.resize(done ? count : 0);
  return samples;
}

void ExpectAsJudged(const std::filesystem::path& path) {
  const auto expected = Judged(path);
  const auto samples = MustRead(ReadFile(path));
  ASSERT_FALSE(expected.empty()) << path;
  ASSERT_EQ(samples.size(), expected.size()) << path;
  std::size_t far = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) far += std::abs(samples[i] - expected[i]) > 1;
  EXPECT_LE(static_cast<double>(far), 0.001 * static_cast<double>(samples.size())) << path;
  std::printf("%-40s %8zu samples, %zu further than 1 from ffmpeg's\n", path.filename().c_str(), samples.size(), far);
}

std::int64_t MostResidentKiB() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

bool HasJudge() { return std::system("ffmpeg -version >/dev/null 2>&1") == 0; }

TEST(ReadAudio, SpeechIsWhatFfmpegMakesOfIt) {
  if (!HasJudge()) GTEST_SKIP() << "no ffmpeg";
  const auto speech = TestData() / "speech";
  if (!std::filesystem::exists(speech)) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  for (const char* name : {"jfk.wav", "jfk.flac", "jfk.mp3", "deepspeech/LDC93S1.wav",
                           "deepspeech/LDC93S1_pcms16le_1_8000.wav", "deepspeech/LDC93S1_pcms16le_2_44100.wav",
                           "librispeech/1272-141231-0002.mp3"}) {
    ExpectAsJudged(speech / name);
  }
}

// What a few bytes can become: hours of silence, read in pieces, need no more memory than seconds of it.
TEST(AudioReader, HoursInAFewBytesAreReadWithinLittleMemoryUpToTheLimit) {
  if (!HasJudge()) GTEST_SKIP() << "no ffmpeg";
  const std::string name = std::filesystem::temp_directory_path() / ("berth-audio-" + std::to_string(::getpid()) + ".flac");
  ASSERT_EQ(std::system(("ffmpeg -nostdin -v error -f lavfi -i anullsrc=r=8000:cl=mono -t 4:30:00 " + name).c_str()), 0);
  const std::string file = ReadFile(name);
  std::filesystem::remove(name);
  const std::int64_t before = MostResidentKiB();
  auto reader = AudioReader::Open(BytesOf(file));
  ASSERT_TRUE(reader);
  std::vector<std::int16_t> piece(480'000);
  std::uint64_t read = 0;
  auto count = reader->Read(piece);
  for (; count && *count == piece.size(); count = reader->Read(piece)) read += *count;
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().kind, ErrorKind::kExhausted);
  EXPECT_NEAR(static_cast<double>(read), 4.0 * 3600 * kSampleRate, 480'000);
#ifndef BERTH_SANITIZED
  EXPECT_LT(MostResidentKiB() - before, 16 * 1024);
#endif
}

std::vector<std::filesystem::path> Corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SourceDir() / "tests/fuzz/corpus/audio")) {
    if (entry.path().filename().string().starts_with("tone.")) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

TEST(ReadAudio, EveryFormatIsWhatFfmpegMakesOfIt) {
  if (!HasJudge()) GTEST_SKIP() << "no ffmpeg";
  for (const auto& file : Corpus()) ExpectAsJudged(file);
}

TEST(ReadAudio, AFileThatEndsEarlyIsReadAsFarAsItGoes) {
  for (const auto& path : Corpus()) {
    const std::string file = ReadFile(path);
    const auto whole = MustRead(file);
    for (const double part : {0.9, 0.5, 0.01}) {
      const auto samples = ReadAudio(BytesOf(file.substr(0, static_cast<std::size_t>(part * static_cast<double>(file.size())))));
      if (samples) {
        EXPECT_LE(samples->size(), whole.size() + 4096) << path << " " << part;
      } else {
        EXPECT_EQ(samples.error().kind, ErrorKind::kInvalid) << path << " " << part;
      }
    }
  }
}

TEST(ReadAudio, ATruncatedMp3IsItsBeginning) {
  const std::string file = ReadFile(SourceDir() / "tests/fuzz/corpus/audio/tone.mp3");
  const auto whole = MustRead(file);
  const auto half = MustRead(file.substr(0, file.size() / 2));
  ASSERT_GT(half.size(), whole.size() / 3);
  for (std::size_t i = 0; i < half.size() - 1200; ++i) ASSERT_NEAR(half[i], whole[i], 1) << i;
}

}  // namespace
}  // namespace berth::audio
