#include "worker/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "supervisor/base/fd.h"

namespace berth::checkpoint {
namespace {

std::string KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Status CheckSize(const struct stat& info, const std::string& name, Bytes limit) {
  if (!S_ISREG(info.st_mode)) {
    return Invalid(name, ": is ", KindOf(info.st_mode), "; a regular file is needed");
  }
  if (info.st_size == 0) return Invalid(name, ": is empty; was its download or copy interrupted?");
  const Bytes size{static_cast<std::uint64_t>(info.st_size)};
  if (size > limit) {
    return Invalid(name, ": has ", FormatBytes(size), ", more than the ", FormatBytes(limit),
                   " allowed for such a file");
  }
  return Ok();
}

}  // namespace

Result<MappedFile> MappedFile::Open(const std::filesystem::path& path, Bytes limit) {
  const std::string name = path.string();
  // Non-blocking, so that a pipe put in a file's place is refused instead of waited for.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return SystemError(errno, "cannot open " + name);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return SystemError(errno, "cannot examine " + name);
  if (Status checked = CheckSize(info, name, limit); !checked) return checked.error();
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return SystemError(errno, "cannot map " + name);
  return MappedFile(path, data, size);
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  path_ = std::move(other.path_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

void MappedFile::Unmap() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace berth::checkpoint
