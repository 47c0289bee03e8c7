#include "worker/checkpoint/json_fields.h"

#include <cstdio>
#include <limits>
#include <utility>

namespace berth::checkpoint {
namespace {

using Json = nlohmann::json;

const Json& EmptyObject() {
  static const Json empty = Json::object();
  return empty;
}

const Json& EmptyArray() {
  static const Json empty = Json::array();
  return empty;
}

std::string Quote(std::string_view key) { return std::string("\"").append(key).append("\""); }

// Unsigned JSON integers above 2^63 saturate: every bound that callers give lies below.
std::int64_t Saturate(const Json& value) {
  if (!value.is_number_unsigned()) return value.get<std::int64_t>();
  const auto number = value.get<std::uint64_t>();
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(number < kMost ? number : kMost);
}

// %g keeps 1e-12 readable where std::to_string shows 0.000000.
std::string FormatNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

}  // namespace

JsonFields::JsonFields(const Json& object, std::string where)
    : object_(object.is_object() ? object : EmptyObject()), where_(std::move(where)) {
  if (!object.is_object()) Fail(std::string("is ") + object.type_name() + "; an object { … } is needed");
}

const Json* JsonFields::Find(std::string_view key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const Json* JsonFields::Require(std::string_view key, bool required) {
  const Json* found = Find(key);
  if (found == nullptr && required) Fail(Quote(key) + " is missing");
  return found;
}

void JsonFields::FailType(std::string_view key, std::string_view expected, const Json& found) {
  Fail(Quote(key) + " is " + found.type_name() + "; " + std::string(expected) + " is needed");
}

void JsonFields::Fail(const std::string& message) {
  if (!error_) error_ = Invalid(where_, ": ", message);
}

std::int64_t JsonFields::Integer(std::string_view key, std::int64_t least, std::int64_t most,
                                 std::optional<std::int64_t> fallback) {
  const Json* found = Require(key, !fallback);
  if (found == nullptr) return fallback.value_or(least);
  if (!found->is_number_integer()) return FailType(key, "an integer", *found), least;
  const std::int64_t value = Saturate(*found);
  if (value >= least && value <= most) return value;
  Fail(Quote(key) + " is " + found->dump() + "; it must be from " + std::to_string(least) + " to " +
       std::to_string(most));
  return least;
}

double JsonFields::Number(std::string_view key, double least, double most, std::optional<double> fallback) {
  const Json* found = Require(key, !fallback);
  if (found == nullptr) return fallback.value_or(least);
  if (!found->is_number()) return FailType(key, "a number", *found), least;
  const auto value = found->get<double>();
  if (value >= least && value <= most) return value;
  Fail(Quote(key) + " is " + found->dump() + "; it must be from " + FormatNumber(least) + " to " +
       FormatNumber(most));
  return least;
}

bool JsonFields::Bool(std::string_view key, std::optional<bool> fallback) {
  const Json* found = Require(key, !fallback);
  if (found == nullptr) return fallback.value_or(false);
  if (!found->is_boolean()) return FailType(key, "true or false", *found), false;
  return found->get<bool>();
}

std::string JsonFields::String(std::string_view key, std::optional<std::string> fallback) {
  const Json* found = Require(key, !fallback);
  if (found == nullptr) return std::move(fallback).value_or("");
  if (!found->is_string()) return FailType(key, "a string", *found), "";
  return found->get<std::string>();
}

const Json& JsonFields::Object(std::string_view key, bool required) {
  const Json* found = Require(key, required);
  if (found == nullptr) return EmptyObject();
  if (found->is_object()) return *found;
  FailType(key, "an object { … }", *found);
  return EmptyObject();
}

const Json& JsonFields::Array(std::string_view key, bool required) {
  const Json* found = Require(key, required);
  if (found == nullptr) return EmptyArray();
  if (found->is_array()) return *found;
  FailType(key, "an array [ … ]", *found);
  return EmptyArray();
}

}  // namespace berth::checkpoint
