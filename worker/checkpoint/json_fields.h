// Typed reading of one JSON object's fields. The first mistake sticks and every later read returns a harmless
// value, so that a parser reads all its fields in a row and asks for the error once at the end. Refers to the
// JSON value: lives on the stack of the function that parses it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth::checkpoint {

class JsonFields {
 public:
  // `where` begins every message: "/models/x/config.json", or "…/tokenizer.json: model".
  JsonFields(const nlohmann::json& object, std::string where);

  // null counts as absent: side files written by Python spell "not set" that way.
  const nlohmann::json* Find(std::string_view key) const;

  // Without a fallback an absent field is an error.
  std::int64_t Integer(std::string_view key, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t> fallback = std::nullopt);
  double Number(std::string_view key, double least, double most,
                std::optional<double> fallback = std::nullopt);
  bool Bool(std::string_view key, std::optional<bool> fallback = std::nullopt);
  std::string String(std::string_view key, std::optional<std::string> fallback = std::nullopt);
  // An absent object or array reads as a shared empty one when optional, else as an error.
  const nlohmann::json& Object(std::string_view key, bool required = true);
  const nlohmann::json& Array(std::string_view key, bool required = true);

  // Records a mistake found by the caller; kept only when it is the first. The message gets `where` in front.
  void Fail(const std::string& message);

  bool ok() const { return !error_; }
  const Error& error() const { return *error_; }
  const std::string& where() const { return where_; }

 private:
  const nlohmann::json* Require(std::string_view key, bool required);
  void FailType(std::string_view key, std::string_view expected, const nlohmann::json& found);

  const nlohmann::json& object_;
  std::string where_;
  std::optional<Error> error_;
};

}  // namespace berth::checkpoint
