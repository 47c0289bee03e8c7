// `berth estimate`: the memory that one replica of a model will need, part by part, without a plan and without a
// daemon.
#pragma once

#include <filesystem>
#include <optional>

namespace berth::cli {

// What a model's keys of a plan would say; left out: their defaults.
struct EstimateAsked {
  std::filesystem::path source;
  std::optional<int> max_tokens;
  std::optional<int> threads;
};

// Prints the table of parts, or with `json` one object: "source", "kind" (as config.json's architecture tells),
// "max_tokens", "threads" and what placement::ToJson() says. Exit codes: 0; 1
// when the model cannot be read or not be estimated, with the reason on standard error.
int EstimateCommand(const EstimateAsked& asked, bool json);

}  // namespace berth::cli
