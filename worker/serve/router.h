// From a request to the route that answers it. Runs on the io thread and hands everything that takes time to
// the pool. Counts the requests that are being answered, so that a drain knows when the last one is done.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/protocol/http_message.h"
#include "worker/protocol/http_server.h"
#include "worker/serve/call.h"
#include "worker/serve/event_stream.h"
#include "worker/serve/service.h"

namespace berth::serve {

class Router {
 public:
  // `does`: "embeds texts", for those who ask for a route that is not there. `service` outlives the router.
  Router(Service& service, std::vector<Route> routes, std::string_view does, Duration ping_every = kPingEvery)
      : service_(service), routes_(std::move(routes)), does_(does), ping_every_(ping_every) {}

  // The paths, as `ready` reports them.
  std::vector<std::string> paths() const;

  boost::asio::awaitable<std::optional<http::Response>> Handle(std::shared_ptr<http::Request> request,
                                                               http::Exchange& exchange);

  // What counts the bodies of its requests while they arrive (http::ServerLimits): Handle() takes the count over.
  std::unique_ptr<http::BodyMemory> MemoryForBody();

  // From now on new requests get 503; `idle` is called, once, as soon as none is being answered.
  void Drain(std::function<void()> idle);

 private:
  // A request that is being answered, also when its coroutine ends by an exception.
  class Visit {
   public:
    explicit Visit(Router& router) : router_(router) { ++router_.active_; }
    ~Visit();

   private:
    Router& router_;
  };

  std::optional<http::Response> WhyNot(const http::RequestHead& head, const Route* route) const;
  http::Response NoSuchRoute(const http::RequestHead& head) const;

  Service& service_;
  const std::vector<Route> routes_;
  const std::string does_;
  const Duration ping_every_;
  int active_ = 0;
  bool draining_ = false;
  std::function<void()> idle_;
};

}  // namespace berth::serve
