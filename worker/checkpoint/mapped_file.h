// A whole regular file mapped read-only, unmapped by the destructor. The pages belong to the page cache:
// replicas that map one file share them. The mapping outlives the path (a file replaced by rename keeps its
// old bytes); a file truncated in place while mapped raises SIGBUS on access, as everywhere on POSIX. Any
// thread may read; the class never writes and never locks.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"

namespace berth::checkpoint {

class MappedFile {
 public:
  // Errors, each naming the file: missing, not readable, not a regular file, empty, larger than `limit`.
  static Result<MappedFile> Open(const std::filesystem::path& path, Bytes limit = GiB(1 << 20));

  MappedFile(MappedFile&& other) noexcept
      : path_(std::move(other.path_)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile() { Unmap(); }

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  std::string_view text() const { return {static_cast<const char*>(data_), size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, void* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  void Unmap();

  std::filesystem::path path_;
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace berth::checkpoint
