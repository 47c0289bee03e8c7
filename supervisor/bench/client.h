// One request of a benchmark to an OpenAI-compatible server, measured as it streams back. Connections are kept and used
// again. Everything runs on the executor of the one io loop.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"
#include "supervisor/bench/sample.h"

namespace berth::bench {

// "http://host:port/base": where the API is. https is not spoken.
struct Target {
  std::string host;
  std::string port;
  std::string base;  // "/v1"; begins with a slash, or is empty
};
Result<Target> ParseTarget(const std::string& url);

class Client {
 public:
  // `api_key` may be empty. Neither is ever printed.
  Client(Target target, std::string api_key) : target_(std::move(target)), api_key_(std::move(api_key)) {}

  // POSTs `body` and reads the reply to its end, or until `limit` after the call. What happened is in the sample but for
  // `began`; its times count from `since`.
  boost::asio::awaitable<Sample> Send(std::string path, std::string body, TimePoint since, Duration limit);

 private:
  using Socket = boost::asio::ip::tcp::socket;
  boost::asio::awaitable<Socket> Connection();
  // Writes a request and reads its reply; again on another connection where a kept one turns out to be closed.
  boost::asio::awaitable<Sample> Exchange(std::string bytes, TimePoint since);

  const Target target_;
  const std::string api_key_;
  std::vector<Socket> idle_;
};

}  // namespace berth::bench
