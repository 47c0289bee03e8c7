// Typed reading of a request's form, as serve::BodyFields reads JSON: the first mistake sticks, later reads return harmless
// values, and what comes out is an ApiError that names the field. A field of a list may come several times, as `key[]`
// or `key`; any other one once. Lives on the stack of the function that parses a request.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "worker/protocol/multipart.h"
#include "worker/serve/api_error.h"

namespace berth::transcription {

inline constexpr std::size_t kMostFieldBytes = 16 * 1024;  // of what is not a file

class FormFields {
 public:
  // Errors: the form is malformed, or not whole. The parts' data are the body's, which outlives this.
  static serve::Parsed<FormFields> Read(std::string_view content_type, std::string_view body);

  // Whole, unless it is empty: clients send empty fields for what was left open.
  std::optional<std::string> Text(std::string_view key);
  std::optional<double> Number(std::string_view key, double least, double most);
  bool Bool(std::string_view key, bool fallback);
  // One of `words`; the first is the default.
  std::string Choice(std::string_view key, std::initializer_list<std::string_view> words);
  std::vector<std::string> List(std::string_view key);
  // The bytes of the field, whatever they are.
  std::optional<std::string_view> File(std::string_view key);

  void Fail(std::string_view param, std::string message, std::string_view code = {});
  // The form's fields that nobody has asked for; they have no effect.
  std::vector<std::string> Unread() const;

  bool ok() const { return !error_; }
  const serve::ApiError& error() const { return *error_; }

 private:
  explicit FormFields(std::vector<http::FormPart> parts) : parts_(std::move(parts)) {}
  const http::FormPart* Find(std::string_view key);
  std::optional<std::string> TextOf(const http::FormPart& part);

  std::vector<http::FormPart> parts_;
  std::set<std::string, std::less<>> read_;
  std::optional<serve::ApiError> error_;
};

}  // namespace berth::transcription
