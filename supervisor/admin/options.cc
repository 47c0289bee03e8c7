#include "supervisor/admin/options.h"

namespace berth::admin {
namespace {

constexpr std::string_view kHint = "; see berthd --help";

Status TakePlan(Options& options, const std::string& argument) {
  if (!options.plan.empty()) {
    return Invalid("berthd takes one plan, got ", options.plan.string(), " and ", argument, kHint);
  }
  options.plan = argument;
  return Ok();
}

}  // namespace

Result<Options> ParseOptions(std::span<const std::string> arguments) {
  constexpr std::string_view kWorker = "--worker=";
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument == "--version") {
      options.version = true;
    } else if (argument == "--check") {
      options.check = true;
    } else if (argument.starts_with(kWorker)) {
      options.worker = argument.substr(kWorker.size());
    } else if (argument == "--worker") {
      if (++i == arguments.size()) return Invalid("--worker needs the path of a program", kHint);
      options.worker = arguments[i];
    } else if (argument.starts_with("-")) {
      return Invalid("unknown option ", argument, kHint);
    } else if (const Status taken = TakePlan(options, argument); !taken) {
      return taken.error();
    }
  }
  if (options.plan.empty() && !options.help && !options.version) {
    return Invalid("berthd needs a plan: berthd PLAN.yaml", kHint);
  }
  return options;
}

std::string HelpText() {
  return "usage: berthd PLAN.yaml [--worker PATH] [--check]\n"
         "\n"
         "Serves the models of a deployment plan in the foreground, until SIGTERM or SIGINT. The first signal\n"
         "lets running requests finish (server.drain), the second ends at once.\n"
         "\n"
         "  --check        look at the plan and its sources, show where replicas go, start nothing\n"
         "  --worker PATH  the worker program (default: berth-worker beside berthd,\n"
         "                 or in ../libexec/berth/)\n"
         "  --version      print the version\n"
         "  --help         print this\n"
         "\n"
         "Exit codes: 0 ended as asked, 64 usage, 65 bad plan, 70 internal, 73 cannot bind or create,\n"
         "77 no permission.\n";
}

}  // namespace berth::admin
