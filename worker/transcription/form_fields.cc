#include "worker/transcription/form_fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "worker/text/utf8.h"

namespace berth::transcription {
namespace {

constexpr std::size_t kMostQuoted = 100;

// Of a client's text in a message.
std::string Quote(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text.substr(0, kMostQuoted)) quoted += c >= 0x20 && c < 0x7f ? c : '?';
  return quoted + (text.size() > kMostQuoted ? "…'" : "'");
}

std::string Shown(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

serve::Parsed<FormFields> FormFields::Read(std::string_view content_type, std::string_view body) {
  const auto boundary = http::FormBoundary(content_type);
  if (!boundary) {
    return serve::ApiError{.message = "Send the request as a form: " + boundary.error().message + ".", .code = "invalid_form"};
  }
  http::FormReader reader(*boundary);
  std::vector<http::FormPart> parts;
  http::FormPart part;
  http::FormReader::Step step;
  while ((step = reader.Next(body, &part)) == http::FormReader::Step::kPart) parts.push_back(part);
  if (step == http::FormReader::Step::kEnd) return FormFields(std::move(parts));
  const std::string why = step == http::FormReader::Step::kMore ? "the form ends before its last boundary" : reader.error();
  return serve::ApiError{.message = "The request cannot be read: " + why + ".", .code = "invalid_form"};
}

const http::FormPart* FormFields::Find(std::string_view key) {
  read_.emplace(key);
  const http::FormPart* found = nullptr;
  for (const http::FormPart& part : parts_) {
    if (part.name != key) continue;
    if (found != nullptr) Fail(key, "'" + std::string(key) + "' is there twice.");
    found = &part;
  }
  return found;
}

std::optional<std::string> FormFields::TextOf(const http::FormPart& part) {
  if (part.data.empty()) return std::nullopt;
  if (part.data.size() > kMostFieldBytes) {
    Fail(part.name, Quote(part.name) + " has " + std::to_string(part.data.size()) + " bytes; at most " +
                        std::to_string(kMostFieldBytes) + " are allowed.");
  } else if (!text::IsValidUtf8(part.data)) {
    Fail(part.name, Quote(part.name) + " is not valid UTF-8.");
  } else {
    return std::string(part.data);
  }
  return std::nullopt;
}

std::optional<std::string> FormFields::Text(std::string_view key) {
  const http::FormPart* part = Find(key);
  return part == nullptr ? std::nullopt : TextOf(*part);
}

std::optional<double> FormFields::Number(std::string_view key, double least, double most) {
  const auto text = Text(key);
  if (!text) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error == std::errc() && end == text->data() + text->size() && number >= least && number <= most) return number;
  Fail(key, "'" + std::string(key) + "' must be a number between " + Shown(least) + " and " + Shown(most) + ", not " +
                Quote(*text) + ".");
  return std::nullopt;
}

bool FormFields::Bool(std::string_view key, bool fallback) {
  const auto text = Text(key);
  if (!text) return fallback;
  const std::string word = Lower(*text);
  if (word == "true" || word == "1") return true;
  if (word != "false" && word != "0") Fail(key, "'" + std::string(key) + "' must be true or false, not " + Quote(*text) + ".");
  return false;
}

std::string FormFields::Choice(std::string_view key, std::initializer_list<std::string_view> words) {
  const auto word = Text(key);
  if (!word) return std::string(*words.begin());
  if (std::ranges::find(words, *word) != words.end()) return *word;
  std::string list;
  for (const std::string_view allowed : words) list += (list.empty() ? "" : ", ") + Quote(allowed);
  Fail(key, "'" + std::string(key) + "' must be one of " + list + ", not " + Quote(*word) + ".");
  return std::string(*words.begin());
}

std::vector<std::string> FormFields::List(std::string_view key) {
  const std::string brackets = std::string(key) + "[]";
  read_.emplace(key);
  read_.insert(brackets);
  std::vector<std::string> list;
  for (const http::FormPart& part : parts_) {
    if (part.name != key && part.name != brackets) continue;
    if (auto text = TextOf(part)) list.push_back(std::move(*text));
  }
  return list;
}

std::optional<std::string_view> FormFields::File(std::string_view key) {
  const http::FormPart* part = Find(key);
  return part == nullptr ? std::nullopt : std::optional(part->data);
}

void FormFields::Fail(std::string_view param, std::string message, std::string_view code) {
  if (error_) return;
  error_ = serve::ApiError{400, std::move(message), std::string(param), std::string(code)};
}

std::vector<std::string> FormFields::Unread() const {
  std::set<std::string> unread;
  for (const http::FormPart& part : parts_) {
    if (!read_.contains(part.name)) unread.insert(part.name);
  }
  return {unread.begin(), unread.end()};
}

}  // namespace berth::transcription
