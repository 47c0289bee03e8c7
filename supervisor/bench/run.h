// Runs a workload against a server: a closed loop of so many requests at a time, or an open one whose requests leave
// when they are due, whatever has come back. One io loop on the calling thread; a line of progress a second.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/bench/client.h"
#include "supervisor/bench/sample.h"
#include "supervisor/bench/workload.h"

namespace berth::bench {

enum class Api { kChat, kCompletions, kEmbeddings };

struct RunOptions {
  Target target;
  std::string api_key;
  std::string model;
  Api api = Api::kChat;
  int concurrency = 8;       // at most so many requests at a time; an open loop's further ones wait, and that counts
  Duration timeout{};        // of one request
  bool ignore_eos = false;   // asks for exactly as many tokens as the workload says (vLLM's extension)
  std::uint64_t seed = 0;    // of the prompts
};

// `progress` gets a line each second. SIGINT and SIGTERM end the run early: requests under way are given up, and what was
// measured is returned.
std::vector<Sample> Run(const RunOptions& options, const std::vector<Arrival>& arrivals,
                        const std::function<void(std::string_view)>& progress);

// The body of one request, and where it goes.
std::string BodyOf(const RunOptions& options, const Arrival& arrival, std::uint64_t number);
std::string_view PathOf(Api api);

}  // namespace berth::bench
