// Renders a template for a test: its text, or "error: …".
#pragma once

#include <ctime>
#include <nlohmann/json.hpp>
#include <string>

#include "worker/jinja/template.h"

namespace berth::jinja {

inline std::tm Clock() {
  std::tm clock{};
  clock.tm_year = 2024 - 1900;
  clock.tm_mon = 7 - 1;
  clock.tm_mday = 26;
  return clock;
}

inline std::string Rendered(const std::string& source, const std::string& variables = "{}", const Limits& limits = {}) {
  const auto parsed = Template::Parse(source, "t");
  if (!parsed) return "error: " + parsed.error().message;
  const auto text = parsed->Render(nlohmann::ordered_json::parse(variables), Clock(), limits);
  return text ? *text : "error: " + text.error().message;
}

}  // namespace berth::jinja
