#include "worker/transcription/transcription_request.h"

#include <array>
#include <utility>

#include "worker/transcription/form_fields.h"

namespace berth::transcription {
namespace {

struct FormatRow {
  std::string_view word;
  Format format;
};
constexpr std::array kFormats{FormatRow{"json", Format::kJson}, FormatRow{"text", Format::kText}, FormatRow{"srt", Format::kSrt},
                              FormatRow{"vtt", Format::kVtt}, FormatRow{"verbose_json", Format::kVerboseJson}};

// What would change the reply, and is not there; and what clients send without expecting any effect here.
constexpr const char* kRefused[] = {"include", "known_speaker_names", "known_speaker_references", "keywords", "languages"};
constexpr const char* kWithoutEffect[] = {"user", "store", "metadata"};

void ReadFile(FormFields& fields, TranscriptionRequest& request) {
  const auto file = fields.File("file");
  if (!file) return fields.Fail("file", "'file' is required: the audio.", "missing_required_parameter");
  if (file->empty()) return fields.Fail("file", "'file' is empty; send the audio's bytes.", "invalid_audio");
  request.file = *file;
}

void ReadLanguage(FormFields& fields, TranscriptionRequest& request) {
  const auto text = fields.Text("language");
  if (!text || *text == "auto") return;
  const Language* language = FindLanguage(*text);
  if (language == nullptr) {
    return fields.Fail("language", "'language' must be a language's code (ISO 639-1, such as 'en') or English name (such as "
                                   "'english'); left out, it is found out.");
  }
  request.language = language->code;
}

void ReadFormat(FormFields& fields, TranscriptionRequest& request) {
  const std::string word = fields.Choice("response_format", {"json", "text", "srt", "vtt", "verbose_json"});
  for (const FormatRow& row : kFormats) {
    if (row.word == word) request.format = row.format;
  }
}

// Without any, segments; with one alone, that one.
void ReadGranularities(FormFields& fields, TranscriptionRequest& request) {
  const auto list = fields.List("timestamp_granularities");
  if (list.empty()) return;
  request.granularities = {false, false};
  for (const std::string& word : list) {
    if (word == "segment") request.granularities.segments = true;
    else if (word == "word") request.granularities.words = true;
    else return fields.Fail("timestamp_granularities", "'timestamp_granularities' must be 'segment', 'word' or both.");
  }
  if (request.format != Format::kVerboseJson) {
    fields.Fail("timestamp_granularities",
                "'timestamp_granularities' needs 'response_format' verbose_json, which alone has them.");
  }
}

void ReadStream(FormFields& fields, TranscriptionRequest& request) {
  request.stream = fields.Bool("stream", false);
  if (request.stream && request.format != Format::kJson && request.format != Format::kText) {
    fields.Fail("stream", "'stream' sends the text alone; use it with 'response_format' json or text.");
  }
}

void RefuseFields(FormFields& fields) {
  for (const char* key : kRefused) {
    if (fields.List(key).empty()) continue;
    fields.Fail(key, "'" + std::string(key) + "' is not supported; leave it out.", "unsupported_parameter");
  }
  if (fields.Text("timeout_ms")) {
    fields.Fail("timeout_ms", "'timeout_ms' is for JSON bodies; a form's deadline is the header X-Deadline-Ms.", "unsupported_parameter");
  }
  const auto chunking = fields.Text("chunking_strategy");
  if (chunking && *chunking != "auto") {
    fields.Fail("chunking_strategy", "'chunking_strategy' must be auto; where audio is cut is the server's choice.",
                "unsupported_parameter");
  }
  for (const char* key : kWithoutEffect) static_cast<void>(fields.Text(key));
}

}  // namespace

serve::Parsed<TranscriptionRequest> ParseTranscription(std::string_view content_type, std::string_view body, Task task) {
  auto fields = FormFields::Read(content_type, body);
  if (!fields) return fields.error();
  TranscriptionRequest request;
  request.task = task;
  request.model = fields->Text("model").value_or("");
  ReadFile(*fields, request);
  ReadLanguage(*fields, request);
  ReadFormat(*fields, request);
  ReadGranularities(*fields, request);
  ReadStream(*fields, request);
  request.prompt = fields->Text("prompt").value_or("");
  request.hotwords = fields->Text("hotwords").value_or("");
  request.temperature = fields->Number("temperature", 0, 1).value_or(0);
  RefuseFields(*fields);
  if (!fields->ok()) return fields->error();
  request.unread = fields->Unread();
  return request;
}

}  // namespace berth::transcription
