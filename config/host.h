// What the defaults of a plan need to know of the machine. Reads /proc and /sys once, at start.
#pragma once

#include <filesystem>

#include "config/parse.h"

namespace berth::config {

// Physical memory, or the lowest memory limit of the process's cgroup and its parents (version 2 or 1) when that
// is lower. `root` stands for "/" (tests bring their own).
Bytes UsableMemory(const std::filesystem::path& root);

// /run/berth for uid 0, else $XDG_RUNTIME_DIR/berth, else /tmp/berth-UID.
std::filesystem::path RuntimeDir(unsigned uid,
                                 const std::function<std::optional<std::string>(const std::string&)>& getenv);

}  // namespace berth::config
