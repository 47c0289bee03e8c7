#include "worker/serve/memory_report.h"

#include <fcntl.h>
#include <unistd.h>

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

}  // namespace

protocol::MemoryReport ReadMemory() {
  char text[4096];
  const Fd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  const auto size = file ? ::read(file.get(), text, sizeof text) : 0;
  const std::string_view status(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return {.rss_anon = Field(status, "\nRssAnon:"),
          .vm_data = Field(status, "\nVmData:"),
          .peak_rss = Field(status, "\nVmHWM:")};
}

}  // namespace berth::serve
