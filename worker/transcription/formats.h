// A transcript in the five formats of OpenAI's API, and as the events of a stream. Pure.
#pragma once

#include <string>
#include <string_view>

#include "worker/transcription/transcript.h"

namespace berth::transcription {

enum class Format { kJson, kText, kSrt, kVtt, kVerboseJson };

// Of the reply's body: JSON is application/json, the others are text.
std::string_view ContentType(Format format);

// What `timestamp_granularities` asks for; both are for verbose_json alone.
struct Granularities {
  bool segments = true;
  bool words = false;
};

// The reply's body. verbose_json has the ten fields of each segment, the language by its English name and, where asked
// for, the words; the usage of both JSONs is the audio's duration in whole seconds, rounded up. Text that is not UTF-8
// is repaired.
std::string Write(const Transcript& transcript, Format format, Granularities granularities = {});

// All of what was said, without blanks around it.
std::string TextOf(const Transcript& transcript);

// The events of a streamed reply: pieces of the text as they become known, and the whole. Pieces together are the
// whole text: blanks that may turn out to be its end are kept back, and those in front of it left out. One request's, used
// by one thread at a time.
class TextEvents {
 public:
  // `text`: what comes next, blank in front included; whole characters. "" when there is nothing to tell yet.
  std::string Delta(std::string_view text);
  std::string Done(double duration);

 private:
  std::string text_;   // told so far
  std::string blanks_;  // kept back
};

}  // namespace berth::transcription
