#include "supervisor/base/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "supervisor/base/fd.h"

namespace berth {
namespace {

constexpr std::size_t kMost = std::size_t{4} << 20;

}  // namespace

std::string ReadProcFile(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> part;
  while (file && content.size() < kMost) {
    const ssize_t n = ::read(file.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    content.append(part.data(), static_cast<std::size_t>(n));
  }
  return content;
}

}  // namespace berth
