#include "worker/serve/memory_report.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "supervisor/base/fd.h"

namespace berth::serve {
namespace {

// "RssAnon:\t  123456 kB"
std::uint64_t Field(std::string_view status, std::string_view name) {
  const auto at = status.find(name);
  if (at == std::string_view::npos) return 0;
  const char* digits = status.data() + at + name.size();
  const char* end = status.data() + status.size();
  while (digits < end && (*digits == ' ' || *digits == '\t')) ++digits;
  std::uint64_t kilobytes = 0;
  std::from_chars(digits, end, kilobytes);
  return kilobytes * 1024;
}

struct Reading {
  protocol::MemoryReport memory;
  std::uint64_t files = 0;  // resident pages of files and of shared memory
};

Reading ReadStatus() {
  char text[4096];
  const Fd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  const auto size = file ? ::read(file.get(), text, sizeof text) : 0;
  const std::string_view status(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  Reading reading;
  reading.memory.rss_anon = Field(status, "\nRssAnon:");
  reading.memory.vm_data = Field(status, "\nVmData:");
  reading.memory.peak_rss = Field(status, "\nVmHWM:");
  reading.files = Field(status, "\nRssFile:") + Field(status, "\nRssShmem:");
  return reading;
}

}  // namespace

protocol::MemoryReport ReadMemory() { return ReadStatus().memory; }

void MemoryWatch::SetWeights(Bytes mapped, Bytes owned) {
  std::lock_guard lock(mutex_);
  mapped_ = mapped;
  owned_ = owned;
}

protocol::MemoryReport MemoryWatch::Read() {
  auto [memory, files] = ReadStatus();
  memory.counted_peak = budget_.peak();
  std::lock_guard lock(mutex_);
  most_of_files_ = std::max(most_of_files_, files);
  const std::uint64_t beside_files = memory.peak_rss - std::min(memory.peak_rss, most_of_files_);
  private_peak_ = std::max({private_peak_, memory.rss_anon, beside_files});
  memory.private_peak = private_peak_;
  memory.weights_mapped = mapped_.count;
  memory.weights = owned_.count;
  return memory;
}

}  // namespace berth::serve
