// The end of a worker's life: new requests are refused, begun ones finish, connections close. On the io thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <utility>

#include "supervisor/base/duration.h"
#include "supervisor/base/log.h"
#include "worker/serve/router.h"
#include "worker/serve/server.h"

namespace berth {

class Drainer {
 public:
  // `begin`: keeps the engine from beginning anything new. `drained`: called once, when nothing is left.
  Drainer(boost::asio::io_context& io, serve::Router& router, serve::Server& server, std::function<void()> begin,
          std::function<void()> drained)
      : router_(router), server_(server), begin_(std::move(begin)), drained_(std::move(drained)), deadline_(io) {}

  // The second call changes nothing.
  void Begin(Duration patience) {
    if (begun_) return;
    begun_ = true;
    LogInfo("draining for at most " + FormatDuration(patience));
    begin_();
    router_.Drain([this] { Close(); });
    deadline_.expires_after(patience);
    deadline_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) Close();
    });
  }

 private:
  static constexpr Duration kCloseGrace = std::chrono::seconds(2);

  void Close() {
    if (closing_) return;
    closing_ = true;
    server_.Close(kCloseGrace, drained_);
  }

  serve::Router& router_;
  serve::Server& server_;
  const std::function<void()> begin_;
  const std::function<void()> drained_;
  boost::asio::steady_timer deadline_;
  bool begun_ = false;
  bool closing_ = false;
};

}  // namespace berth
