// The daemon's Unix socket for operators: HTTP/1.1 with JSON, mode 0660, every peer checked by the kernel's word
// (peer.h). At most 64 connections at once; what comes beyond is told so and closed. Owned by the daemon, used on
// the control thread only. It never waits for a client: a slow one meets the deadlines of http_server.h.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <set>

#include "supervisor/admin/routes.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/task_group.h"

namespace berth::admin {

class AdminServer {
 public:
  static constexpr std::size_t kMostConnections = 64;

  // `context` outlives the server.
  AdminServer(boost::asio::any_io_executor executor, Context& context);

  // Binds and listens. The caller holds the runtime folder's lock and has removed what a dead daemon left.
  // Errors: no permission, the path too long or in use.
  Status Listen(const std::filesystem::path& path);
  // Accepts from now on, until Stop().
  void Run();
  // Removes the socket, ends streams, lets answers under way be sent within `grace`, and cuts what is then left.
  boost::asio::awaitable<void> Stop(Duration grace);

 private:
  boost::asio::awaitable<void> AcceptLoop();
  void Take(Fd connection);
  boost::asio::awaitable<bool> ConnectionsEnd(TimePoint deadline);
  boost::asio::awaitable<void> Serve(Fd connection, Peer peer);

  boost::asio::any_io_executor executor_;
  Context& context_;
  http::ServerLimits limits_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::filesystem::path path_;
  gid_t socket_group_ = 0;
  std::set<int> open_;  // a second descriptor of each connection, to cut it by
  TaskGroup accepting_;
  TaskGroup connections_;
};

}  // namespace berth::admin
