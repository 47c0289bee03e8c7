// One log file that never outgrows its limit: FILE, then FILE.1 … FILE.keep, oldest last. Owned by Logs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "supervisor/base/bytes.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::launch {

class LogFile {
 public:
  LogFile(std::filesystem::path path, Bytes max_size, int keep);

  // Appends one line and its newline. Errors (disk full, no permission) lose the line; the next one tries again.
  // Takes as long as write(2) to the page cache does.
  Status Append(std::string_view line);

 private:
  Status Open();
  void Rotate();

  std::filesystem::path path_;
  Bytes max_size_;
  int keep_;
  Fd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace berth::launch
