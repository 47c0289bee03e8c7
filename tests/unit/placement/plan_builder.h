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
    plan_.order = std::move(order);
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
  PlanBuilder& After(std::vector<std::string> after) {
    plan_.models.back().after = std::move(after);
    return *this;
  }
  PlanBuilder& Manual() {
    plan_.models.back().start = config::Start::kManual;
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
