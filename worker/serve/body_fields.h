// Typed reading of a request's JSON object. Like checkpoint::JsonFields, the first mistake sticks and later
// reads return harmless values; but what comes out is an ApiError that names the parameter. Lives on the
// stack of the function that parses a request.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "worker/serve/api_error.h"

namespace berth::serve {

// A request body: an object, nested at most 64 deep, without duplicate keys, in valid UTF-8.
Parsed<nlohmann::json> ParseBody(std::string_view text);

// "a string", "an integer", "an array", …: for messages.
std::string_view Describe(const nlohmann::json& value);

class BodyFields {
 public:
  // `body` is an object and outlives this.
  explicit BodyFields(const nlohmann::json& body) : body_(body) {}

  // null counts as absent: typed clients send it for what the caller left open.
  const nlohmann::json* Find(std::string_view key) const;

  bool Bool(std::string_view key, bool fallback);
  std::optional<std::int64_t> Integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<double> Number(std::string_view key, double least, double most);
  std::optional<std::string> String(std::string_view key);
  // One of `words`; the first is the default.
  std::string Choice(std::string_view key, std::initializer_list<std::string_view> words);

  void Fail(std::string_view param, std::string message, std::string_view code = {});
  // "'key' must be <expected>, not an array."
  void FailType(std::string_view key, std::string_view expected, const nlohmann::json& found);

  // The body's keys that nobody has asked for; they have no effect.
  std::vector<std::string> Unread() const;

  const nlohmann::json& body() const { return body_; }
  bool ok() const { return !error_; }
  const ApiError& error() const { return *error_; }

 private:
  const nlohmann::json& body_;
  mutable std::set<std::string, std::less<>> read_;
  std::optional<ApiError> error_;
};

}  // namespace berth::serve
