// What was measured of one request, and of all of them. Values; summaries are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/duration.h"

namespace berth::bench {

// One request, from the moment at which it should have left: an open loop that falls behind is slow, too.
struct Sample {
  Duration began{};                    // since the start of the run
  std::optional<Duration> first;       // to the first token; of embeddings none
  std::vector<Duration> gaps;          // between the tokens that followed, as they arrived
  Duration total{};                    // to the end
  std::int64_t prompt_tokens = 0;      // as the server counts them; 0: it did not say
  std::int64_t output_tokens = 0;      // as the server counts them, else pieces of the stream
  std::string error;                   // "429 queue_full", "connection refused", …; empty: it went well
};

struct Percentiles {
  std::size_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, most = 0;  // seconds
};
// Nearest rank. Empty: all zero.
Percentiles PercentilesOf(std::vector<double> values);

struct Summary {
  std::size_t requests = 0;
  std::map<std::string, std::size_t> errors;  // by what went wrong
  double seconds = 0;                         // from the first request to the last reply
  double requests_per_s = 0;                  // that went well
  double prompt_tokens_per_s = 0;
  double output_tokens_per_s = 0;
  Percentiles first, gap, per_token, total;   // per_token: after the first, per request

  std::size_t failed() const;
};
Summary Summarise(const std::vector<Sample>& samples);

// The summary as a person reads it.
std::string Format(const Summary& summary);
nlohmann::ordered_json ToJson(const Summary& summary);

// An SVG: how the times are distributed, and what was done in each part of the run.
std::string Picture(const std::vector<Sample>& samples, std::string_view title);

}  // namespace berth::bench
