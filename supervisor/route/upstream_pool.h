// Connections to workers that one io thread keeps open between requests, per endpoint. An endpoint that is
// closing or down is forgotten, its connections closed: nothing is ever reused across processes.
// Lives on its io thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "supervisor/launch/endpoint.h"
#include "supervisor/route/stream.h"

namespace berth::route {

enum class ConnectFailure {
  kFull,    // the listener's backlog is full: busy, not broken
  kFailed,  // nobody listens
};

// Connects to a Unix socket without waiting. (Asio's own async_connect takes a full backlog for success.)
std::variant<std::shared_ptr<Stream>, ConnectFailure> ConnectUnix(boost::asio::io_context& io,
                                                                  const std::string& path);

class UpstreamPool {
 public:
  // A kept connection on which the worker has not hung up, or nullptr. Not `only_sure`: as far as this thread has
  // heard; asking the kernel each time costs a system call.
  std::shared_ptr<Stream> Take(const launch::Endpoint& endpoint, bool only_sure);
  void Put(const launch::Endpoint& endpoint, std::shared_ptr<Stream> stream);
  void Forget(const launch::Endpoint& endpoint);
  void Clear();

 private:
  std::unordered_map<const launch::Endpoint*, std::vector<std::shared_ptr<Stream>>> idle_;
};

}  // namespace berth::route
