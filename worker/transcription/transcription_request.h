// The body of POST /v1/audio/transcriptions and /v1/audio/translations, from a form to values: every field checked, each
// mistake a 400 that names it. Fields are OpenAI's, and `hotwords` faster-whisper's. Pure; the audio is not looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/serve/api_error.h"
#include "worker/transcription/formats.h"
#include "worker/transcription/languages.h"

namespace berth::transcription {

struct TranscriptionRequest {
  Task task = Task::kTranscribe;
  std::string model;          // as the form names it; may be empty
  std::string_view file;      // of the body; not empty
  std::string language;       // what is spoken, a code of the table; empty: to be found out
  std::string prompt;         // the text before the audio
  std::string hotwords;       // words that may come
  Format format = Format::kJson;
  Granularities granularities;
  double temperature = 0;     // 0: greedy or by beams first, and warmer where that fails
  bool stream = false;
  std::vector<std::string> unread;  // fields of the form that have no effect
};

// `content_type`: of the request. What is returned refers to `body`.
serve::Parsed<TranscriptionRequest> ParseTranscription(std::string_view content_type, std::string_view body, Task task);

}  // namespace berth::transcription
