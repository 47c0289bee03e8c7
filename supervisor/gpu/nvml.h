// NVIDIA's management library, opened at run time: the supervisor runs without it, never opens CUDA, and so holds no
// memory of any GPU. One object is one loaded library; every call is a thin one that turns codes and layouts into
// values. Missing symbols are the code kFunctionNotFound, so that older drivers lose a reading and not the rest.
// A call can block for seconds while a GPU is sick: only the reader's thread calls (reader.h).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "supervisor/gpu/nvml_abi.h"

namespace berth::gpu {

using abi::Code;

// "the GPU has fallen off the bus", …: for a sentence; with the remedy where there is one.
std::string_view Describe(Code code);

// Called by Answer<T>::value() without a value: a broken invariant, since callers test first.
[[noreturn]] void throw_exception_from_error(Code code, const boost::source_location&);
template <class T>
using Answer = boost::system::result<T, Code>;

struct DeviceMemory {
  Bytes total;
  Bytes reserved;  // by the driver; 0 where an old one counts it as used
  Bytes used;
};
struct DeviceProcess {
  unsigned pid = 0;
  std::optional<Bytes> used;  // nothing: the driver does not say
  bool graphics = false;
};
struct PciAddress {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  std::string text;  // "00000000:17:00.0"
};
struct RemappedRows {
  unsigned correctable = 0;
  unsigned uncorrectable = 0;
};
struct Xid {
  abi::Device device = nullptr;
  std::uint64_t number = 0;
};

class Nvml {
 public:
  static constexpr const char* kDefaultPath = "libnvidia-ml.so.1";

  // Errors: kNotFound, there is no such library (a host without GPUs); kIo, it cannot be loaded, or lacks what even
  // the oldest has.
  static Result<std::unique_ptr<Nvml>> Load(const std::string& path = kDefaultPath);
  // The library stays loaded: its own threads may still run.
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  Code Init();
  void Shutdown();
  Answer<std::string> DriverVersion();

  Answer<unsigned> Count();
  Answer<abi::Device> ByIndex(unsigned index);  // in the order of PCI addresses
  Answer<std::string> Uuid(abi::Device device);
  Answer<std::string> Name(abi::Device device);
  Answer<PciAddress> Pci(abi::Device device);
  Answer<DeviceMemory> Memory(abi::Device device);
  // With a context for computing, and then those that draw only; each pid once.
  Answer<std::vector<DeviceProcess>> Processes(abi::Device device);

  Answer<bool> MigEnabled(abi::Device device);
  Answer<unsigned> MaxMigInstances(abi::Device device);
  Answer<abi::Device> MigInstance(abi::Device device, unsigned index);  // kNotFound: none at this index
  Answer<abi::Attributes> Attributes(abi::Device instance);

  Answer<unsigned> Celsius(abi::Device device);
  Answer<abi::Utilization> Utilization(abi::Device device);
  Answer<unsigned> Milliwatts(abi::Device device);
  Answer<unsigned> LimitMilliwatts(abi::Device device);
  Answer<std::uint64_t> Millijoules(abi::Device device);  // since the driver was loaded
  Answer<unsigned> SmMegahertz(abi::Device device);
  Answer<std::uint64_t> EccErrors(abi::Device device, int type);  // since the driver was loaded
  Answer<RemappedRows> Remapped(abi::Device device);
  // A value for each field asked for, in that order.
  std::vector<Answer<std::uint64_t>> Fields(abi::Device device, std::span<const unsigned> fields);

  // Records the Xids of a device from now on.
  Code Watch(abi::Device device);
  // The next one; kTimeout: none.
  Answer<Xid> NextXid();

 private:
  struct Symbols;
  explicit Nvml(std::unique_ptr<Symbols> symbols);

  std::unique_ptr<Symbols> symbols_;
  abi::EventSet events_ = nullptr;
};

}  // namespace berth::gpu
