// The data plane: accepts clients on the plan's addresses, answers what is the daemon's own (/health,
// /metrics, /v1/models, /version) and relays the rest to ready replicas under the promises R1-R9 of the
// project: one terminal reply per request, retries only of what no worker has begun, bounded queues,
// deadlines, cancellation within one step of the engine.
// Constructed and driven on the control thread; requests run on io threads of its own, each with one
// io_context. The fleet reports replicas through EndpointSink, on the control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"
#include "supervisor/launch/endpoint.h"
#include "supervisor/observe/metrics.h"

namespace berth::route {

struct ProxyOptions {
  Duration ping_every = std::chrono::seconds(15);  // a comment into an event stream that is silent for so long
  // A request waits for this model, which comes on demand and nobody has started yet. On any thread; passes it on.
  std::function<void(const std::string&)> wanted = nullptr;
};

class Proxy : public launch::EndpointSink {
 public:
  // Everything referenced outlives the proxy.
  Proxy(const config::Plan& plan, observe::Metrics& metrics, ProxyOptions options = {});
  ~Proxy() override;  // after Stop()

  // Binds the listeners. Errors: address in use (names address and remedy), no permission, unknown host.
  Status Listen();
  // The addresses bound, with the real port: "127.0.0.1:8080" (API), then the metrics listener if any.
  std::vector<std::string> addresses() const;
  // Starts the io threads.
  void Run();

  // Unready from now on: new requests get 503 draining, idle connections are closed, running requests go on.
  void BeginDrain();
  // Requests that have not got their terminal reply yet.
  int requests_open() const;
  // Ends every connection and joins the io threads.
  void Stop();

  // EndpointSink
  void Up(std::shared_ptr<launch::Endpoint> endpoint) override;
  void Closing(const std::shared_ptr<launch::Endpoint>& endpoint) override;
  void Down(const std::shared_ptr<launch::Endpoint>& endpoint) override;
  void Condition(const std::string& model, launch::ModelCondition condition) override;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace berth::route
