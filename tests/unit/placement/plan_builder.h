// Plans for placement tests, made without YAML: devices and models with only what placement looks at.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/plan.h"

namespace berth::placement::testing {

// "m7"
inline std::string Numbered(const char* word, int number) { return std::string(word).append(std::to_string(number)); }

class PlanBuilder {
 public:
  PlanBuilder& Device(std::string name, Bytes memory, int threads = 4) {
    plan_.devices.push_back({std::move(name), memory, threads});
    return *this;
  }
  PlanBuilder& Order(std::vector<config::Kind> order) {
    plan_.rules.order = std::move(order);
    return *this;
  }
  // The model may go to every device that was added before it. The calls below change the last model.
  PlanBuilder& Model(std::string name, Bytes memory, int replicas = 1) {
    config::Model model;
    model.name = std::move(name);
    model.memory = memory;
    model.threads = 1;
    model.replicas = replicas;
    for (const config::Device& device : plan_.devices) model.devices.push_back(device.name);
    plan_.models.push_back(std::move(model));
    return *this;
  }
  PlanBuilder& Kind(config::Kind kind) {
    plan_.models.back().kind = kind;
    return *this;
  }
  PlanBuilder& On(std::vector<std::string> devices) {
    plan_.models.back().devices = std::move(devices);
    return *this;
  }
  PlanBuilder& DevicesPerReplica(int devices) {
    plan_.models.back().devices_per_replica = devices;
    return *this;
  }
  PlanBuilder& Maps(std::string weights, Bytes bytes) {
    plan_.models.back().weights = std::move(weights);
    plan_.models.back().mapped = bytes;
    return *this;
  }
  PlanBuilder& After(std::vector<std::string> after) {
    plan_.models.back().after = std::move(after);
    return *this;
  }
  PlanBuilder& Manual() {
    plan_.models.back().start = config::Start::kManual;
    return *this;
  }
  PlanBuilder& Exclusive() {
    plan_.models.back().sharing = config::Sharing::kExclusive;
    return *this;
  }
  PlanBuilder& Pack() {
    plan_.models.back().spread = config::Spread::kPack;
    return *this;
  }
  PlanBuilder& Priority(int priority) {
    plan_.models.back().priority = priority;
    return *this;
  }
  // Rules; the devices and models may come later.
  PlanBuilder& MostPerDevice(config::Kind kind, int most) {
    plan_.rules.max_per_device[kind] = most;
    return *this;
  }
  PlanBuilder& Apart(std::vector<std::string> models) {
    plan_.rules.apart.push_back(std::move(models));
    return *this;
  }
  PlanBuilder& Together(std::vector<std::string> models) {
    plan_.rules.together.push_back(std::move(models));
    return *this;
  }
  PlanBuilder& Reserve(Bytes reserve) {  // of the last device
    plan_.devices.back().reserve = reserve;
    return *this;
  }
  PlanBuilder& Threads(int threads) {
    plan_.models.back().threads = threads;
    return *this;
  }

  operator config::Plan() const { return plan_; }  // NOLINT: a builder stands for what it builds

 private:
  config::Plan plan_;
};

}  // namespace berth::placement::testing
