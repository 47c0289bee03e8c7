#include "supervisor/cli/main.h"

#include <cstdio>

#include "supervisor/cli/commands.h"
#include "supervisor/cli/views.h"

namespace berth::cli {
namespace {

Exit ExitOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUnavailable: return Exit::kUnreachable;
    case ErrorKind::kPermission: return Exit::kPermission;
    case ErrorKind::kTimeout: return Exit::kTimeout;
    case ErrorKind::kInvalid: return Exit::kUsage;
    case ErrorKind::kInternal: return Exit::kInternal;
    default: return Exit::kFailed;
  }
}

void Complain(const std::string& message) { std::fprintf(stderr, "berth: %s\n", Printable(message).c_str()); }

// The envelope's message, or the bare status when there is none.
std::string MessageOf(const Reply& reply) {
  const Json body = Json::parse(reply.body, nullptr, false);
  if (body.is_object() && body.contains("error") && body["error"].is_object()) {
    return body["error"].value("message", "");
  }
  return "the daemon answered " + std::to_string(reply.status);
}

Exit Run(const Invocation& invocation) {
  Session session{invocation, Client(SocketPath(invocation.socket)), ScreenOfStdout()};
  try {
    return invocation.command->run(session);
  } catch (const Json::exception& e) {
    Complain(std::string("the daemon's answer was not understood; are berth and berthd of one version? ") + e.what());
    return Exit::kInternal;
  }
}

}  // namespace

Exit Fail(const Error& error) {
  Complain(error.message);
  return ExitOf(error.kind);
}

Exit Fail(const Reply& reply) {
  Complain(MessageOf(reply));
  if (reply.status == 504) return Exit::kTimeout;
  return reply.status == 403 ? Exit::kPermission : Exit::kFailed;
}

Exit Main(std::span<const std::string> arguments) {
  const auto invocation = ParseArguments(arguments);
  if (!invocation) return Fail(invocation.error());
  if (invocation->help) {
    std::fputs((invocation->command ? HelpText(*invocation->command) : HelpText()).c_str(), stdout);
    return Exit::kOk;
  }
  if (invocation->version) {
    std::puts("berth " BERTH_VERSION);
    return Exit::kOk;
  }
  return Run(*invocation);
}

}  // namespace berth::cli
