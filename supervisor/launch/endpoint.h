// One incarnation of one replica as the proxy sees it, and the door through which the fleet tells the proxy
// about it. The fleet makes endpoints and calls the sink on the control thread; io threads use them through
// the sink's snapshot. A new process is a new endpoint: nothing is ever reused.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "supervisor/base/fd.h"
#include "supervisor/launch/state.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/control.h"

namespace berth::launch {

struct Endpoint {
  std::string model;
  int replica = 0;
  std::uint64_t incarnation = 0;   // counts the processes of this replica, from 1
  std::string socket_path;         // where to connect to: the worker's listening Unix socket
  Fd socket;                       // what `socket_path` leads through; as long as somebody may connect
  int window = 1;                  // requests that may be outstanding at once
  protocol::Capabilities capabilities;
  std::unique_ptr<protocol::ClaimTable> claims;  // at least `window` slots

  // Requests outstanding here, by the supervisor's count; written by the proxy, read by hang detection.
  std::atomic<int> in_flight{0};
  // Those of them that are whole at the worker and that it has not begun to answer. Whether a slot is BEGUN
  // does not say this: a client that leaves frees its slot, and a worker may be stuck before it begins.
  std::atomic<int> awaiting{0};
};

// What the proxy needs to know of a model that has no ready replica, to answer at once or to wait.
struct ModelCondition {
  State state = State::kStopped;  // the best of its replicas'
  int ready = 0;            // replicas that take requests
  bool coming = false;      // some replica is ready or on its way (waiting, starting, loading, backoff, restarting):
                            // waiting may help
  bool on_demand = false;   // nothing is on its way, and a request would change that
  bool draining = false;    // an operator stops it, or the daemon drains
  std::string reason;       // for the error message: "chat: loading weights, 40 %"
  std::chrono::seconds retry_after{1};
};

class EndpointSink {
 public:
  virtual ~EndpointSink() = default;
  // Ready: may be sent requests from now on.
  virtual void Up(std::shared_ptr<Endpoint> endpoint) = 0;
  // No new requests; offered ones that can be revoked are sent elsewhere; begun ones go on.
  virtual void Closing(const std::shared_ptr<Endpoint>& endpoint) = 0;
  // The process is reaped: whatever is outstanding is lost or, when not begun, sent elsewhere.
  virtual void Down(const std::shared_ptr<Endpoint>& endpoint) = 0;
  virtual void Condition(const std::string& model, ModelCondition condition) = 0;
};

}  // namespace berth::launch
