#include "worker/transcription/formats.h"

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "worker/text/utf8.h"
#include "worker/transcription/languages.h"

namespace berth::transcription {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view Stripped(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Seconds as replies have them: to the millisecond.
double Rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json Usage(double duration) {
  return {{"type", "duration"}, {"seconds", static_cast<std::int64_t>(std::ceil(Rounded(duration)))}};
}

Json SegmentJson(const Segment& segment, std::size_t id) {
  return {{"id", id},
          {"seek", segment.seek},
          {"start", Rounded(segment.start)},
          {"end", Rounded(segment.end)},
          {"text", segment.text},
          {"tokens", segment.tokens},
          {"temperature", segment.temperature},
          {"avg_logprob", segment.avg_logprob},
          {"compression_ratio", segment.compression_ratio},
          {"no_speech_prob", segment.no_speech_prob}};
}

Json WordJson(const Word& word) {
  return {{"word", std::string(Stripped(word.text))}, {"start", Rounded(word.start)}, {"end", Rounded(word.end)}};
}

Json Verbose(const Transcript& transcript, Granularities granularities) {
  Json json = {{"task", transcript.task == Task::kTranslate ? "translate" : "transcribe"},
               {"language", LanguageName(transcript.language)},
               {"duration", Rounded(transcript.duration)},
               {"text", TextOf(transcript)}};
  Json segments = Json::array(), words = Json::array();
  for (std::size_t i = 0; i < transcript.segments.size(); ++i) {
    segments.push_back(SegmentJson(transcript.segments[i], i));
    for (const Word& word : transcript.segments[i].words) words.push_back(WordJson(word));
  }
  if (granularities.segments) json["segments"] = std::move(segments);
  if (granularities.words) json["words"] = std::move(words);
  json["usage"] = Usage(transcript.duration);
  return json;
}

// "01:02:03,004"
std::string Timestamp(double seconds, char decimal) {
  const auto ms = static_cast<long long>(std::llround(std::max(seconds, 0.0) * 1000));
  char text[40];
  std::snprintf(text, sizeof text, "%02lld:%02lld:%02lld%c%03lld", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60,
                decimal, ms % 1000);
  return text;
}

// Text of a cue, which an empty line or an arrow would end; in WebVTT "&" and "<" begin something else.
std::string CueText(std::string_view text, bool vtt) {
  std::string cue;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\r') cue += ' ';
    else if (vtt && c == '&') cue += "&amp;";
    else if (vtt && c == '<') cue += "&lt;";
    else if (c == '>' && cue.ends_with("--")) cue.back() = '>';  // "-->" becomes "->"
    else cue += c;
  }
  return cue;
}

std::string Cues(const Transcript& transcript, bool vtt) {
  std::string cues = vtt ? "WEBVTT\n\n" : "";
  const char decimal = vtt ? '.' : ',';
  int number = 0;
  for (const Segment& segment : transcript.segments) {
    const std::string_view text = Stripped(segment.text);
    if (text.empty()) continue;
    if (!vtt) cues += std::to_string(++number) + "\n";
    cues += Timestamp(segment.start, decimal) + " --> " + Timestamp(segment.end, decimal) + "\n" + CueText(text, vtt) + "\n\n";
  }
  return cues;
}

std::string Repaired(std::string text) {
  std::string storage;
  return std::string(text::Repair(text, storage));
}

std::string Event(const Json& json) { return "data: " + Dump(json) + "\n\n"; }

}  // namespace

std::string_view ContentType(Format format) {
  switch (format) {
    case Format::kText:
    case Format::kSrt: return "text/plain; charset=utf-8";
    case Format::kVtt: return "text/vtt; charset=utf-8";
    default: return "application/json";
  }
}

std::string TextOf(const Transcript& transcript) {
  std::string text;
  for (const Segment& segment : transcript.segments) text += segment.text;
  return std::string(Stripped(text));
}

std::string Write(const Transcript& transcript, Format format, Granularities granularities) {
  switch (format) {
    case Format::kText: return Repaired(TextOf(transcript)) + "\n";
    case Format::kSrt: return Repaired(Cues(transcript, false));
    case Format::kVtt: return Repaired(Cues(transcript, true));
    case Format::kVerboseJson: return Dump(Verbose(transcript, granularities));
    case Format::kJson: break;
  }
  return Dump({{"text", TextOf(transcript)}, {"usage", Usage(transcript.duration)}});
}

std::string TextEvents::Delta(std::string_view text) {
  std::string known = blanks_ + std::string(text);
  if (text_.empty()) known.erase(0, std::min(known.find_first_not_of(kBlanks), known.size()));
  const std::size_t end = known.find_last_not_of(kBlanks) + 1;  // of no such character, 0
  blanks_ = known.substr(end);
  known.resize(end);
  if (known.empty()) return "";
  text_ += known;
  return Event({{"type", "transcript.text.delta"}, {"delta", known}});
}

std::string TextEvents::Done(double duration) {
  return Event({{"type", "transcript.text.done"}, {"text", text_}, {"usage", Usage(duration)}});
}

}  // namespace berth::transcription
