// The proxy's scan of a body for "model" and "timeout_ms", beside nlohmann::json, which reads the same body in the
// worker: both see the same model, or one of them refuses the request.
#include <nlohmann/json.hpp>

#include "supervisor/route/body_model.h"
#include "supervisor/route/heads.h"
#include "tests/fuzz/fuzz.h"

namespace berth::fuzz {
namespace {

using nlohmann::json;

// A JSON text as the worker's parser sees it: its tree and nesting, how often the top level has the two members.
class Reader : public nlohmann::json_sax<json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& key) override {
    if (depth_ == 1 && key == "model") ++models;
    if (depth_ == 1 && key == "timeout_ms") ++timeouts;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& exception) override {
    error = exception.what();
    return false;
  }

  int deepest = 0;
  int models = 0;
  int timeouts = 0;
  std::string error;

 private:
  bool Open() {
    deepest = std::max(deepest, ++depth_);
    return true;
  }
  bool Close() {
    --depth_;
    return true;
  }
  int depth_ = 0;
};

bool IsTimeout(const json& value) {
  if (value.is_null()) return true;
  return value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 &&
         value.get<std::uint64_t>() <= static_cast<std::uint64_t>(route::kMaxDeadlineMs);
}

// What the scan refuses though it is JSON: the table of its strictness.
std::string WhyStricter(const Reader& reader, const json& body, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) return "a byte order mark";
  if (text.find('\0') != std::string_view::npos) return "a NUL, where nlohmann's parser stops to read";
  if (!body.is_object()) return "not an object";
  if (reader.deepest > route::kMaxJsonDepth) return "too deep";
  if (reader.models > 1) return "two models";
  if (reader.timeouts > 1) return "two timeouts";
  if (body.contains("model") && !body.at("model").is_string()) return "a model that is no string";
  if (body.contains("timeout_ms") && !IsTimeout(body.at("timeout_ms"))) return "a timeout that is none";
  return "";
}

// What the scan lets through and the worker then refuses: it looks neither at UTF-8 nor at the size of numbers.
bool IsLeftToTheWorker(const std::string& error) {
  for (const char* reason : {"ill-formed UTF-8", "surrogate", "number overflow", "out_of_range.406"}) {
    if (error.find(reason) != std::string::npos) return true;
  }
  return false;
}

void RequireSameAnswer(const route::BodyModel& read, const json& body) {
  const bool has_model = body.contains("model");
  Require(read.model.has_value() == has_model, "both readers find a model, or neither does");
  if (has_model) Require(*read.model == body.at("model").get<std::string>(), "both readers find the same model");
  const bool has_timeout = body.contains("timeout_ms") && !body.at("timeout_ms").is_null();
  Require(read.timeout_ms.has_value() == has_timeout, "both readers find a timeout, or neither does");
  if (has_timeout) {
    Require(*read.timeout_ms == body.at("timeout_ms").get<std::int64_t>(), "both readers find the same timeout");
  }
}

void Run(std::string_view text) {
  const route::BodyModel read = route::ReadBodyModel(text);
  if (!read.error.empty()) RequireReadable(read.error, 300);
  Reader reader;
  const bool valid = json::sax_parse(text, &reader);
  if (!valid) {
    Require(!read.error.empty() || IsLeftToTheWorker(reader.error), "what is no JSON is refused", reader.error);
    return;
  }
  if (reader.deepest > route::kMaxJsonDepth) {  // the tree's destructor would recurse as deep
    Require(!read.error.empty(), "deep nesting is refused");
    return;
  }
  const json body = json::parse(text);
  const std::string why = WhyStricter(reader, body, text);
  Require(read.error.empty() == why.empty(), "refused exactly for one of the reasons in the table",
          why + " / " + read.error);
  if (why.empty()) RequireSameAnswer(read, body);
}

const Registration kRegistration("body_model", Run);

}  // namespace
}  // namespace berth::fuzz
