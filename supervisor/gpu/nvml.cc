#include "supervisor/gpu/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace berth::gpu {
namespace {

// Between asking how many processes there are and asking for them, some may have come.
constexpr unsigned kRoomForMore = 16;
constexpr int kProcessTries = 3;
constexpr unsigned kMostProcesses = 65536;
constexpr unsigned kPollMs = 1;
// Not a byte of any plausible answer: tells how much the library wrote.
constexpr unsigned char kUntouched = 0xA5;

// A symbol of the library, empty where this driver has none.
template <class... Arguments>
using Call = Code (*)(Arguments...);

template <class Symbol, class... Arguments>
Code Try(Symbol call, Arguments... arguments) {
  return call == nullptr ? Code::kFunctionNotFound : call(arguments...);
}

// The call's last argument is where it writes its answer.
template <class T, class Symbol, class... Arguments>
Answer<T> Ask(Symbol call, Arguments... arguments) {
  T value{};
  const Code code = Try(call, arguments..., &value);
  if (code != Code::kSuccess) return code;
  return value;
}

using abi::Device;
using ProcessCall = Call<Device, unsigned*, void*>;
using TextCall = Call<Device, char*, unsigned>;
using NumberCall = Call<Device, unsigned*>;

template <unsigned kSize>
Answer<std::string> AskText(TextCall call, Device device) {
  std::array<char, kSize + 1> text{};
  const Code code = Try(call, device, text.data(), kSize);
  if (code != Code::kSuccess) return code;
  return std::string(text.data());
}

// Elements are 24 bytes, or 32 in some drivers: then the last one reaches beyond where it would have ended.
std::size_t Stride(const std::vector<unsigned char>& buffer, unsigned count) {
  const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(count * sizeof(abi::Process));
  const auto wide_end = buffer.begin() + static_cast<std::ptrdiff_t>(count * abi::kWideProcess);
  const bool narrow = std::all_of(end, wide_end, [](unsigned char byte) { return byte == kUntouched; });
  return narrow ? sizeof(abi::Process) : abi::kWideProcess;
}

Answer<std::vector<DeviceProcess>> AskProcesses(ProcessCall call, Device device, bool graphics) {
  unsigned count = 0;
  Code code = Try(call, device, &count, nullptr);
  std::vector<unsigned char> buffer;
  for (int i = 0; code == Code::kInsufficientSize && i < kProcessTries; ++i) {
    count = std::min(count, kMostProcesses) + kRoomForMore;
    buffer.assign(count * abi::kWideProcess, kUntouched);
    const unsigned room = count;
    code = Try(call, device, &count, buffer.data());
    if (code == Code::kSuccess) count = std::min(count, room);
  }
  if (code != Code::kSuccess) return code;
  if (buffer.empty()) return std::vector<DeviceProcess>();
  const std::size_t stride = Stride(buffer, count);
  std::vector<DeviceProcess> processes;
  for (std::size_t i = 0; i < count; ++i) {
    abi::Process process{};
    std::memcpy(&process, buffer.data() + i * stride, sizeof process);
    std::optional<Bytes> used;
    if (process.used != abi::kNotAvailable) used = Bytes{process.used};
    processes.push_back({process.pid, used, graphics});
  }
  return processes;
}

std::uint64_t NumberOf(const abi::FieldValue& value) {
  switch (value.type) {
    case abi::kDouble: return static_cast<std::uint64_t>(std::max(value.as_double, 0.0));
    case abi::kUnsigned: return value.as_unsigned;
    case abi::kSigned: return static_cast<std::uint64_t>(std::max(value.as_signed, 0));
    case abi::kUnsigned16: return value.as_unsigned_16;
    case abi::kSigned64: return static_cast<std::uint64_t>(std::max(value.as_signed_64, 0LL));
    default: return value.as_unsigned_64;
  }
}

}  // namespace

std::string_view Describe(Code code) {
  switch (code) {
    case Code::kSuccess: return "no error";
    case Code::kUninitialized: return "NVML is not initialized";
    case Code::kInvalidArgument: return "NVML refuses an argument";
    case Code::kNotSupported: return "not supported by this device";
    case Code::kNoPermission: return "no permission; run berthd as a user who may read /dev/nvidia*";
    case Code::kNotFound: return "not found";
    case Code::kInsufficientSize: return "NVML wants a larger buffer";
    case Code::kDriverNotLoaded: return "the NVIDIA driver is not loaded; see modprobe nvidia";
    case Code::kTimeout: return "timed out";
    case Code::kLibraryNotFound: return "a library of the NVIDIA driver is missing";
    case Code::kFunctionNotFound: return "this driver's NVML has no such call";
    case Code::kGpuIsLost: return "the GPU has fallen off the bus; reset it or reboot the host";
    case Code::kResetRequired: return "the GPU needs a reset: nvidia-smi --gpu-reset";
    case Code::kOperatingSystem: return "the operating system or a cgroup blocks the GPU";
    case Code::kVersionMismatch:
      return "the driver in the kernel and its libraries have different versions; reboot, or reload the nvidia module";
    case Code::kUnknown: return "an error inside the driver";
  }
  return "an error that this version does not know";
}

void throw_exception_from_error(Code code, const boost::source_location&) {
  throw std::logic_error("value() of a failed NVML call: " + std::string(Describe(code)));
}

struct Nvml::Symbols {
  Call<> init, shutdown;
  Call<char*, unsigned> driver_version;
  Call<unsigned*> count;
  Call<unsigned, Device*> by_index;
  TextCall uuid, name;
  Call<Device, abi::Pci*> pci;
  Call<Device, abi::Memory*> memory;
  Call<Device, abi::MemoryV2*> memory_v2;
  ProcessCall compute_v3, compute_v2, graphics_v3, graphics_v2;
  Call<Device, unsigned*, unsigned*> mig_mode;
  NumberCall max_mig;
  Call<Device, unsigned, Device*> mig_instance;
  Call<Device, abi::Attributes*> attributes;
  Call<Device, int, unsigned*> temperature, clock;
  Call<Device, abi::Utilization*> utilization;
  NumberCall power, enforced_power_limit;
  Call<Device, unsigned long long*> energy;
  Call<Device, int, int, unsigned long long*> ecc;
  Call<Device, unsigned*, unsigned*, unsigned*, unsigned*> remapped;
  Call<Device, int, abi::FieldValue*> fields;
  Call<abi::EventSet*> event_set_create;
  Call<abi::EventSet> event_set_free;
  Call<Device, unsigned long long, abi::EventSet> register_events;
  Call<abi::EventSet, abi::EventData*, unsigned> event_set_wait;

  void Resolve(void* library);
  // What no reading can do without.
  bool complete() const { return init && shutdown && count && by_index && uuid && (memory || memory_v2); }
};

void Nvml::Symbols::Resolve(void* library) {
  const auto set = [library](auto& call, const char* symbol) {
    call = reinterpret_cast<std::remove_reference_t<decltype(call)>>(::dlsym(library, symbol));
  };
  set(init, "nvmlInit_v2");
  set(shutdown, "nvmlShutdown");
  set(driver_version, "nvmlSystemGetDriverVersion");
  set(count, "nvmlDeviceGetCount_v2");
  set(by_index, "nvmlDeviceGetHandleByIndex_v2");
  set(uuid, "nvmlDeviceGetUUID");
  set(name, "nvmlDeviceGetName");
  set(pci, "nvmlDeviceGetPciInfo_v3");
  set(memory, "nvmlDeviceGetMemoryInfo");
  set(memory_v2, "nvmlDeviceGetMemoryInfo_v2");
  set(compute_v3, "nvmlDeviceGetComputeRunningProcesses_v3");
  set(compute_v2, "nvmlDeviceGetComputeRunningProcesses_v2");
  set(graphics_v3, "nvmlDeviceGetGraphicsRunningProcesses_v3");
  set(graphics_v2, "nvmlDeviceGetGraphicsRunningProcesses_v2");
  set(mig_mode, "nvmlDeviceGetMigMode");
  set(max_mig, "nvmlDeviceGetMaxMigDeviceCount");
  set(mig_instance, "nvmlDeviceGetMigDeviceHandleByIndex");
  set(attributes, "nvmlDeviceGetAttributes_v2");
  set(temperature, "nvmlDeviceGetTemperature");
  set(clock, "nvmlDeviceGetClockInfo");
  set(utilization, "nvmlDeviceGetUtilizationRates");
  set(power, "nvmlDeviceGetPowerUsage");
  set(enforced_power_limit, "nvmlDeviceGetEnforcedPowerLimit");
  set(energy, "nvmlDeviceGetTotalEnergyConsumption");
  set(ecc, "nvmlDeviceGetTotalEccErrors");
  set(remapped, "nvmlDeviceGetRemappedRows");
  set(fields, "nvmlDeviceGetFieldValues");
  set(event_set_create, "nvmlEventSetCreate");
  set(event_set_free, "nvmlEventSetFree");
  set(register_events, "nvmlDeviceRegisterEvents");
  set(event_set_wait, "nvmlEventSetWait_v2");
}

Result<std::unique_ptr<Nvml>> Nvml::Load(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const std::string why = ::dlerror();
    const bool missing = why.find("No such file") != std::string::npos;
    return MakeError(missing ? ErrorKind::kNotFound : ErrorKind::kIo, "cannot load NVML (", why,
                     "); GPUs need the NVIDIA driver, and in a container its libraries too");
  }
  auto symbols = std::make_unique<Symbols>();
  symbols->Resolve(library);
  if (!symbols->complete()) {
    return MakeError(ErrorKind::kIo, path, " lacks calls that every NVML since 2013 has; is it NVIDIA's library?");
  }
  return std::unique_ptr<Nvml>(new Nvml(std::move(symbols)));
}

Nvml::Nvml(std::unique_ptr<Symbols> symbols) : symbols_(std::move(symbols)) {}

Nvml::~Nvml() = default;

Code Nvml::Init() { return Try(symbols_->init); }

void Nvml::Shutdown() {
  if (events_ != nullptr) Try(symbols_->event_set_free, events_);
  events_ = nullptr;
  Try(symbols_->shutdown);
}

Answer<std::string> Nvml::DriverVersion() {
  std::array<char, abi::kDriverVersionSize + 1> text{};
  const Code code = Try(symbols_->driver_version, text.data(), abi::kDriverVersionSize);
  if (code != Code::kSuccess) return code;
  return std::string(text.data());
}

Answer<unsigned> Nvml::Count() { return Ask<unsigned>(symbols_->count); }

Answer<Device> Nvml::ByIndex(unsigned index) { return Ask<Device>(symbols_->by_index, index); }

Answer<std::string> Nvml::Uuid(Device device) { return AskText<abi::kUuidSize>(symbols_->uuid, device); }

Answer<std::string> Nvml::Name(Device device) { return AskText<abi::kNameSize>(symbols_->name, device); }

Answer<PciAddress> Nvml::Pci(Device device) {
  const Answer<abi::Pci> pci = Ask<abi::Pci>(symbols_->pci, device);
  if (!pci) return pci.error();
  return PciAddress{pci->domain, pci->bus, pci->device, std::string(pci->bus_id, ::strnlen(pci->bus_id, 32))};
}

Answer<DeviceMemory> Nvml::Memory(Device device) {
  abi::MemoryV2 newer{};
  newer.version = abi::kMemoryV2;
  if (Try(symbols_->memory_v2, device, &newer) == Code::kSuccess) {
    return DeviceMemory{{newer.total}, {newer.reserved}, {newer.used}};
  }
  const Answer<abi::Memory> memory = Ask<abi::Memory>(symbols_->memory, device);
  if (!memory) return memory.error();
  return DeviceMemory{{memory->total}, {0}, {memory->used}};
}

Answer<std::vector<DeviceProcess>> Nvml::Processes(Device device) {
  const Symbols& calls = *symbols_;
  auto processes = AskProcesses(calls.compute_v3 ? calls.compute_v3 : calls.compute_v2, device, false);
  if (!processes) return processes;
  const auto drawing = AskProcesses(calls.graphics_v3 ? calls.graphics_v3 : calls.graphics_v2, device, true);
  if (!drawing) return processes;  // cards for computing have none
  for (const DeviceProcess& process : *drawing) {
    if (std::ranges::find(*processes, process.pid, &DeviceProcess::pid) == processes->end()) {
      processes->push_back(process);
    }
  }
  return processes;
}

Answer<bool> Nvml::MigEnabled(Device device) {
  unsigned current = 0;
  unsigned pending = 0;
  const Code code = Try(symbols_->mig_mode, device, &current, &pending);
  if (code == Code::kNotSupported || code == Code::kFunctionNotFound) return false;
  if (code != Code::kSuccess) return code;
  return current == abi::kMigEnabled;
}

Answer<unsigned> Nvml::MaxMigInstances(Device device) { return Ask<unsigned>(symbols_->max_mig, device); }

Answer<Device> Nvml::MigInstance(Device device, unsigned index) {
  return Ask<Device>(symbols_->mig_instance, device, index);
}

Answer<abi::Attributes> Nvml::Attributes(Device instance) {
  return Ask<abi::Attributes>(symbols_->attributes, instance);
}

Answer<unsigned> Nvml::Celsius(Device device) {
  return Ask<unsigned>(symbols_->temperature, device, abi::kTemperatureOfGpu);
}

Answer<abi::Utilization> Nvml::Utilization(Device device) {
  return Ask<abi::Utilization>(symbols_->utilization, device);
}

Answer<unsigned> Nvml::Milliwatts(Device device) { return Ask<unsigned>(symbols_->power, device); }

Answer<unsigned> Nvml::LimitMilliwatts(Device device) { return Ask<unsigned>(symbols_->enforced_power_limit, device); }

Answer<std::uint64_t> Nvml::Millijoules(Device device) {
  const Answer<unsigned long long> energy = Ask<unsigned long long>(symbols_->energy, device);
  if (!energy) return energy.error();
  return std::uint64_t{*energy};
}

Answer<unsigned> Nvml::SmMegahertz(Device device) {
  return Ask<unsigned>(symbols_->clock, device, abi::kClockOfSm);
}

Answer<std::uint64_t> Nvml::EccErrors(Device device, int type) {
  const Answer<unsigned long long> errors =
      Ask<unsigned long long>(symbols_->ecc, device, type, abi::kEccSinceDriverLoad);
  if (!errors) return errors.error();
  return std::uint64_t{*errors};
}

Answer<RemappedRows> Nvml::Remapped(Device device) {
  RemappedRows rows;
  unsigned pending = 0;
  unsigned failed = 0;
  const Code code =
      Try(symbols_->remapped, device, &rows.correctable, &rows.uncorrectable, &pending, &failed);
  if (code != Code::kSuccess) return code;
  return rows;
}

std::vector<Answer<std::uint64_t>> Nvml::Fields(Device device, std::span<const unsigned> fields) {
  std::vector<abi::FieldValue> values(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) values[i].field = fields[i];
  const Code code = Try(symbols_->fields, device, static_cast<int>(values.size()), values.data());
  std::vector<Answer<std::uint64_t>> answers;
  for (const abi::FieldValue& value : values) {
    if (code != Code::kSuccess) {
      answers.emplace_back(code);
    } else if (value.code != Code::kSuccess) {
      answers.emplace_back(value.code);
    } else {
      answers.emplace_back(NumberOf(value));
    }
  }
  return answers;
}

Code Nvml::Watch(Device device) {
  if (events_ == nullptr) {
    const Code created = Try(symbols_->event_set_create, &events_);
    if (created != Code::kSuccess) return created;
  }
  return Try(symbols_->register_events, device, abi::kXidCriticalError, events_);
}

Answer<Xid> Nvml::NextXid() {
  if (events_ == nullptr) return Code::kTimeout;
  abi::EventData event{};
  const Code code = Try(symbols_->event_set_wait, events_, &event, kPollMs);
  if (code != Code::kSuccess) return code;
  return Xid{event.device, event.data};
}

}  // namespace berth::gpu
