// A chat template from a stranger, and what it is rendered with: the source, a NUL byte, the variables as JSON (where
// they are none, a conversation stands in). What parses renders the same twice, to UTF-8 within its limits, or ends with
// an error of one line that names the template's.
#include <ctime>
#include <nlohmann/json.hpp>

#include "tests/fuzz/fuzz.h"
#include "worker/jinja/analysis.h"
#include "worker/jinja/template.h"
#include "worker/text/utf8.h"

namespace berth::fuzz {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kConversation =
    R"({"messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Größe?"},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]}],
        "tools": null, "documents": null, "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})";

Json Variables(std::string_view text) {
  Json parsed = Json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : Json::parse(kConversation);
}

void RequireNamesTheLine(const Error& error) {
  RequireReadable(error.message, kMostMessageBytes);
  Require(error.message.starts_with("t, line ") || error.message.starts_with("t: "), "an error names the template's line",
          error.message);
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::string_view source = slices.Until('\0');
  const auto parsed = jinja::Template::Parse(source, "t");
  if (!parsed) return RequireNamesTheLine(parsed.error());
  jinja::LoopsOver(parsed->ast(), "content");
  jinja::SpeaksOf(parsed->ast(), "developer");
  const Json variables = Variables(slices.Rest());
  const jinja::Limits limits{.steps = 200'000, .value_bytes = std::size_t{8} << 20, .output_bytes = std::size_t{1} << 20};
  const std::tm now{};
  const auto text = parsed->Render(variables, now, limits);
  if (!text) return RequireNamesTheLine(text.error());
  Require(text->size() <= limits.output_bytes, "what is written keeps its limit");
  Require(text::IsValidUtf8(*text), "what is written is UTF-8");
  const auto again = parsed->Render(variables, now, limits);
  Require(again && *again == *text, "a template renders the same twice");
}

const Registration kRegistration("template", Run);

}  // namespace
}  // namespace berth::fuzz
