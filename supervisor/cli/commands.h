// What berth can do, as one table from which the parser and the help are made.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "supervisor/base/exit_code.h"
#include "supervisor/cli/arguments.h"
#include "supervisor/cli/client.h"
#include "supervisor/cli/table.h"

namespace berth::cli {

// One run of berth.
struct Session {
  const Invocation& invocation;
  Client client;
  Screen screen;  // what standard output is
};

struct Command {
  std::string_view name;
  std::string_view operands;  // "MODEL..."
  std::size_t least = 0;      // operands
  std::size_t most = 0;
  unsigned takes = kTakesNothing;
  std::string_view help;
  Exit (*run)(Session& session) = nullptr;
};

std::span<const Command> Commands();
const Command* FindCommand(std::string_view name);

// All commands, or one.
std::string HelpText();
std::string HelpText(const Command& command);

// show.cc
Exit ShowPs(Session& session);
Exit ShowModels(Session& session);
Exit ShowDevices(Session& session);
Exit ShowLedger(Session& session);
Exit ShowStatus(Session& session);
Exit ShowPlan(Session& session);

// follow.cc
Exit ShowLogs(Session& session);
Exit ShowEvents(Session& session);

// operate.cc
Exit StartModels(Session& session);
Exit StopModels(Session& session);
Exit RestartModels(Session& session);
Exit ShutdownDaemon(Session& session);

// bench.cc
Exit BenchServer(Session& session);

// Prints the message to standard error and chooses the exit code.
Exit Fail(const Error& error);
// The same for an answer of the daemon that is an error (status 400 and up).
Exit Fail(const Reply& reply);

}  // namespace berth::cli
