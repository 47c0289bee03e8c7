// What a benchmark sends, and when: made before the first request leaves, from counts, a rate or a trace. Pure but for
// ReadTrace(), which reads its file; the same options and seed give the same requests everywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"

namespace berth::bench {

struct Arrival {
  std::optional<Duration> at;  // since the start; absent: as soon as a place is free
  int prompt_tokens = 0;       // wished for: words are sent, of about a token each
  int output_tokens = 0;       // at most
  // The prompt is made of pieces of kPieceTokens, each from its number alone, so that requests that share numbers
  // share a prefix. Empty: a prompt like no other.
  std::vector<std::uint64_t> prefix;
};
inline constexpr int kPieceTokens = 512;  // of Mooncake's traces
inline constexpr std::size_t kMostRequests = 1'000'000;

// `count` requests, one after another in each place.
std::vector<Arrival> Steady(std::size_t count, int prompt_tokens, int output_tokens);

// The same as a Poisson process of `rate` requests per second.
std::vector<Arrival> Poisson(std::size_t count, double rate, int prompt_tokens, int output_tokens, std::uint64_t seed);

// A trace: CSV with TIMESTAMP,ContextTokens,GeneratedTokens (Azure's), or JSON lines with timestamp (milliseconds),
// input_length, output_length and hash_ids (Mooncake's). Times begin at 0. Errors name the file and the line.
Result<std::vector<Arrival>> ReadTrace(const std::filesystem::path& path);

struct Scale {
  double speed = 1;   // times are divided by it
  double length = 1;  // lengths are multiplied by it, and are at least 1
  std::size_t most = kMostRequests;
};
void Apply(const Scale& scale, std::vector<Arrival>& arrivals);

// The words of a prompt, separated by blanks.
std::string PromptOf(const Arrival& arrival, std::uint64_t seed);

}  // namespace berth::bench
