#include "worker/protocol/http_stream.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace asio = boost::asio;

namespace berth::http {
namespace {

constexpr std::size_t kReadSize = 32 * 1024;

}  // namespace

ClientStream::ClientStream(Socket socket, std::size_t read_ahead, Duration write_timeout)
    : socket_(std::move(socket)),
      read_ahead_(read_ahead),
      write_timeout_(write_timeout),
      arrived_(socket_.get_executor()),
      write_timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
}

void ClientStream::Consume(std::size_t count) {
  bytes_.erase(0, count);
  // An idle connection keeps no large buffer.
  if (bytes_.empty() && bytes_.capacity() > kReadSize) bytes_ = std::string();
}

bool ClientStream::ReadNow() {
  if (closed_) return true;
  if (bytes_.size() >= read_ahead_) return false;
  const std::size_t before = bytes_.size();
  bytes_.resize(before + std::min(kReadSize, read_ahead_ - before));
  boost::system::error_code error;
  const std::size_t n =
      socket_.read_some(asio::buffer(bytes_.data() + before, bytes_.size() - before), error);
  bytes_.resize(before + n);
  if (error == asio::error::would_block || error == asio::error::try_again) return false;
  closed_ = error.failed();
  return true;
}

asio::awaitable<ClientStream::Arrival> ClientStream::Fill(TimePoint deadline) {
  const std::size_t before = bytes_.size();
  if (!ReadNow()) ReadInBackground();
  while (bytes_.size() == before && !closed_) {
    if (Clock::now() >= deadline) co_return Arrival::kTimeout;
    boost::system::error_code ignored;
    arrived_.expires_at(deadline);
    co_await arrived_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return bytes_.size() > before ? Arrival::kBytes : Arrival::kClosed;
}

void ClientStream::ReadInBackground() {
  if (reading_ || closed_ || bytes_.size() >= read_ahead_) return;
  reading_ = true;
  socket_.async_wait(
      asio::socket_base::wait_read,
      [self = shared_from_this()](const boost::system::error_code& error) { self->OnReadable(error); });
}

void ClientStream::OnReadable(const boost::system::error_code& error) {
  reading_ = false;
  if (error || !socket_.is_open()) return;
  const bool news = ReadNow();
  if (news) arrived_.cancel();
  if (closed_) return NoteLeft();
  // A wakeup for nothing, or a request in progress: go on listening.
  if (!news || left_) ReadInBackground();
}

void ClientStream::Watch(std::function<void()> left) {
  left_ = std::move(left);
  ReadInBackground();
}

void ClientStream::Unwatch() { left_ = nullptr; }

void ClientStream::NoteLeft() {
  if (auto left = std::exchange(left_, nullptr)) left();
}

asio::awaitable<bool> ClientStream::Write(std::string bytes) {
  for (std::size_t at = 0; at < bytes.size() && socket_.is_open();) {
    boost::system::error_code error;
    at += socket_.write_some(asio::buffer(bytes.data() + at, bytes.size() - at), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      co_await WaitWritable();
    } else if (error) {
      Close();
    }
  }
  co_return socket_.is_open();
}

asio::awaitable<void> ClientStream::WaitWritable() {
  const std::uint64_t wait = ++write_waits_;
  write_timer_.expires_after(write_timeout_);
  write_timer_.async_wait([self = shared_from_this(), wait](const boost::system::error_code& error) {
    if (!error && wait == self->write_waits_) self->Close();
  });
  boost::system::error_code ignored;
  co_await socket_.async_wait(asio::socket_base::wait_write,
                              asio::redirect_error(asio::use_awaitable, ignored));
  ++write_waits_;
  write_timer_.cancel();
}

void ClientStream::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  closed_ = true;
  arrived_.cancel();
  write_timer_.cancel();
  NoteLeft();
}

void ClientStream::Abort() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Close();
}

asio::awaitable<void> ClientStream::CloseGently(Duration patience) {
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  const TimePoint deadline = Clock::now() + patience;
  do {
    Consume(bytes_.size());
  } while (co_await Fill(deadline) == Arrival::kBytes);
  Close();
}

}  // namespace berth::http
