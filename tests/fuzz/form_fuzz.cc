// A body of type multipart/form-data, with its Content-Type up to the first line end. Cut anywhere it is a beginning or the
// same; parts lie in it in order; written again they read the same. A transcription's request is made of it, or names what
// is wrong.
#include <algorithm>
#include <vector>

#include "supervisor/route/form_model.h"
#include "tests/fuzz/fuzz.h"
#include "worker/protocol/multipart.h"
#include "worker/transcription/transcription_request.h"

namespace berth::fuzz {
namespace {

using http::FormPart;
using http::FormReader;

struct Read {
  std::vector<FormPart> parts;
  FormReader::Step end = FormReader::Step::kMore;
  std::string error;
};

void Go(FormReader& reader, std::string_view body, Read& read) {
  for (FormPart part; (read.end = reader.Next(body, &part)) == FormReader::Step::kPart;) read.parts.push_back(part);
  read.error = reader.error();
}

void CheckSame(const Read& a, const Read& b) {
  Require(a.end == b.end && a.error == b.error, "a body ends the same in any pieces", a.error + "|" + b.error);
  Require(a.parts.size() == b.parts.size(), "no part is lost");
  for (std::size_t i = 0; i < a.parts.size(); ++i) {
    const FormPart &x = a.parts[i], &y = b.parts[i];
    Require(x.name == y.name && x.filename == y.filename && x.data == y.data, "a part is the same in any pieces", x.name);
  }
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += (c == '"' || c == '\\' ? "\\" : "") + std::string(1, c);
  return quoted + "\"";
}

std::string Rewritten(const Read& read, const std::string& boundary) {
  std::string body;
  for (const FormPart& part : read.parts) {
    body += "--" + boundary + "\r\nContent-Disposition: form-data; name=" + Quoted(part.name);
    if (part.filename) body += "; filename=" + Quoted(*part.filename);
    body += "\r\n\r\n" + std::string(part.data) + "\r\n";
  }
  return body + "--" + boundary + "--\r\n";
}

void CheckParts(const Read& read, std::string_view body, const std::string& boundary) {
  const char* from = body.data();
  for (const FormPart& part : read.parts) {
    Require(part.data.data() >= from && part.data.data() + part.data.size() <= body.data() + body.size(), "parts lie in order");
    from = part.data.data() + part.data.size();
    Require(part.data.find("\r\n--" + boundary) == std::string_view::npos, "a part ends at its delimiter");
  }
  if (read.parts.size() > http::kMostFormParts) Require(false, "parts are bounded");
}

// The proxy reads the model and no more, the worker all.
void CheckModel(const std::string& content_type, std::string_view body, const std::string& model) {
  route::FormModel seen(http::FormBoundary(content_type).value());
  seen.Look(body);
  seen.End();
  if (seen.found().error.empty()) Require(model == seen.found().model.value_or(""), "the worker sees the proxy's model", model);
}

void CheckRequest(const std::string& content_type, std::string_view body) {
  for (const auto task : {transcription::Task::kTranscribe, transcription::Task::kTranslate}) {
    const auto request = transcription::ParseTranscription(content_type, body, task);
    if (request) {
      CheckModel(content_type, body, request->model);
      Require(request->file.data() >= body.data() && request->file.data() + request->file.size() <= body.data() + body.size(),
              "the file lies in the body");
      Require(request->temperature >= 0 && request->temperature <= 1, "the temperature is within its bounds");
      Require(request->language.empty() || transcription::FindLanguage(request->language), "the language is one of the table");
      continue;
    }
    Require(request.error().status == 400 && !request.error().message.empty(), "a mistake is a 400 that says what it is");
    Require(request.error().message.size() < 1500, "an error does not repeat the request", request.error().message);
  }
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::string content_type(slices.Until('\n'));
  const std::string_view body = slices.Rest();
  const auto boundary = http::FormBoundary(content_type);
  CheckRequest(content_type, body);
  if (!boundary) return RequireReadable(boundary.error().message, 200);
  Read whole;
  FormReader reader(*boundary);
  Go(reader, body, whole);
  CheckParts(whole, body, *boundary);
  if (whole.end == FormReader::Step::kBad) RequireReadable(whole.error, 200);
  for (const std::size_t cut : Cuts(body.size(), body.size() / 2)) {
    Read pieces;
    FormReader twice(*boundary);
    Go(twice, body.substr(0, cut), pieces);
    if (pieces.end == FormReader::Step::kBad) Require(pieces.error == whole.error, "what is wrong early stays wrong", pieces.error);
    Go(twice, body, pieces);
    CheckSame(pieces, whole);
  }
  if (whole.end != FormReader::Step::kEnd) return;
  const std::string again = Rewritten(whole, *boundary);
  Read read;
  FormReader rewritten(*boundary);
  Go(rewritten, again, read);
  CheckSame(read, whole);
}

const Registration kRegistration("form", Run);

}  // namespace
}  // namespace berth::fuzz
