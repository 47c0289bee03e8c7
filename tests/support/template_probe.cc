// template-probe: our templates for the test that compares them with Jinja in Python. One JSON object a line comes in on
// stdin, {"source": a template, "variables": an object}; one a line goes out, {"text": …} or {"error": …}. The clock
// stands at 14:05:09 on Friday, 26 July 2024.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "worker/jinja/template.h"

namespace berth {
namespace {

using Json = nlohmann::ordered_json;

std::tm FixedClock() {
  std::tm clock{};
  clock.tm_year = 2024 - 1900;
  clock.tm_mon = 7 - 1;
  clock.tm_mday = 26;
  clock.tm_hour = 14;
  clock.tm_min = 5;
  clock.tm_sec = 9;
  clock.tm_isdst = -1;
  std::mktime(&clock);  // fills in the day of the week and of the year
  return clock;
}

Json Answer(const Json& question, const std::tm& clock) {
  const auto parsed = jinja::Template::Parse(question.at("source").get_ref<const std::string&>(), "template");
  if (!parsed) return {{"error", parsed.error().message}};
  const auto text = parsed->Render(question.at("variables"), clock);
  if (!text) return {{"error", text.error().message}};
  return {{"text", *text}};
}

int Main() {
  const std::tm clock = FixedClock();
  for (std::string line; std::getline(std::cin, line);) {
    std::puts(Answer(Json::parse(line), clock).dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace berth

int main() { return berth::Main(); }
