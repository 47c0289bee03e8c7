#include "supervisor/route/scraper.h"

#include <utility>

namespace berth::route {
namespace {

constexpr std::size_t kMostWaiting = 64;

}  // namespace

Scraper::Scraper(observe::Metrics& metrics) : metrics_(metrics), thread_([this] { Run(); }) {}

Scraper::~Scraper() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Scraper::Ask(std::function<void(Text)> done) {
  {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting) return false;
    waiting_.push_back(std::move(done));
  }
  changed_.notify_one();
  return true;
}

void Scraper::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    const auto served = std::exchange(waiting_, {});
    lock.unlock();
    const Text text = std::make_shared<const std::string>(metrics_.Serialize());
    for (const auto& done : served) done(text);
    lock.lock();
  }
}

}  // namespace berth::route
