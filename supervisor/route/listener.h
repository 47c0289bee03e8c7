// Accepts clients on one TCP address and deals their sockets to the io threads in turn, so that each thread
// has its share whatever the kernel would have done. Beyond `max_connections` a client gets a 503 and is
// closed. Made and bound on the control thread; accepts on the io thread of `io`.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "config/plan.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::route {

class Listener {
 public:
  // Binds. Errors name the address and the remedy.
  static Result<std::unique_ptr<Listener>> Bind(boost::asio::io_context& io, const config::Address& address);

  // "127.0.0.1:8080", with the real port.
  const std::string& address() const { return address_; }

  // Called with each client's non-blocking, close-on-exec socket, its address family and the peer's address.
  using OnClient = std::function<void(Fd fd, int family, std::string peer)>;
  boost::asio::awaitable<void> Run(OnClient on_client);
  void Close();

 private:
  Listener(boost::asio::io_context& io, boost::asio::ip::tcp protocol, Fd fd);
  bool AcceptAll(const OnClient& on_client);

  boost::asio::ip::tcp::acceptor acceptor_;
  int family_;
  std::string address_;
  bool closed_ = false;
};

}  // namespace berth::route
