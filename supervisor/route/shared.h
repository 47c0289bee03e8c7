// What all io threads of the proxy have in common, and what each has of its own. The proxy makes both, and
// both outlive every connection.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <ctime>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/task_group.h"
#include "supervisor/observe/metrics.h"
#include "supervisor/route/admission.h"
#include "supervisor/route/meters.h"
#include "supervisor/route/retry_budget.h"
#include "supervisor/route/router.h"
#include "supervisor/route/scraper.h"
#include "supervisor/route/upstream_pool.h"

namespace berth::route {

// One model of the plan and its door.
struct ModelDoor {
  ModelDoor(const config::Model& m, std::uint64_t seed, std::function<void()> wanted)
      : model(m), admission(m, seed, std::move(wanted)) {}
  const config::Model& model;
  Admission admission;
};

struct Shared {
  // `wanted`: as ProxyOptions'.
  Shared(const config::Plan& plan, observe::Metrics& metrics, std::function<void(const std::string&)> wanted);

  // The door of a model of the plan; by name in the second form, nullptr when there is none.
  ModelDoor& Door(const config::Model& model);
  ModelDoor* Door(const std::string& name);

  const config::Plan& plan;
  observe::Metrics& metrics;
  const Router router;
  std::vector<std::unique_ptr<ModelDoor>> doors;  // in the order of the plan
  RetryBudget budget;
  Scraper scraper;
  Duration ping_every{};           // silence of an event stream
  const std::time_t started = std::time(nullptr);
  std::atomic<int> requests_open{0};
  std::atomic<int> relayed_open{0};  // of them: on their way to a model
  std::atomic<int> connections_open{0};
  std::atomic<std::uint64_t> forms_held{0};  // bytes of forms that are read for their model
  std::atomic<bool> draining{false};
};

class Connection;

struct IoThread {
  explicit IoThread(Shared& s) : shared(s), tasks(io.get_executor()), meters(s.metrics) {}

  Shared& shared;
  // One thread runs it and owns its sockets; others only post. So the sockets need no locks.
  boost::asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  TaskGroup tasks;
  Meters meters;
  UpstreamPool pool;
  std::set<Connection*> connections;
};

}  // namespace berth::route
