#include "supervisor/launch/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace berth::launch {

LogFile::LogFile(std::filesystem::path path, Bytes max_size, int keep)
    : path_(std::move(path)), max_size_(max_size), keep_(keep) {}

Status LogFile::Open() {
  fd_.Reset(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
  if (!fd_) return SystemError(errno, "cannot open the log file " + path_.string());
  struct stat info {};
  size_ = ::fstat(fd_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  return Ok();
}

void LogFile::Rotate() {
  fd_.Reset();
  const std::string name = path_.string();
  const auto numbered = [&](int n) { return n == 0 ? name : name + "." + std::to_string(n); };
  if (keep_ == 0) ::unlink(name.c_str());
  for (int n = keep_; n > 0; --n) ::rename(numbered(n - 1).c_str(), numbered(n).c_str());
}

Status LogFile::Append(std::string_view line) {
  if (!fd_) {
    if (auto status = Open(); !status) return status;
  }
  if (size_ > 0 && size_ + line.size() + 1 > max_size_.count) {
    Rotate();
    if (auto status = Open(); !status) return status;
  }
  std::string whole(line);
  whole.push_back('\n');
  const ssize_t n = ::write(fd_.get(), whole.data(), whole.size());
  if (n < 0) return SystemError(errno, "cannot write the log file " + path_.string());
  size_ += static_cast<std::uint64_t>(n);
  return Ok();
}

}  // namespace berth::launch
