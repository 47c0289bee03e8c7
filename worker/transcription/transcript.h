// What was heard, as replies tell it. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace berth::transcription {

struct Word {
  std::string text;   // with the blank before it, if there is one
  double start = 0;   // seconds from the file's beginning
  double end = 0;
  double probability = 0;
};

// One segment as openai/whisper cuts them: between two timestamps of the model.
struct Segment {
  std::int64_t seek = 0;  // first frame of 10 ms of the window that it was heard in
  double start = 0;       // seconds from the file's beginning
  double end = 0;
  std::string text;       // as the tokens are spelled, blank in front included
  std::vector<std::int32_t> tokens;
  double temperature = 0;
  double avg_logprob = 0;
  double compression_ratio = 0;
  double no_speech_prob = 0;
  std::vector<Word> words;  // where they were asked for
};

enum class Task { kTranscribe, kTranslate };

struct Transcript {
  Task task = Task::kTranscribe;
  std::string language;  // code
  double duration = 0;   // of the audio, seconds
  std::vector<Segment> segments;
};

}  // namespace berth::transcription
