// The bytes of one client's connection, under http_server: reads ahead into a bounded buffer, so that a
// client that leaves is noticed while its request is worked on; writes with a deadline per progress. Knows
// nothing of HTTP. Everything runs on the socket's executor, which is one thread or a strand. Held by
// shared_ptr: pending reads outlive the coroutine by a moment.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "worker/protocol/http_server.h"

namespace berth::http {

class ClientStream : public std::enable_shared_from_this<ClientStream> {
 public:
  // `read_ahead`: no more unconsumed bytes than this are kept; the rest stays with the kernel, and with it
  // the news that the client left.
  ClientStream(Socket socket, std::size_t read_ahead, Duration write_timeout);

  Socket& socket() { return socket_; }
  const std::string& bytes() const { return bytes_; }  // arrived, not consumed
  void Consume(std::size_t count);
  bool closed() const { return closed_; }  // the client sent its last byte, or reset

  enum class Arrival { kBytes, kClosed, kTimeout };
  // Waits until bytes() grew.
  boost::asio::awaitable<Arrival> Fill(TimePoint deadline);

  // Until Unwatch(), reads ahead; `left` is called once when the client closes or resets.
  void Watch(std::function<void()> left);
  void Unwatch();

  // False: the client is gone, or took nothing for `write_timeout`; the socket is closed then.
  boost::asio::awaitable<bool> Write(std::string bytes);

  void Close();
  void Abort();  // with a reset, where the transport has one
  // Ends our side and discards what the client still sends, for a moment: closing with unread bytes would
  // reset the connection, and destroy the answer before the client read it.
  boost::asio::awaitable<void> CloseGently(Duration patience);

 private:
  bool ReadNow();  // true: bytes came or the client left; false: nothing there
  void ReadInBackground();
  void OnReadable(const boost::system::error_code& error);
  void NoteLeft();
  boost::asio::awaitable<void> WaitWritable();

  Socket socket_;
  const std::size_t read_ahead_;
  const Duration write_timeout_;
  std::string bytes_;
  bool closed_ = false;
  bool reading_ = false;  // an async_wait for readability is pending
  std::function<void()> left_;
  boost::asio::steady_timer arrived_;  // Fill's deadline; cancelled early when something arrived
  boost::asio::steady_timer write_timer_;
  std::uint64_t write_waits_ = 0;  // tells an expiry of this wait from one of an earlier
};

}  // namespace berth::http
