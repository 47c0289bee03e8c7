#include "worker/serve/body_fields.h"

#include <algorithm>
#include <utility>

#include "worker/checkpoint/json_file.h"

namespace berth::serve {
namespace {

using nlohmann::json;

std::string Quote(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace

Parsed<json> ParseBody(std::string_view text) {
  if (text.empty()) return ApiError{.message = "The request has no body; send a JSON object."};
  // The size was limited when the body was read.
  auto body = checkpoint::ParseJson(text, "the request body", {.size = {text.size()}, .depth = 64});
  if (!body) return ApiError{.message = body.error().message, .code = "invalid_json"};
  if (!body->is_object()) {
    return ApiError{.message =
                        "The request body must be a JSON object, not " + std::string(Describe(*body)) + "."};
  }
  return Parsed<json>(boost::system::in_place_value, std::move(*body));
}

std::string_view Describe(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "an array";
    case json::value_t::string:
      return "a string";
    case json::value_t::boolean:
      return "a boolean";
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return "an integer";
    case json::value_t::number_float:
      return "a number with a fraction";
    default:
      return "something else";
  }
}

const json* BodyFields::Find(std::string_view key) const {
  read_.emplace(key);
  const auto found = body_.find(key);
  return found == body_.end() || found->is_null() ? nullptr : &*found;
}

bool BodyFields::Bool(std::string_view key, bool fallback) {
  const json* value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) FailType(key, "true or false", *value);
  return value->is_boolean() ? value->get<bool>() : fallback;
}

std::optional<std::int64_t> BodyFields::Integer(std::string_view key, std::int64_t least, std::int64_t most) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    FailType(key, "an integer", *value);
    return std::nullopt;
  }
  const bool beyond = value->is_number_unsigned() && value->get<std::uint64_t>() > INT64_MAX;
  const auto number = value->get<std::int64_t>();
  if (!beyond && number >= least && number <= most) return number;
  Fail(key, Quote(key) + " must be between " + std::to_string(least) + " and " + std::to_string(most) +
                ", not " + value->dump() + ".");
  return std::nullopt;
}

std::optional<double> BodyFields::Number(std::string_view key, double least, double most) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    FailType(key, "a number", *value);
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (number >= least && number <= most) return number;
  Fail(key, Quote(key) + " must be between " + json(least).dump() + " and " + json(most).dump() + ", not " +
                value->dump() + ".");
  return std::nullopt;
}

std::optional<std::string> BodyFields::String(std::string_view key) {
  const json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  FailType(key, "a string", *value);
  return std::nullopt;
}

std::string BodyFields::Choice(std::string_view key, std::initializer_list<std::string_view> words) {
  const auto word = String(key);
  if (!word) return std::string(*words.begin());
  if (std::ranges::find(words, *word) != words.end()) return *word;
  std::string list;
  for (const std::string_view allowed : words) list += (list.empty() ? "" : ", ") + Quote(allowed);
  Fail(key, Quote(key) + " must be one of " + list + ".");
  return std::string(*words.begin());
}

void BodyFields::Fail(std::string_view param, std::string message, std::string_view code) {
  if (error_) return;
  error_ = ApiError{400, std::move(message), std::string(param), std::string(code)};
}

std::vector<std::string> BodyFields::Unread() const {
  std::vector<std::string> unread;
  for (const auto& [key, value] : body_.items()) {
    if (!read_.contains(key)) unread.push_back(key);
  }
  return unread;
}

void BodyFields::FailType(std::string_view key, std::string_view expected, const json& found) {
  Fail(key, Quote(key) + " must be " + std::string(expected) + ", not " + std::string(Describe(found)) + ".");
}

}  // namespace berth::serve
