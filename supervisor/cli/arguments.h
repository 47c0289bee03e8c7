// The command line of berth: one table of options, one of commands (commands.h), and the parser that is made from
// both. Options may stand before, between or after operands; after "--" everything is an operand.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"

namespace berth::cli {

// Bits: which options a command takes.
enum Takes : unsigned {
  kTakesNothing = 0,
  kTakesWait = 1,
  kTakesFollow = 2,
  kTakesTail = 4,
  kTakesPrevious = 8,
  kTakesDevice = 16,
  kTakesBatch = 32,  // what an estimate depends on
  kTakesLoad = 64,   // what a benchmark sends
  kTakesAlways = ~0u,  // of options that every command takes
};

struct Command;

// What berth bench sends.
struct LoadAsked {
  std::string api = "chat";
  std::string model;
  int requests = 100;
  bool requests_given = false;
  int concurrency = 8;
  bool concurrency_given = false;
  std::optional<double> rate;           // requests per second
  std::filesystem::path trace;          // empty: none
  double speed = 1, length = 1;         // of a trace
  int prompt_tokens = 128;
  int output_tokens = 64;
  bool ignore_eos = false;
  int seed = 0;
  Duration timeout = std::chrono::minutes(5);
  std::filesystem::path picture;        // empty: none
};

struct Invocation {
  const Command* command = nullptr;
  std::vector<std::string> operands;
  std::filesystem::path socket;  // empty: the default
  bool json = false;
  bool help = false;
  bool version = false;
  bool follow = false;
  bool previous = false;
  std::optional<int> tail;
  std::optional<Duration> wait;
  std::vector<std::pair<std::string, Bytes>> hardware;  // --device: names and sizes
  std::optional<int> max_tokens;
  std::optional<int> threads;
  LoadAsked load;
};

struct Option {
  enum class Value { kNone, kRequired, kOptionalTime };
  std::string_view name;         // "--tail"
  std::string_view letter;       // "-n", or ""
  std::string_view placeholder;  // "N"
  std::string_view help;
  Value value = Value::kNone;
  unsigned takes = kTakesAlways;
  Status (*store)(Invocation&, const std::string& value) = nullptr;
};

std::span<const Option> Options();

// How long --wait without a time waits.
constexpr Duration kDefaultWait = std::chrono::minutes(5);

// kInvalid with the nearest word: an unknown command or option, a missing or surplus operand, a bad value.
Result<Invocation> ParseArguments(std::span<const std::string> arguments);

}  // namespace berth::cli
