#include "supervisor/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "supervisor/cli/estimate.h"
#include "supervisor/cli/offline.h"

namespace berth::cli {
namespace {

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

Exit PlanFileOrDaemons(Session& session) {
  const Invocation& invocation = session.invocation;
  if (invocation.operands.empty()) {
    if (invocation.hardware.empty()) return ShowPlan(session);
    return Fail(Invalid("berth plan --device needs a FILE: the daemon's plan is for the devices it has"));
  }
  return static_cast<Exit>(PlanCommand(invocation.operands[0], invocation.hardware, invocation.json));
}

Exit ValidateFile(Session& session) {
  return static_cast<Exit>(Validate(session.invocation.operands[0], session.invocation.json));
}

Exit EstimateSource(Session& session) {
  const Invocation& invocation = session.invocation;
  const EstimateAsked asked{invocation.operands[0], invocation.max_tokens, invocation.threads};
  return static_cast<Exit>(EstimateCommand(asked, invocation.json));
}

Exit ShowVersion(Session& session) {
  std::puts(session.invocation.json ? "{\"version\":\"" BERTH_VERSION "\"}" : "berth " BERTH_VERSION);
  return Exit::kOk;
}

Exit ShowHelp(Session& session) {
  const auto& operands = session.invocation.operands;
  if (operands.empty()) {
    std::fputs(HelpText().c_str(), stdout);
    return Exit::kOk;
  }
  const Command* command = FindCommand(operands[0]);
  if (command == nullptr) {
    std::fprintf(stderr, "berth: no command %s; see berth help\n", operands[0].c_str());
    return Exit::kUsage;
  }
  std::fputs(HelpText(*command).c_str(), stdout);
  return Exit::kOk;
}

constexpr Command kCommands[] = {
    {"ps", "[MODEL...]", 0, kAny, kTakesNothing, "replicas: state, since when, why, memory, requests", ShowPs},
    {"models", "", 0, 0, kTakesNothing, "models: state, aliases, what they can do", ShowModels},
    {"devices", "", 0, 0, kTakesNothing, "devices and what is reserved on them", ShowDevices},
    {"ledger", "", 0, 0, kTakesNothing, "every reservation of memory", ShowLedger},
    {"start", "MODEL...", 1, kAny, kTakesWait, "start models; also ends a quarantine", StartModels},
    {"stop", "MODEL...", 1, kAny, kTakesWait, "drain and stop models", StopModels},
    {"restart", "MODEL...", 1, kAny, kTakesWait, "drain, stop and start models", RestartModels},
    {"logs", "MODEL", 1, 1, kTakesFollow | kTakesTail | kTakesPrevious, "what a model's workers print", ShowLogs},
    {"events", "", 0, 0, kTakesFollow | kTakesTail, "what happened, in order", ShowEvents},
    {"plan", "[FILE]", 0, 1, kTakesDevice, "where a plan puts replicas (the daemon's without FILE)",
     PlanFileOrDaemons},
    {"validate", "FILE", 1, 1, kTakesNothing, "every mistake in a plan; needs no daemon", ValidateFile},
    {"estimate", "SOURCE", 1, 1, kTakesBatch, "the memory a model needs, part by part; needs no daemon", EstimateSource},
    {"bench", "URL", 1, 1, kTakesLoad, "load on any OpenAI-compatible server: http://host:port/v1", BenchServer},
    {"status", "", 0, 0, kTakesNothing, "the daemon: version, addresses, ready or why not", ShowStatus},
    {"shutdown", "", 0, 0, kTakesWait, "drain and end the daemon", ShutdownDaemon},
    {"version", "", 0, 0, kTakesNothing, "the version of this program", ShowVersion},
    {"help", "[COMMAND]", 0, 1, kTakesNothing, "this, or more about one command", ShowHelp},
};

constexpr std::size_t kHelpColumn = 22;

std::string HelpLine(std::string left, std::string_view right) {
  left.insert(0, "  ");
  left.resize(std::max(left.size() + 1, kHelpColumn), ' ');
  return left.append(right).append("\n");
}

std::string OptionLine(const Option& option) {
  std::string left(option.name);
  if (!option.letter.empty()) left = std::string(option.letter).append(", ").append(left);
  if (!option.placeholder.empty()) left.append(" ").append(option.placeholder);
  return HelpLine(std::move(left), option.help);
}

}  // namespace

std::span<const Command> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  return found == std::end(kCommands) ? nullptr : &*found;
}

std::string HelpText() {
  std::string text = "usage: berth [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n";
  for (const Command& command : kCommands) {
    std::string left(command.name);
    if (!command.operands.empty()) left.append(" ").append(command.operands);
    text += HelpLine(std::move(left), command.help);
  }
  text += "\nOptions of every command:\n";
  for (const Option& option : Options()) {
    if (option.takes == kTakesAlways) text += OptionLine(option);
  }
  return text +
         "\nberth help COMMAND tells a command's own options. Exit codes: 0 done, 1 failed,\n"
         "64 usage, 65 bad plan, 69 no daemon, 70 internal, 75 timed out,\n77 no permission.\n";
}

std::string HelpText(const Command& command) {
  std::string text = "usage: berth " + std::string(command.name);
  if (command.takes != kTakesNothing) text += " [OPTIONS]";
  if (!command.operands.empty()) text.append(" ").append(command.operands);
  text.append("\n\n  ").append(command.help).append("\n\n");
  for (const Option& option : Options()) {
    if (option.takes == kTakesAlways || (option.takes & command.takes) != 0) text += OptionLine(option);
  }
  return text;
}

}  // namespace berth::cli
