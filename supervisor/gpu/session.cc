#include "supervisor/gpu/session.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "supervisor/base/proc_file.h"

namespace berth::gpu {
namespace {

constexpr std::uint64_t kFallenOffTheBus = 79;  // an Xid
// Of one reading; what is beyond comes with the next.
constexpr int kMostXids = 64;
constexpr unsigned kMostGpus = 256;

struct Throttle {
  unsigned field;
  const char* reason;
};
constexpr std::array<Throttle, 5> kThrottles = {{{abi::kThrottledByPower, "power"},
                                                 {abi::kThrottledByTemperature, "thermal"},
                                                 {abi::kThrottledBySyncBoost, "sync_boost"},
                                                 {abi::kThrottledByBoardLimit, "board_limit"},
                                                 {abi::kThrottledByReliability, "reliability"}}};

bool MeansLost(Code code) { return code == Code::kGpuIsLost || code == Code::kResetRequired; }

std::string NameOfProcess(unsigned pid) {
  std::string name = ReadProcFile("/proc/" + std::to_string(pid) + "/comm");
  while (name.ends_with('\n')) name.pop_back();
  return OneLine(std::move(name));
}

template <class T>
std::optional<double> Scaled(const Answer<T>& answer, double factor) {
  if (!answer) return std::nullopt;
  return static_cast<double>(*answer) * factor;
}

template <class T>
T Or(const Answer<T>& answer, T otherwise) {
  return answer ? *answer : std::move(otherwise);
}

std::optional<std::uint64_t> OrNothing(const Answer<std::uint64_t>& answer) {
  return answer ? std::optional(*answer) : std::nullopt;
}

// "1g.10gb", as nvidia-smi names it; its memory is rounded there to whole GB of the profile.
std::string ProfileOf(const abi::Attributes& attributes) {
  const std::string compute = attributes.compute_slices != attributes.gpu_slices
                                  ? std::to_string(attributes.compute_slices) + "c."
                                  : "";
  return compute + std::to_string(attributes.gpu_slices) + "g." +
         std::to_string((attributes.memory_mib + 1023) / 1024) + "gb";
}

}  // namespace

Code Session::Begin() {
  if (begun_) return Code::kSuccess;
  const Code code = nvml_.Init();
  begun_ = code == Code::kSuccess;
  if (begun_) driver_ = Or<std::string>(nvml_.DriverVersion(), "");
  return code;
}

void Session::End() {
  if (!begun_) return;
  nvml_.Shutdown();
  begun_ = false;
  cards_.clear();
}

Inventory Session::Read() {
  Inventory inventory;
  if (const Code begun = Begin(); begun != Code::kSuccess) {
    inventory.error = Describe(begun);
    return inventory;
  }
  Answer<unsigned> count = nvml_.Count();
  if (!count && MeansLost(count.error())) count = static_cast<unsigned>(cards_.size());  // the others are still there
  if (!count) {
    inventory.error = Describe(count.error());
    End();
    return inventory;
  }
  inventory.driver = driver_;
  for (unsigned index = static_cast<unsigned>(cards_.size()); index < std::min(*count, kMostGpus); ++index) {
    cards_.push_back(Enumerate(index));
  }
  TakeXids();
  for (Card& card : cards_) {
    ReadCard(card);
    inventory.gpus.insert(inventory.gpus.end(), card.last.begin(), card.last.end());
  }
  return inventory;
}

Session::Card Session::Enumerate(unsigned index) {
  Card card;
  card.identity.index = static_cast<int>(index);
  const Answer<abi::Device> device = nvml_.ByIndex(index);
  if (!device) {
    card.lost = Describe(device.error());
    return card;
  }
  card.device = *device;
  const Answer<std::string> uuid = nvml_.Uuid(*device);
  if (!uuid) card.lost = Describe(uuid.error());
  card.identity.uuid = Or<std::string>(uuid, "");
  card.identity.name = Or<std::string>(nvml_.Name(*device), "");
  const Answer<PciAddress> pci = nvml_.Pci(*device);
  if (pci) card.identity.pci = pci->text;
  nvml_.Watch(*device);  // where it cannot, a loss is still seen by the calls that fail
  return card;
}

void Session::TakeXids() {
  for (int i = 0; i < kMostXids; ++i) {
    const Answer<Xid> xid = nvml_.NextXid();
    if (!xid) return;
    const auto card = std::ranges::find(cards_, xid->device, &Card::device);
    if (card == cards_.end()) continue;
    ++card->xids[xid->number];
    if (xid->number == kFallenOffTheBus && card->lost.empty()) card->lost = Describe(Code::kGpuIsLost);
  }
}

void Session::ReadCard(Card& card) {
  const TimePoint began = Clock::now();
  if (began >= card.ask_again_at) {
    card.last = ReadDevices(card);
    const auto took = std::chrono::duration_cast<Duration>(Clock::now() - began);
    if (took > slow_) card.ask_again_at = began + (1 + kRest) * took;
  }
  for (Gpu& gpu : card.last) {
    gpu.lost = card.lost;
    gpu.xids = gpu.is_mig() ? std::map<std::uint64_t, std::uint64_t>{} : card.xids;
  }
}

std::vector<Gpu> Session::ReadDevices(Card& card) {
  Gpu gpu = card.identity;
  gpu.read_at = Clock::now();
  if (!card.lost.empty()) {
    // Its instances are lost with it, and are still known by name.
    std::vector<Gpu> devices = std::move(card.last);
    if (devices.empty()) devices.push_back(std::move(gpu));
    for (Gpu& device : devices) {
      device.memory.reset();
      device.processes.reset();
      device.gauges = {};
    }
    return devices;
  }
  gpu.divided = Or(nvml_.MigEnabled(card.device), false);
  ReadState(card.device, gpu, card.lost);
  std::vector<Gpu> devices = {std::move(gpu)};
  if (devices.front().divided && card.lost.empty()) ReadInstances(card, devices);
  return devices;
}

void Session::ReadInstances(const Card& card, std::vector<Gpu>& devices) {
  const unsigned most = Or(nvml_.MaxMigInstances(card.device), 0U);
  for (unsigned i = 0; i < std::min(most, kMostGpus); ++i) {
    const Answer<abi::Device> instance = nvml_.MigInstance(card.device, i);
    if (!instance) continue;
    Gpu gpu = card.identity;
    gpu.mig_index = static_cast<int>(i);
    gpu.read_at = Clock::now();
    gpu.uuid = Or<std::string>(nvml_.Uuid(*instance), "");
    const Answer<abi::Attributes> attributes = nvml_.Attributes(*instance);
    if (attributes) gpu.mig_profile = ProfileOf(*attributes);
    std::string lost;
    ReadState(*instance, gpu, lost);
    devices.push_back(std::move(gpu));
  }
}

void Session::ReadState(abi::Device device, Gpu& gpu, std::string& lost) {
  const Answer<DeviceMemory> memory = nvml_.Memory(device);
  if (memory) {
    const Bytes reserved = std::min(memory->reserved, memory->total);
    gpu.memory = Memory{memory->total - reserved, memory->used};
  } else if (MeansLost(memory.error())) {
    lost = Describe(memory.error());
    return;
  }
  const auto processes = nvml_.Processes(device);
  if (processes) {
    gpu.processes.emplace();
    for (const DeviceProcess& process : *processes) {
      gpu.processes->push_back({static_cast<int>(process.pid), process.used, NameOfProcess(process.pid)});
    }
  }
  gpu.gauges = ReadGauges(device);
}

Gauges Session::ReadGauges(abi::Device device) {
  Gauges gauges;
  gauges.celsius = Scaled(nvml_.Celsius(device), 1);
  gauges.watts = Scaled(nvml_.Milliwatts(device), 1e-3);
  gauges.limit_watts = Scaled(nvml_.LimitMilliwatts(device), 1e-3);
  gauges.joules = Scaled(nvml_.Millijoules(device), 1e-3);
  gauges.sm_hertz = Scaled(nvml_.SmMegahertz(device), 1e6);
  if (const auto busy = nvml_.Utilization(device)) {
    gauges.busy = busy->gpu / 100.0;
    gauges.memory_busy = busy->memory / 100.0;
  }
  gauges.ecc_corrected = OrNothing(nvml_.EccErrors(device, abi::kEccCorrected));
  gauges.ecc_uncorrected = OrNothing(nvml_.EccErrors(device, abi::kEccUncorrected));
  if (const auto rows = nvml_.Remapped(device)) gauges.remapped_rows = rows->correctable + rows->uncorrectable;

  std::array<unsigned, kThrottles.size() + 1> fields{};
  std::ranges::transform(kThrottles, fields.begin(), &Throttle::field);
  fields.back() = abi::kMemoryTemperature;
  const auto answers = nvml_.Fields(device, fields);
  for (std::size_t i = 0; i < kThrottles.size(); ++i) {
    if (answers[i]) gauges.throttled_seconds[kThrottles[i].reason] = static_cast<double>(*answers[i]) * 1e-9;
  }
  gauges.memory_celsius = Scaled(answers.back(), 1);
  return gauges;
}

}  // namespace berth::gpu
