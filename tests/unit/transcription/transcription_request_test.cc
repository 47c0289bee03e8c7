#include "worker/transcription/transcription_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::transcription {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kType = "multipart/form-data; boundary=b";

std::string Form(const Fields& fields) {
  std::string body;
  for (const auto& [name, data] : fields) {
    body += "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n";
  }
  return body + "--b--\r\n";
}

// With a file in front of the fields.
std::string With(Fields fields) {
  fields.insert(fields.begin(), {"file", "RIFF"});
  return Form(fields);
}

struct Refusal {
  std::string param;
  std::string message;
};

Refusal RefusalOf(const std::string& body, const char* type = kType) {
  const auto request = ParseTranscription(type, body, Task::kTranscribe);
  if (request) return {"accepted", "accepted"};
  EXPECT_EQ(request.error().status, 400);
  return {request.error().param, request.error().message};
}

TEST(ParseTranscription, TakesTheFileAndDefaults) {
  const std::string body = Form({{"file", std::string("\0\r\n--", 5)}, {"model", "whisper"}});
  const auto request = ParseTranscription(kType, body, Task::kTranslate).value();
  EXPECT_EQ(request.task, Task::kTranslate);
  EXPECT_EQ(request.file, std::string_view("\0\r\n--", 5));
  EXPECT_EQ(request.model, "whisper");
  EXPECT_EQ(request.language, "");
  EXPECT_EQ(request.format, Format::kJson);
  EXPECT_TRUE(request.granularities.segments);
  EXPECT_FALSE(request.granularities.words);
  EXPECT_EQ(request.temperature, 0);
  EXPECT_FALSE(request.stream);
}

TEST(ParseTranscription, TakesEveryField) {
  const std::string body = With({{"language", "German"}, {"prompt", "Größe"}, {"hotwords", "Berth"}, {"response_format", "verbose_json"},
                                 {"temperature", "0.4"}, {"timestamp_granularities[]", "word"},
                                 {"timestamp_granularities", "segment"}, {"stream", "false"}, {"chunking_strategy", "auto"},
                                 {"user", "me"}, {"colour", "blue"}});
  const auto request = ParseTranscription(kType, body, Task::kTranscribe).value();
  EXPECT_EQ(request.language, "de");
  EXPECT_EQ(request.prompt, "Größe");
  EXPECT_EQ(request.hotwords, "Berth");
  EXPECT_EQ(request.format, Format::kVerboseJson);
  EXPECT_EQ(request.temperature, 0.4);
  EXPECT_TRUE(request.granularities.segments && request.granularities.words);
  EXPECT_THAT(request.unread, ElementsAre("colour"));
}

TEST(ParseTranscription, GranularitiesInBothSpellings) {
  for (const char* key : {"timestamp_granularities", "timestamp_granularities[]"}) {
    const std::string body = With({{"response_format", "verbose_json"}, {key, "word"}});
    const auto request = ParseTranscription(kType, body, Task::kTranscribe).value();
    EXPECT_TRUE(request.granularities.words) << key;
    EXPECT_FALSE(request.granularities.segments) << key;
  }
}

TEST(ParseTranscription, EmptyFieldsAreLeftOut) {
  const std::string body = With({{"language", ""}, {"temperature", ""}, {"response_format", ""}, {"stream", ""}, {"include", ""}});
  EXPECT_TRUE(ParseTranscription(kType, body, Task::kTranscribe));
}

TEST(ParseTranscription, StreamsTextAlone) {
  EXPECT_TRUE(ParseTranscription(kType, With({{"stream", "True"}}), Task::kTranscribe).value().stream);
  EXPECT_TRUE(ParseTranscription(kType, With({{"stream", "1"}, {"response_format", "text"}}), Task::kTranscribe).value().stream);
  EXPECT_EQ(RefusalOf(With({{"stream", "true"}, {"response_format", "srt"}})).param, "stream");
}

TEST(ParseTranscription, EveryMistakeNamesItsField) {
  const std::vector<std::tuple<std::string, std::string, std::string>> bad{
      {Form({{"model", "m"}}), "file", "required"},
      {Form({{"file", ""}}), "file", "empty"},
      {With({{"file", "again"}}), "file", "twice"},
      {With({{"model", "a"}, {"model", "b"}}), "model", "twice"},
      {With({{"language", "klingon"}}), "language", "ISO 639-1"},
      {With({{"response_format", "diarized_json"}}), "response_format", "'verbose_json', not 'diarized_json'"},
      {With({{"temperature", "1.5"}}), "temperature", "between 0 and 1, not '1.5'"},
      {With({{"temperature", "nan"}}), "temperature", "between 0 and 1"},
      {With({{"temperature", "0.5x"}}), "temperature", "between 0 and 1"},
      {With({{"stream", "yes"}}), "stream", "true or false, not 'yes'"},
      {With({{"timestamp_granularities[]", "word"}}), "timestamp_granularities", "verbose_json"},
      {With({{"response_format", "verbose_json"}, {"timestamp_granularities[]", "char"}}), "timestamp_granularities", "'segment'"},
      {With({{"prompt", "\xff"}}), "prompt", "UTF-8"},
      {With({{"prompt", std::string(20'000, 'a')}}), "prompt", "at most 16384"},
      {With({{"timeout_ms", "100"}}), "timeout_ms", "X-Deadline-Ms"},
      {With({{"include[]", "logprobs"}}), "include", "not supported"},
      {With({{"chunking_strategy", "{\"type\":\"server_vad\"}"}}), "chunking_strategy", "must be auto"},
  };
  for (const auto& [body, param, message] : bad) {
    const Refusal refusal = RefusalOf(body);
    EXPECT_EQ(refusal.param, param) << refusal.message;
    EXPECT_THAT(refusal.message, HasSubstr(message));
  }
}

TEST(ParseTranscription, WhatIsNoWholeFormIsRefused) {
  const std::string body = With({{"model", "m"}});
  EXPECT_THAT(RefusalOf(body, "application/json").message, HasSubstr("multipart/form-data"));
  EXPECT_THAT(RefusalOf(body, "multipart/form-data").message, HasSubstr("names no boundary"));
  EXPECT_THAT(RefusalOf(body.substr(0, body.size() - 10)).message, HasSubstr("ends before its last boundary"));
  EXPECT_THAT(RefusalOf("x" + body).message, HasSubstr("does not begin with its boundary"));
}

}  // namespace
}  // namespace berth::transcription
