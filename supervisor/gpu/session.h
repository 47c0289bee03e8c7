// Reads all GPUs of an initialised NVML into an inventory, again and again, and keeps what one reading cannot say:
// who a lost GPU was, the Xids so far, which GPU is slow to answer and is therefore asked less often. What one GPU
// fails to say costs the others nothing. Reader's thread only: calls block.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supervisor/gpu/inventory.h"
#include "supervisor/gpu/nvml.h"

namespace berth::gpu {

class Session {
 public:
  // A GPU that takes longer than `slow` for its readings is left alone for kRest times as long: the others are then
  // read late for a fifth of the time at most.
  static constexpr int kRest = 4;

  Session(Nvml& nvml, Duration slow) : nvml_(nvml), slow_(slow) {}
  ~Session() { End(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Never fails: what is wrong is in the inventory. `number` and `taken_at` are the caller's to set.
  Inventory Read();

 private:
  // What is known of a GPU beyond one reading.
  struct Card {
    abi::Device device = nullptr;
    Gpu identity;                // index, uuid, name, pci
    std::vector<Gpu> last;       // as last read: it and its instances
    std::string lost;            // stays until NVML is initialised anew
    std::map<std::uint64_t, std::uint64_t> xids;
    TimePoint ask_again_at{};
  };

  Code Begin();
  void End();
  Card Enumerate(unsigned index);
  void TakeXids();
  void ReadCard(Card& card);
  std::vector<Gpu> ReadDevices(Card& card);
  void ReadInstances(const Card& card, std::vector<Gpu>& devices);
  void ReadState(abi::Device device, Gpu& gpu, std::string& lost);
  Gauges ReadGauges(abi::Device device);

  Nvml& nvml_;
  const Duration slow_;
  bool begun_ = false;
  std::string driver_;
  std::vector<Card> cards_;
};

}  // namespace berth::gpu
