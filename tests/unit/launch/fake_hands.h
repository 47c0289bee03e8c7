// Lives without a world: hands that write down what they were told to do, and a clock that a test moves.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/launch/schedule.h"

namespace berth::launch {

class FakeHands : public Hands {
 public:
  Status Spawn() override {
    did.push_back("spawn");
    return cannot_spawn ? Status(MakeError(ErrorKind::kInternal, "cannot run it")) : Ok();
  }
  void Open(const protocol::ReadyMessage&) override { did.push_back("open"); }
  bool BudgetIsHostMemory() override { return true; }
  std::uint64_t Fence(const protocol::MemoryReport&) override { return data_limit; }
  void Close() override { did.push_back("close"); }
  bool AskToEnd(Duration within) override {
    did.push_back("ask to end within " + FormatDuration(within));
    return hears;
  }
  void Kill() override { did.push_back("kill"); }
  void Reaped() override { did.push_back("reaped"); }
  bool Gone() override { return gone; }
  Turn Objection(bool) override { return {objection, objection_stays}; }
  bool HasWork() override { return has_work; }
  int InFlight() override { return in_flight; }
  void Entered() override {}
  void HeldBack() override { ++held_back; }
  void Changed() override { ++changes; }
  void StageEnded(const std::string&, Duration) override {}
  void LoadEnded(bool ready) override { did.push_back(ready ? "loaded" : "load failed"); }
  void Exited(const Verdict& verdict) override { did.push_back("exited: " + std::string(Name(verdict.exit.cause))); }
  void BacksOff(Duration delay) override { backoff = delay; }

  std::vector<std::string> Did() { return std::exchange(did, {}); }  // since it was last asked

  bool cannot_spawn = false, hears = true, gone = true, has_work = false;
  std::uint64_t data_limit = 0;
  std::string objection;
  bool objection_stays = true;
  std::vector<std::string> did;
  int changes = 0, held_back = 0, in_flight = 0;
  Duration backoff{};
};

// A plan of models with one replica each on one device of 4 GiB, and the schedule of their lives.
class Lives {
 public:
  struct Wish {
    std::string name;
    int wave = 0;
    Bytes memory = GiB(1);
    std::string device = "cpu";
    std::string second = "";  // device
  };
  static constexpr Duration kGrace = std::chrono::seconds(20);

  explicit Lives(const std::vector<Wish>& wishes, config::Rules rules = {}) {
    plan_.rules = std::move(rules);
    plan_.devices = {{"cpu", GiB(4), 2}, {"other", GiB(4), 2}};
    for (const Wish& wish : wishes) plan_.models.push_back(Model(wish));
    schedule_ = std::make_unique<Schedule>(plan_);
    for (const Wish& wish : wishes) {
      hands_.push_back(std::make_unique<FakeHands>());
      schedule_->Add({wish.name, 0, Devices(wish), wish.memory, 1, wish.wave}, 1, Life::kGoneLimit, *hands_.back(), now_);
    }
  }

  Schedule& schedule() { return *schedule_; }
  config::Model& model(const std::string& name) { return *std::ranges::find(plan_.models, name, &config::Model::name); }
  Life& life(const std::string& model) { return *schedule_->Of(model).front(); }
  FakeHands& hands(const std::string& model) {
    for (std::size_t i = 0; i < plan_.models.size(); ++i) {
      if (plan_.models[i].name == model) return *hands_[i];
    }
    std::abort();
  }
  TimePoint now() const { return now_; }

  // All look until nothing comes of it, as they do in the daemon.
  void Look() {
    bool any = true;
    while (std::exchange(any, false)) {
      for (Life* life : schedule_->Of("")) any |= life->Look(now_);
    }
  }
  void Pass(Duration time) {
    for (const TimePoint end = now_ + time; now_ < end;) {
      now_ = std::min<TimePoint>(end, now_ + std::chrono::milliseconds(100));
      for (Life* life : schedule_->Of("")) {
        if (life->state() == State::kReady) life->On(protocol::BeatMessage{}, now_);
      }
      Look();
    }
  }
  void Hello(const std::string& model) {
    protocol::HelloMessage hello;
    hello.protocol = protocol::kProtocolVersion;
    life(model).On(hello, now_);
  }
  void Ready(const std::string& model) { life(model).On(protocol::ReadyMessage{}, now_); }
  void End(const std::string& model, WaitStatus status) { life(model).OnEnd(status, false, now_); }

  // From stopped to ready.
  void Serve(const std::string& model) {
    (void)schedule_->Start(model, now_);
    Look();
    Hello(model);
    Ready(model);
    Look();
    hands(model).did.clear();
  }

 private:
  static std::vector<std::string> Devices(const Wish& wish) {
    return wish.second.empty() ? std::vector{wish.device} : std::vector{wish.device, wish.second};
  }
  static config::Model Model(const Wish& wish) {
    config::Model model;
    model.name = wish.name;
    model.devices = Devices(wish);
    model.devices_per_replica = static_cast<int>(model.devices.size());
    model.memory = wish.memory;
    model.threads = model.replicas = 1;
    model.load_stall = model.health_stall = std::chrono::minutes(1);
    model.stop_grace = kGrace;
    model.restart = {std::chrono::seconds(1), std::chrono::minutes(1), 5, std::chrono::minutes(10)};
    return model;
  }

  config::Plan plan_;
  std::unique_ptr<Schedule> schedule_;
  std::vector<std::unique_ptr<FakeHands>> hands_;
  TimePoint now_{std::chrono::hours(1)};
};

}  // namespace berth::launch
