// YAML text → Plan, or every mistake in it at once. A mistake says file:line:column, what was expected, what
// stood there, and the nearest key or name where one is near. Nothing is clamped or guessed.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/plan.h"

namespace berth::config {

struct Mistake {
  int line = 0;    // from 1; 0 when the file as a whole is meant
  int column = 0;  // from 1
  std::string message;
};

struct Mistakes {
  std::string file;
  std::vector<Mistake> list;
};

// One line per mistake: "berth.yaml:12:5: message".
std::string Format(const Mistakes& mistakes);

// What parsing needs to know of the host; tests bring their own.
struct Host {
  Bytes memory;                         // default of devices.cpu.memory: seven eighths of it
  int cores = 1;                        // default of devices.*.threads
  std::filesystem::path runtime_dir;    // default folder of server.admin
  std::function<std::optional<std::string>(const std::string&)> getenv;  // for ${VAR}
  // Devices that stand in for what this machine may not have: their memory replaces that of the plan's devices of
  // the same name; others are added.
  std::vector<std::pair<std::string, Bytes>> hardware = {};
};
// This machine: physical memory (or the cgroup's limit when lower), usable cores, and the runtime folder of
// DESIGN §4 (/run/berth as root, $XDG_RUNTIME_DIR/berth, else /tmp/berth-$UID).
Host ThisHost();

// `text` is the file's content, `file` its path as the user gave it (for messages and relative paths).
std::variant<Plan, Mistakes> Parse(std::string_view text, const std::filesystem::path& file, const Host& host);
// Reads at most 1 MiB.
std::variant<Plan, Mistakes> ParseFile(const std::filesystem::path& file, const Host& host);

}  // namespace berth::config
