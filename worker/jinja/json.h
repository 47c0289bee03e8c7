// JSON into values, and values into JSON as Python's json.dumps writes it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "worker/jinja/value.h"

namespace berth::jinja {

// Throws TemplateError where it nests too deep or holds more than the heap allows.
Value FromJson(Heap* heap, const nlohmann::ordered_json& json);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // what one level is moved in by; absent: all on one line
  std::string item_separator = ", ";  // "," where there is an indent
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// Not escaped for HTML. Throws for what JSON cannot say: undefined, generators, keys that are neither text nor numbers.
std::string ToJson(Heap& heap, const Value& value, const JsonStyle& style = {});

}  // namespace berth::jinja
