#include "supervisor/cli/arguments.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "supervisor/base/suggest.h"
#include "supervisor/cli/commands.h"

namespace berth::cli {
namespace {

constexpr int kMostTail = 10'000;
constexpr int kMostTokens = 1'048'576;
constexpr int kMostThreads = 4'096;
constexpr Duration kLongestWait = std::chrono::hours(24);

Result<int> Whole(std::string_view option, const std::string& value, int least, int most) {
  int number = least - 1;
  const auto [rest, status] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (status == std::errc() && rest == value.data() + value.size() && number >= least && number <= most) return number;
  return Invalid(option, " ", value, " is not a whole number from ", least, " to ", most);
}

Status StoreTail(Invocation& invocation, const std::string& value) {
  const auto lines = Whole("--tail", value, 0, kMostTail);
  if (!lines) return lines.error();
  invocation.tail = *lines;
  return Ok();
}

// The bounds are those of the plan's keys.
Status StoreMaxTokens(Invocation& invocation, const std::string& value) {
  const auto tokens = Whole("--max-tokens", value, 1, kMostTokens);
  if (!tokens) return tokens.error();
  invocation.max_tokens = *tokens;
  return Ok();
}

Status StoreThreads(Invocation& invocation, const std::string& value) {
  const auto threads = Whole("--threads", value, 1, kMostThreads);
  if (!threads) return threads.error();
  invocation.threads = *threads;
  return Ok();
}

Status StoreWait(Invocation& invocation, const std::string& value) {
  if (value.empty()) {
    invocation.wait = kDefaultWait;
    return Ok();
  }
  const auto time = ParseDuration(value);
  if (!time) return Invalid("--wait ", value, ": ", time.error().message);
  if (*time > kLongestWait) return Invalid("--wait ", value, " is over a day");
  invocation.wait = *time;
  return Ok();
}

// "h200=141GiB"
Status StoreDevice(Invocation& invocation, const std::string& value) {
  const std::size_t equals = value.find('=');
  if (equals == 0 || equals == std::string::npos) return Invalid("--device ", value, " is not NAME=SIZE, such as h200=141GiB");
  const auto size = ParseBytes(value.substr(equals + 1));
  if (!size) return Invalid("--device ", value, ": ", size.error().message);
  if (*size < MiB(16)) return Invalid("--device ", value, " is less than 16MiB");
  const std::string name = value.substr(0, equals);
  for (const auto& [given, bytes] : invocation.hardware) {
    if (given == name) return Invalid("--device ", name, " is given twice");
  }
  invocation.hardware.emplace_back(name, *size);
  return Ok();
}

Status StoreSocket(Invocation& invocation, const std::string& value) {
  if (value.empty()) return Invalid("--socket needs a path");
  invocation.socket = value;
  return Ok();
}

constexpr std::array<std::string_view, 3> kApis = {"chat", "completions", "embeddings"};
constexpr double kMostRate = 1e6;
constexpr int kMostRequests = 1'000'000;
constexpr int kMostConcurrency = 10'000;

Status StoreApi(Invocation& invocation, const std::string& value) {
  if (std::ranges::find(kApis, value) == kApis.end()) return Invalid("--api ", value, " is none of chat, completions, embeddings");
  invocation.load.api = value;
  return Ok();
}

template <std::string LoadAsked::*Member>
Status StoreText(Invocation& invocation, const std::string& value) {
  invocation.load.*Member = value;
  return Ok();
}

template <std::filesystem::path LoadAsked::*Member>
Status StorePath(Invocation& invocation, const std::string& value) {
  invocation.load.*Member = value;
  return Ok();
}

Result<double> Positive(std::string_view option, const std::string& value, double most) {
  double number = 0;
  const auto [rest, status] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (status == std::errc() && rest == value.data() + value.size() && number > 0 && number <= most) return number;
  return Invalid(option, " ", value, " is not a number above 0");
}

Status StoreRate(Invocation& invocation, const std::string& value) {
  const auto rate = Positive("--rate", value, kMostRate);
  if (!rate) return rate.error();
  invocation.load.rate = *rate;
  return Ok();
}

Status StoreSpeed(Invocation& invocation, const std::string& value) {
  const auto speed = Positive("--speed", value, kMostRate);
  if (!speed) return speed.error();
  invocation.load.speed = *speed;
  return Ok();
}

Status StoreLength(Invocation& invocation, const std::string& value) {
  const auto length = Positive("--length", value, kMostRate);
  if (!length) return length.error();
  invocation.load.length = *length;
  return Ok();
}

Status StoreRequests(Invocation& invocation, const std::string& value) {
  const auto count = Whole("--requests", value, 1, kMostRequests);
  if (!count) return count.error();
  invocation.load.requests = *count;
  invocation.load.requests_given = true;
  return Ok();
}

Status StoreConcurrency(Invocation& invocation, const std::string& value) {
  const auto count = Whole("--concurrency", value, 1, kMostConcurrency);
  if (!count) return count.error();
  invocation.load.concurrency = *count;
  invocation.load.concurrency_given = true;
  return Ok();
}

Status StorePromptTokens(Invocation& invocation, const std::string& value) {
  const auto tokens = Whole("--prompt-tokens", value, 1, kMostTokens);
  if (!tokens) return tokens.error();
  invocation.load.prompt_tokens = *tokens;
  return Ok();
}

Status StoreOutputTokens(Invocation& invocation, const std::string& value) {
  const auto tokens = Whole("--output-tokens", value, 1, kMostTokens);
  if (!tokens) return tokens.error();
  invocation.load.output_tokens = *tokens;
  return Ok();
}

Status StoreSeed(Invocation& invocation, const std::string& value) {
  const auto seed = Whole("--seed", value, 0, 1'000'000);
  if (!seed) return seed.error();
  invocation.load.seed = *seed;
  return Ok();
}

Status StoreTimeout(Invocation& invocation, const std::string& value) {
  const auto time = ParseDuration(value);
  if (!time) return Invalid("--timeout ", value, ": ", time.error().message);
  if (*time <= Duration(0) || *time > kLongestWait) return Invalid("--timeout ", value, " is not above 0 and at most a day");
  invocation.load.timeout = *time;
  return Ok();
}

Status StoreIgnoreEos(Invocation& invocation, const std::string&) {
  invocation.load.ignore_eos = true;
  return Ok();
}

template <bool Invocation::*Flag>
Status StoreFlag(Invocation& invocation, const std::string&) {
  invocation.*Flag = true;
  return Ok();
}

using Value = Option::Value;
// clang-format off
constexpr Option kOptions[] = {
    {"--socket", "-s", "PATH", "the admin socket (else $BERTH_SOCKET, else the default)", Value::kRequired, kTakesAlways, StoreSocket},
    {"--json", "", "", "print what the daemon answers, as JSON", Value::kNone, kTakesAlways, StoreFlag<&Invocation::json>},
    {"--help", "-h", "", "print help", Value::kNone, kTakesAlways, StoreFlag<&Invocation::help>},
    {"--version", "", "", "print the version", Value::kNone, kTakesAlways, StoreFlag<&Invocation::version>},
    {"--wait", "-w", "[TIME]", "wait for the outcome, at most TIME (default 5m)", Value::kOptionalTime, kTakesWait, StoreWait},
    {"--follow", "-f", "", "go on with what comes", Value::kNone, kTakesFollow, StoreFlag<&Invocation::follow>},
    {"--tail", "-n", "N", "begin with the last N lines (default 100)", Value::kRequired, kTakesTail, StoreTail},
    {"--previous", "-p", "", "the last lines of the run before this one", Value::kNone, kTakesPrevious, StoreFlag<&Invocation::previous>},
    {"--device", "-d", "NAME=SIZE", "plan for such a device, there or not; repeat it", Value::kRequired, kTakesDevice, StoreDevice},
    {"--max-tokens", "", "N", "tokens of the largest batch (default 16384)", Value::kRequired, kTakesBatch, StoreMaxTokens},
    {"--threads", "", "N", "compute threads of the replica (default 1)", Value::kRequired, kTakesBatch, StoreThreads},
    {"--model", "-m", "NAME", "the model to ask (required)", Value::kRequired, kTakesLoad, StoreText<&LoadAsked::model>},
    {"--api", "", "NAME", "chat (default), completions or embeddings", Value::kRequired, kTakesLoad, StoreApi},
    {"--requests", "", "N", "how many (default 100; of a trace: all)", Value::kRequired, kTakesLoad, StoreRequests},
    {"--concurrency", "-c", "N", "at most so many at a time (default 8; open loops: 1024)", Value::kRequired, kTakesLoad, StoreConcurrency},
    {"--rate", "", "N", "open loop: N requests a second, by a Poisson process", Value::kRequired, kTakesLoad, StoreRate},
    {"--trace", "", "FILE", "replay FILE: Azure's CSV or Mooncake's JSON lines", Value::kRequired, kTakesLoad, StorePath<&LoadAsked::trace>},
    {"--speed", "", "N", "replay N times as fast", Value::kRequired, kTakesLoad, StoreSpeed},
    {"--length", "", "N", "replay with lengths N times as long", Value::kRequired, kTakesLoad, StoreLength},
    {"--prompt-tokens", "", "N", "of each prompt, about (default 128)", Value::kRequired, kTakesLoad, StorePromptTokens},
    {"--output-tokens", "", "N", "of each answer, at most (default 64)", Value::kRequired, kTakesLoad, StoreOutputTokens},
    {"--ignore-eos", "", "", "ask for all output tokens (vLLM's ignore_eos)", Value::kNone, kTakesLoad, StoreIgnoreEos},
    {"--timeout", "", "TIME", "of one request (default 5m)", Value::kRequired, kTakesLoad, StoreTimeout},
    {"--seed", "", "N", "other prompts and arrivals (default 0)", Value::kRequired, kTakesLoad, StoreSeed},
    {"--picture", "", "FILE", "write an SVG of the run", Value::kRequired, kTakesLoad, StorePath<&LoadAsked::picture>},
};
// clang-format on

template <class Rows>
std::string DidYouMean(std::string_view word, const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  const std::string nearest = Nearest(word, names);
  return nearest.empty() ? "; see berth help" : "; did you mean " + nearest + "?";
}

// Walks over the words of the command line.
class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<Invocation> Parse() {
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      const bool option = !only_operands_ && word.size() > 1 && word[0] == '-';
      if (const Status taken = option ? TakeOption(word) : TakeOperand(word); !taken) return taken.error();
    }
    if (const Status good = Check(); !good) return good.error();
    return std::move(invocation_);
  }

 private:
  Status TakeOperand(const std::string& word) {
    if (invocation_.command != nullptr) {
      invocation_.operands.push_back(word);
      return Ok();
    }
    invocation_.command = FindCommand(word);
    if (invocation_.command == nullptr) return Invalid("no command ", word, DidYouMean(word, Commands()));
    return Ok();
  }

  Status TakeOption(const std::string& word) {
    if (word == "--") {
      only_operands_ = true;
      return Ok();
    }
    const auto equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    const std::string name = word.substr(0, equals);
    const auto option = std::ranges::find_if(
        kOptions, [&name](const Option& row) { return row.name == name || row.letter == name; });
    if (option == std::end(kOptions)) return Invalid("no option ", name, DidYouMean(name, kOptions));
    used_.push_back(&*option);
    if (equals != std::string::npos) return TakeGivenValue(*option, word.substr(equals + 1));
    return TakeNextValue(*option);
  }

  Status TakeGivenValue(const Option& option, const std::string& value) {
    if (option.value == Value::kNone) return Invalid(std::string(option.name), " takes no value");
    if (value.empty()) return Invalid(std::string(option.name), "= lacks its value");
    return option.store(invocation_, value);
  }

  Status TakeNextValue(const Option& option) {
    const bool more = at_ + 1 < words_.size();
    if (option.value == Value::kRequired) {
      if (!more) return Invalid(std::string(option.name), " lacks its ", option.placeholder);
      return option.store(invocation_, words_[++at_]);
    }
    // "--wait 30s bge": a word that is a time is the time, any other is an operand.
    if (option.value == Value::kOptionalTime && more && ParseDuration(words_[at_ + 1])) {
      return option.store(invocation_, words_[++at_]);
    }
    return option.store(invocation_, "");
  }

  Status Check() const {
    if (invocation_.help || invocation_.version) return Ok();
    if (invocation_.command == nullptr) return Invalid("berth needs a command; see berth help");
    const Command& command = *invocation_.command;
    const std::string name(command.name);
    for (const Option* option : used_) {
      if ((option->takes & command.takes) != 0 || option->takes == kTakesAlways) continue;
      return Invalid("berth ", name, " takes no ", option->name, "; see berth help ", name);
    }
    const std::size_t count = invocation_.operands.size();
    if (count < command.least) return Invalid("berth ", name, " lacks its ", command.operands, "; see berth help ", name);
    if (count > command.most) {
      return Invalid("berth ", name, " does not take ", invocation_.operands[command.most], "; see berth help ", name);
    }
    return Ok();
  }

  std::span<const std::string> words_;
  std::size_t at_ = 0;
  bool only_operands_ = false;
  std::vector<const Option*> used_;
  Invocation invocation_;
};

}  // namespace

std::span<const Option> Options() { return kOptions; }

Result<Invocation> ParseArguments(std::span<const std::string> arguments) { return Parser(arguments).Parse(); }

}  // namespace berth::cli
