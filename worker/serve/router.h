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
#include "worker/serve/service.h"

namespace berth::serve {

class Router {
 public:
  // The routes that a model with this task has, as `ready` reports them: what it is for comes first.
  static std::vector<std::string> Routes(checkpoint::Task task);

  explicit Router(Service& service) : service_(service) {}

  boost::asio::awaitable<std::optional<http::Response>> Handle(std::shared_ptr<http::Request> request,
                                                               http::Exchange& exchange);

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

  Service& service_;
  int active_ = 0;
  bool draining_ = false;
  std::function<void()> idle_;
};

}  // namespace berth::serve
