#include "supervisor/cli/estimate.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "config/keys.h"
#include "supervisor/base/exit_code.h"
#include "supervisor/placement/estimate.h"

namespace berth::cli {
namespace {

using Json = nlohmann::ordered_json;

// The default of a key as the plan's table has it.
std::string Preset(std::string_view path) {
  return std::string(std::ranges::find(config::Keys(), path, &config::Key::path)->preset);
}

placement::EstimateInput InputOf(const EstimateAsked& asked) {
  placement::EstimateInput input;
  input.kind = placement::KindOf(asked.source);
  input.source = asked.source;
  input.max_tokens = asked.max_tokens.value_or(config::DefaultBatchTokens(input.kind));
  input.threads = asked.threads.value_or(std::stoi(Preset("models.*.threads")));
  input.llm.max_sequences = std::stoi(Preset("models.*.max_sequences"));
  input.max_body = *ParseBytes(Preset("server.max_body"));
  return input;
}

void Print(const placement::EstimateInput& input, const placement::Estimate& estimate, bool json) {
  std::string text = placement::Format(estimate);
  if (json) {
    Json object{{"source", input.source.string()},
                {"kind", config::Name(input.kind)},
                {"max_tokens", input.max_tokens},
                {"threads", input.threads}};
    object.update(placement::ToJson(estimate));
    text = object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int EstimateCommand(const EstimateAsked& asked, bool json) {
  const placement::EstimateInput input = InputOf(asked);
  const auto estimate = placement::EstimateReplica(input);
  if (!estimate) {
    std::fprintf(stderr, "berth: %s\n", estimate.error().message.c_str());
    return Code(Exit::kFailed);
  }
  Print(input, *estimate, json);
  return Code(Exit::kOk);
}

}  // namespace berth::cli
