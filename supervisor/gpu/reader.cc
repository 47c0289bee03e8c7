#include "supervisor/gpu/reader.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "supervisor/gpu/session.h"

namespace berth::gpu {
namespace {

// A reading takes milliseconds; what takes longer than this at the end is not waited for.
constexpr auto kEndLimit = std::chrono::seconds(1);

// Signals are the main thread's.
void LeaveSignalsToOthers() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

struct Reader::State {
  explicit State(Options given) : options(std::move(given)) {}

  bool Rest(Duration duration) {  // false: it is over
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, duration, [this] { return stop; });
  }
  void Began() {
    const std::lock_guard lock(mutex);
    reading_since = Clock::now();
  }
  void Publish(Inventory inventory) {
    const std::lock_guard lock(mutex);
    inventory.number = latest->number + 1;
    inventory.taken_at = *reading_since;
    inventory.took = std::chrono::duration_cast<Duration>(Clock::now() - *reading_since);
    latest = std::make_shared<const Inventory>(std::move(inventory));
    reading_since.reset();
    changed.notify_all();
  }
  void ReadWith(Nvml& nvml);

  const Options options;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool stop = false;
  bool ended = false;
  std::optional<TimePoint> reading_since;
  std::shared_ptr<const Inventory> latest = std::make_shared<const Inventory>();
};

void Reader::State::ReadWith(Nvml& nvml) {
  Session session(nvml, options.slow);
  bool up = true;
  do {
    Began();
    Inventory inventory = session.Read();
    up = inventory.error.empty();
    Publish(std::move(inventory));
  } while (Rest(up ? options.period : options.retry));
}

void Reader::Run(std::shared_ptr<State> state) {
  LeaveSignalsToOthers();
  ::pthread_setname_np(::pthread_self(), "nvml");
  bool over = false;
  while (!over) {
    state->Began();
    auto nvml = Nvml::Load(state->options.library);
    if (nvml) {
      state->ReadWith(**nvml);
      over = true;
    } else {
      Inventory nothing;
      nothing.error = nvml.error().message;
      state->Publish(std::move(nothing));
      over = !state->Rest(state->options.retry);
    }
  }
  const std::lock_guard lock(state->mutex);
  state->ended = true;
  state->changed.notify_all();
}

Reader::Reader(Options options) : state_(std::make_shared<State>(std::move(options))) {
  std::thread(Run, state_).detach();
}

Reader::~Reader() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, kEndLimit, [this] { return state_->ended; });
}

std::shared_ptr<const Inventory> Reader::Latest() const {
  const std::lock_guard lock(state_->mutex);
  return state_->latest;
}

std::shared_ptr<const Inventory> Reader::WaitForReading(Duration limit, std::uint64_t after) const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_for(lock, limit, [this, after] { return state_->latest->number > after; });
  return state_->latest;
}

std::string Reader::Blocked(TimePoint now) const {
  const std::lock_guard lock(state_->mutex);
  if (!state_->reading_since || now - *state_->reading_since <= state_->options.slow) return {};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *state_->reading_since);
  return "NVML has not answered for " + std::to_string(seconds.count()) + " s";
}

}  // namespace berth::gpu
