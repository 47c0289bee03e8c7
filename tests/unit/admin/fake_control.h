// A Control that does what the test says and remembers what it was asked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supervisor/admin/control.h"
#include "supervisor/base/deadline.h"

namespace berth::admin {

class FakeControl : public Control {
 public:
  explicit FakeControl(const config::Plan& plan) : ledger_(plan) {
    for (const config::Model& model : plan.models) {
      launch::ModelStatus status;
      status.name = model.name;
      status.aliases = model.aliases;
      for (int replica = 0; replica < model.replicas; ++replica) {
        status.replicas.push_back({});
        status.replicas.back().replica = replica;
        status.replicas.back().devices = {"cpu"};
      }
      models.push_back(status);
    }
  }

  // Every replica, and the model.
  void SetState(const std::string& model, launch::State state, const std::string& reason = "") {
    for (launch::ModelStatus& status : models) {
      if (status.name != model) continue;
      status.state = state;
      for (launch::ReplicaStatus& replica : status.replicas) {
        replica.state = state;
        replica.reason = reason;
      }
    }
  }

  std::vector<launch::ModelStatus> Models() const override { return models; }
  const placement::Ledger& ledger() const override { return ledger_; }
  std::vector<std::string> WhyNotReady() const override { return not_ready; }
  int RequestsOpen() const override { return requests_open; }
  bool Draining() const override { return shutdowns > 0; }
  Status Start(const std::string& model) override { return Verb("start " + model); }
  Status Stop(const std::string& model) override { return Verb("stop " + model); }
  Status Restart(const std::string& model) override { return Verb("restart " + model); }
  boost::asio::awaitable<bool> Settled(std::string, TimePoint deadline) override {
    if (on_settle) on_settle();
    if (!settles) co_await SleepUntil(deadline);
    co_return settles;
  }
  void Shutdown() override { ++shutdowns; }

  std::vector<launch::LogLine> LogTail(const std::string&, std::size_t lines) const override {
    const auto skipped = log.size() - std::min(lines, log.size());
    return {log.begin() + static_cast<std::ptrdiff_t>(skipped), log.end()};
  }
  std::vector<launch::LogLine> LogSince(const std::string&, std::uint64_t seq) const override {
    return {log.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(seq, log.size())), log.end()};
  }
  std::vector<std::string> LogOfPreviousRun(const std::string&, int replica) const override {
    return {"last words of " + std::to_string(replica)};
  }
  std::uint64_t SubscribeLogs(const std::string&, std::function<void()> wake) override {
    log_subscribers[++last_id_] = std::move(wake);
    return last_id_;
  }
  void UnsubscribeLogs(std::uint64_t id) override { log_subscribers.erase(id); }

  void Print(std::string text) {
    log.push_back({log.size() + 1, 0, "2026-01-31T12:00:00.000Z", std::move(text)});
    for (const auto& [id, wake] : log_subscribers) wake();
  }

  std::vector<launch::ModelStatus> models;
  std::vector<std::string> not_ready;
  std::vector<std::string> asked;
  Status verdict = Ok();                 // of the next verbs
  std::function<void()> on_settle;
  bool settles = true;
  int requests_open = 0;
  int shutdowns = 0;
  std::vector<launch::LogLine> log;      // seq counts from 1
  std::map<std::uint64_t, std::function<void()>> log_subscribers;

 private:
  Status Verb(std::string what) {
    asked.push_back(std::move(what));
    return verdict;
  }
  placement::Ledger ledger_;
  std::uint64_t last_id_ = 0;
};

inline config::Model TestModel(std::string name, int replicas, std::vector<std::string> aliases = {}) {
  config::Model model;
  model.name = std::move(name);
  model.replicas = replicas;
  model.aliases = std::move(aliases);
  model.devices = {"cpu"};
  model.memory = MiB(64);
  return model;
}

inline config::Plan TestPlan() {
  config::Plan plan;
  plan.devices.push_back({"cpu", GiB(1), 2});
  plan.models = {TestModel("bge", 2, {"text-embedding-3-small"}), TestModel("org/chat", 1),
                 TestModel("odd/logs", 1)};
  plan.server.admin = "/run/berth/admin.sock";
  return plan;
}

}  // namespace berth::admin
