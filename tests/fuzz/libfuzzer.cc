// The entry point that libFuzzer calls; each program links exactly one fuzzer. libFuzzer's own limit of time for an
// input goes by the clock, by which a busy machine is a finding; so the limit that is meant is kept here.
#include <ctime>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace {

// An input of 64 KiB takes milliseconds, under sanitizers too.
constexpr double kMostSeconds = 10;

double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const double before = ProcessorSeconds();
  berth::fuzz::Targets().front().run({reinterpret_cast<const char*>(data), size});
  const double seconds = ProcessorSeconds() - before;
  berth::fuzz::Require(seconds <= kMostSeconds, "no input takes ten seconds of the processor", std::to_string(seconds));
  return 0;
}
