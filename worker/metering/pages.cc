#include "worker/metering/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace berth::engine {

std::uint64_t UntouchedBytes(const void* pages, std::uint64_t bytes) {
  static const auto kPage = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::array<unsigned char, 16384> there;
  auto* at = static_cast<char*>(const_cast<void*>(pages));
  std::uint64_t untouched = 0;
  for (std::uint64_t left = (bytes + kPage - 1) / kPage; left > 0;) {
    const std::uint64_t count = std::min<std::uint64_t>(left, there.size());
    if (::mincore(at, count * kPage, there.data()) != 0) return 0;
    untouched += static_cast<std::uint64_t>(
        std::count_if(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(count), [](auto page) { return (page & 1) == 0; }));
    at += count * kPage;
    left -= count;
  }
  return untouched * kPage;
}

}  // namespace berth::engine
