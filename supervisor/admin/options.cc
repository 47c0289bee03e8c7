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

// Takes "NAME VALUE" or "NAME=VALUE" at `i`. False: it is another option.
Result<bool> TakeValue(std::span<const std::string> arguments, std::size_t& i, const std::string& name,
                       std::string_view what, std::string& value) {
  const std::string& argument = arguments[i];
  if (argument.starts_with(name + "=")) {
    value = argument.substr(name.size() + 1);
    return true;
  }
  if (argument != name) return false;
  if (++i == arguments.size()) return Invalid(name, " needs ", what, kHint);
  value = arguments[i];
  return true;
}

}  // namespace

Result<Options> ParseOptions(std::span<const std::string> arguments) {
  Options options;
  std::string worker;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    auto taken = TakeValue(arguments, i, "--worker", "the path of a program", worker);
    if (taken && !*taken) taken = TakeValue(arguments, i, "--nvml", "the path of a library", options.nvml);
    if (!taken) return taken.error();
    if (*taken) continue;
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument == "--version") {
      options.version = true;
    } else if (argument == "--check") {
      options.check = true;
    } else if (argument.starts_with("-")) {
      return Invalid("unknown option ", argument, kHint);
    } else if (const Status plan = TakePlan(options, argument); !plan) {
      return plan.error();
    }
  }
  options.worker = worker;
  if (options.plan.empty() && !options.help && !options.version) {
    return Invalid("berthd needs a plan: berthd PLAN.yaml", kHint);
  }
  return options;
}

std::string HelpText() {
  return "usage: berthd PLAN.yaml [--worker PATH] [--nvml PATH] [--check]\n"
         "\n"
         "Serves the models of a deployment plan in the foreground, until SIGTERM or SIGINT. The first signal\n"
         "lets running requests finish (server.drain), the second ends at once.\n"
         "\n"
         "  --check        look at the plan and its sources, show where replicas go, start nothing\n"
         "  --worker PATH  the worker program (default: berth-worker beside berthd,\n"
         "                 or in ../libexec/berth/)\n"
         "  --nvml PATH    the library that reads NVIDIA GPUs, for plans that have some\n"
         "                 (default: libnvidia-ml.so.1, which comes with their driver)\n"
         "  --version      print the version\n"
         "  --help         print this\n"
         "\n"
         "Exit codes: 0 ended as asked, 64 usage, 65 bad plan, 70 internal, 73 cannot bind or create,\n"
         "75 the GPUs' driver is not there (yet), 77 no permission.\n";
}

}  // namespace berth::admin
