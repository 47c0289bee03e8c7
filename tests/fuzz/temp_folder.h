// A folder in memory where there is one (/dev/shm), for readers that take paths; gone with the object.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz.h"

namespace berth::fuzz {

class TempFolder {
 public:
  TempFolder() {
    const char* base = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    std::string pattern = std::string(base) + "/berth-fuzz-XXXXXX";
    Require(::mkdtemp(pattern.data()) != nullptr, "a folder can be made", pattern);
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void Write(const std::filesystem::path& name, std::string_view bytes) const {
    std::ofstream(path_ / name, std::ios::binary | std::ios::trunc).write(bytes.data(), bytes.size());
  }

 private:
  std::filesystem::path path_;
};

}  // namespace berth::fuzz
