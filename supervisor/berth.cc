// berth: the command line for operators. See supervisor/cli/commands.cc for what it can do.
#include <string>
#include <vector>

#include "supervisor/cli/main.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return Code(berth::cli::Main(arguments));
}
