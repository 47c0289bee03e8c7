// What a kind of worker brings into the process: a model that is loaded, warmed up and can be asked. Each kind has its
// file, named in main.cc's table; the life of the process around it is main.cc's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "worker/metering/budget.h"
#include "worker/metering/metrics.h"
#include "worker/protocol/control.h"
#include "worker/serve/call.h"
#include "worker/serve/control_link.h"
#include "worker/serve/memory_guard.h"
#include "worker/serve/service.h"

namespace berth {

inline constexpr double kWeightsShare = 0.8;  // of a load's progress; the warm-up is the rest

// What loading works with. All of it outlives the model.
struct Loading {
  serve::ControlLink& control;
  const protocol::StartMessage& start;
  serve::MemoryGuard& guard;
  engine::Budget& budget;
  engine::Metrics& metrics;
  serve::Service& service;

  // Tells the supervisor of progress, `share` (0 … 1) of the weights; not of every little step.
  void Progress(double share);
  // After each batch or step, on the compute thread: ends the process when its memory does not allow it to go on.
  void After(const Status& done);

  double told = 0;
};

class LoadedModel {
 public:
  virtual ~LoadedModel() = default;
  virtual std::vector<serve::Route> Routes() = 0;
  virtual std::string_view does() const = 0;   // "embeds texts"
  virtual std::string summary() const = 0;     // for the log: "384 dimensions, 512 tokens"
  virtual protocol::Capabilities capabilities() const = 0;  // but for the routes
  virtual int window() const = 0;              // requests that may be outstanding here
  virtual Bytes weights_mapped() const = 0;
  virtual Bytes weights_owned() const = 0;
  virtual std::uint64_t steps() const = 0;     // units of work done; any thread
  virtual std::map<std::string, double> gauges() const { return {}; }  // for beats, by their names; any thread
  virtual void Drain() = 0;                    // nothing new is begun
};

// Each ends the process when the model cannot be loaded.
std::unique_ptr<LoadedModel> LoadEncoder(Loading& loading);
std::unique_ptr<LoadedModel> LoadLlm(Loading& loading);
std::unique_ptr<LoadedModel> LoadSpeech(Loading& loading);

}  // namespace berth
