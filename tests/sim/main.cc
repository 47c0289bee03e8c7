// berth-sim: runs seeds of the simulation. A seed whose story breaks a promise is printed with the promise, and
// tells the story again by `--seed N --trace`.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/simulation.h"

namespace {

constexpr std::string_view kUsage =
    "usage: berth-sim [--seed N [--trace]] [--seeds COUNT [--from N]] [--kept FILE]\n"
    "  --seed N      runs one seed; --trace prints its story\n"
    "  --seeds COUNT runs so many seeds, from --from (default 1) on\n"
    "  --kept FILE   runs the seeds of a file first: one a line, # begins a comment\n";

struct Options {
  std::optional<std::uint64_t> seed;
  std::uint64_t seeds = 0, from = 1;
  bool trace = false;
  std::string kept;
};

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

std::optional<Options> Parse(const std::vector<std::string_view>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--trace") {
      options.trace = true;
      continue;
    }
    if (i + 1 == arguments.size()) return {};
    const std::string_view name = arguments[i], value = arguments[++i];
    const auto number = Number(value);
    if (name == "--kept") {
      options.kept = value;
      continue;
    }
    if (!number) return {};
    if (name == "--seed") options.seed = number;
    else if (name == "--seeds") options.seeds = *number;
    else if (name == "--from") options.from = *number;
    else return {};
  }
  return options;
}

struct Totals {
  std::uint64_t seeds = 0, events = 0, answered = 0, lost = 0, broken = 0;
};

void RunSeed(std::uint64_t seed, bool trace, Totals& totals) {
  berth::sim::Simulation simulation(seed, trace ? &std::cout : nullptr);
  const std::string broken = simulation.Run();
  ++totals.seeds;
  totals.events += simulation.events();
  totals.answered += simulation.traffic().count("200");
  totals.lost += simulation.traffic().count("502 lost");
  if (broken.empty()) return;
  ++totals.broken;
  std::cout << "seed " << seed << ": " << broken << "\n  the story: berth-sim --seed " << seed << " --trace\n";
}

bool RunKept(const std::string& path, Totals& totals) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "berth-sim: cannot read " << path << "\n";
    return false;
  }
  for (std::string line; std::getline(file, line);) {
    const auto seed = Number(std::string_view(line).substr(0, line.find_first_of(" #")));
    if (seed) RunSeed(*seed, false, totals);
  }
  return true;
}

void RunMany(const Options& options, Totals& totals) {
  auto told = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < options.seeds; ++i) {
    RunSeed(options.from + i, false, totals);
    const auto now = std::chrono::steady_clock::now();
    if (now - told < std::chrono::seconds(10)) continue;
    told = now;
    std::cout << i + 1 << " of " << options.seeds << " seeds, " << totals.broken << " broken" << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = Parse({argv + 1, argv + argc});
  if (!options || (!options->seed && options->seeds == 0 && options->kept.empty())) {
    std::cerr << kUsage;
    return 64;
  }
  Totals totals;
  if (!options->kept.empty() && !RunKept(options->kept, totals)) return 64;
  if (options->seed) RunSeed(*options->seed, options->trace, totals);
  RunMany(*options, totals);
  std::cout << totals.seeds << " seeds, " << totals.events << " events, " << totals.answered << " requests served, "
            << totals.lost << " lost with their replica; " << totals.broken << " seeds broke a promise\n";
  return totals.broken == 0 ? 0 : 1;
}
