// The entry point that libFuzzer calls; each program links exactly one fuzzer.
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  berth::fuzz::Targets().front().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
