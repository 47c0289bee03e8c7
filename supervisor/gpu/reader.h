// Keeps an up-to-date inventory of the GPUs on a thread of its own, because a call into NVML can block for as long as
// a GPU is sick. Everybody else takes the latest inventory and never waits: one that does not come shows in its age
// and in Blocked(). Owned by the daemon.
#pragma once

#include <memory>
#include <string>

#include "supervisor/gpu/inventory.h"
#include "supervisor/gpu/nvml.h"

namespace berth::gpu {

class Reader {
 public:
  struct Options {
    std::string library = Nvml::kDefaultPath;
    Duration period = std::chrono::seconds(1);
    Duration slow = std::chrono::seconds(2);  // longer than this is worth a word; of one GPU, it is asked less often
    Duration retry = std::chrono::seconds(10);  // after NVML could not be loaded or initialised
  };

  explicit Reader(Options options);
  // Waits a moment for the thread. One that is blocked inside the driver is left behind; it holds nothing of ours.
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Never null; its number is 0 until the first reading is done.
  std::shared_ptr<const Inventory> Latest() const;
  // Only before the daemon serves: blocks the caller until there is a reading newer than number `after`, or for `limit`.
  std::shared_ptr<const Inventory> WaitForReading(Duration limit, std::uint64_t after = 0) const;
  // "NVML has not answered for 4 s"; empty: the present reading is not slow.
  std::string Blocked(TimePoint now) const;

 private:
  struct State;
  static void Run(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this
};

}  // namespace berth::gpu
