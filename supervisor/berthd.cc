// berthd PLAN.yaml: serves the models of a deployment plan. See supervisor/admin/daemon.h.
#include <cstdio>
#include <string>
#include <vector>

#include "supervisor/admin/daemon.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto options = berth::admin::ParseOptions(arguments);
  if (!options) {
    std::fprintf(stderr, "berthd: %s\n", options.error().message.c_str());
    return Code(berth::Exit::kUsage);
  }
  if (options->help) std::fputs(berth::admin::HelpText().c_str(), stdout);
  if (options->version) std::puts("berthd " BERTH_VERSION);
  if (options->help || options->version) return Code(berth::Exit::kOk);
  return Code(berth::admin::RunDaemon(*options));
}
