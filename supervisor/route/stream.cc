#include "supervisor/route/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <string_view>
#include <utility>

namespace asio = boost::asio;

namespace berth::route {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;
constexpr std::size_t kMaxWatched = 64 * 1024;  // of pipelined requests, read while one is being served
// A client reads its refusal only once it has sent its body: what still comes is thrown away for so long.
constexpr std::size_t kLingerBytes = 64 * 1024 * 1024;
constexpr auto kLingerTime = std::chrono::seconds(5);
constexpr auto kLingerSilence = std::chrono::seconds(1);

}  // namespace

Parts ContinueHead() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  return {asio::buffer(kContinue), asio::const_buffer()};
}

// A coroutine to go on with. A timer would do as well, cancelled when something has arrived; but a wait is what every
// message costs twice.
struct Stream::Waiter {
  virtual ~Waiter() = default;
  virtual void Resume() = 0;
};

// Begins the wait of the coroutine that awaits it.
struct Stream::BeginWait {
  template <class Handler>
  struct Kept : Waiter {
    explicit Kept(Handler h) : handler(std::move(h)) {}
    void Resume() override { std::move(handler)(); }
    Handler handler;
  };
  template <class Handler>
  void operator()(Handler handler) const {
    stream.waiter_ = std::make_unique<Kept<Handler>>(std::move(handler));
  }
  Stream& stream;
};

Stream::Stream(asio::io_context& io, int family, Fd fd)
    : socket_(io, asio::generic::stream_protocol(family, 0), fd.Release()), patience_(io) {}

Stream::~Stream() = default;

void Stream::StartRead() {
  if (reading_ || ended_) return;
  reading_ = true;
  auto self = shared_from_this();
  socket_.async_wait(asio::socket_base::wait_read, [self](const boost::system::error_code&) {
    self->reading_ = false;
    self->OnReadable();
  });
}

void Stream::OnReadable() {
  if (!closed_) ReadNow();
  if (watching_ && buffer_.size() < kMaxWatched) StartRead();
  Wake();
}

// Goes on with the coroutine that waits: the last that a callback of the loop does.
void Stream::Wake() {
  patience_.Clear();
  if (auto waiter = std::move(waiter_)) waiter->Resume();
}

// The same, for those whom a coroutine may have called.
void Stream::WakeSoon() {
  if (!waiter_) return;
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Wake(); });
}

void Stream::ReadNow() {
  thread_local char scratch[kReadSize];
  const ssize_t got = ::recv(socket_.native_handle(), scratch, sizeof scratch, MSG_DONTWAIT);
  drained_ = got < static_cast<ssize_t>(sizeof scratch);
  if (got > 0) {
    buffer_.Append({scratch, static_cast<std::size_t>(got)});
  } else if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
    End();
  }
}

void Stream::End() {
  ended_ = true;
  if (auto gone = std::exchange(on_gone_, nullptr)) gone();
}

asio::awaitable<Arrival> Stream::More(TimePoint deadline) {
  const std::size_t had = buffer_.size();
  // After a read that emptied the socket, asking again would mostly be in vain: waiting tells, too.
  if (!ended_ && !drained_) ReadNow();
  for (bool waited = false;; waited = true) {
    if (buffer_.size() > had) {
      if (watching_ && buffer_.size() < kMaxWatched) StartRead();
      co_return Arrival::kData;
    }
    if (ended_) co_return Arrival::kClosed;
    const TimePoint until = std::min(deadline, limit_);
    if (waited && until != TimePoint::max() && Clock::now() >= until) co_return Arrival::kTimeout;
    StartRead();
    if (until != TimePoint::max()) patience_.Set(until, [this] { Wake(); });
    auto wait = asio::async_initiate<const asio::deferred_t&, void()>(BeginWait{*this}, asio::deferred);
    co_await std::move(wait);  // NOLINT(performance-move-const-arg): an operation is given away
  }
}

void Stream::WakeWriter() {
  if (writable_) writable_->cancel();
}

asio::awaitable<bool> Stream::WaitWritable(Duration patience) {
  writing_ = true;
  if (!writable_) writable_ = std::make_unique<asio::steady_timer>(socket_.get_executor());
  auto self = shared_from_this();
  socket_.async_wait(asio::socket_base::wait_write, [self](const boost::system::error_code&) {
    self->writing_ = false;
    self->WakeWriter();
  });
  const TimePoint give_up = Clock::now() + patience;
  while (writing_ && !closed_) {
    const TimePoint until = std::min(give_up, limit_);
    if (Clock::now() >= until) {
      Abort();
      break;
    }
    writable_->expires_at(until);
    boost::system::error_code ignored;
    co_await writable_->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return !closed_;
}

std::optional<bool> Stream::WriteNow(Parts& parts) {
  while (parts[0].size() + parts[1].size() > 0) {
    if (closed_) return false;
    iovec vectors[2];
    for (std::size_t i = 0; i < 2; ++i) vectors[i] = {const_cast<void*>(parts[i].data()), parts[i].size()};
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = 2;
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    if (sent < 0) return false;
    wrote_ = wrote_ || sent > 0;
    auto left = static_cast<std::size_t>(sent);
    for (asio::const_buffer& part : parts) {
      const std::size_t taken = std::min(left, part.size());
      part += taken;
      left -= taken;
    }
  }
  return true;
}

asio::awaitable<bool> Stream::Write(Parts parts, Duration patience) {
  for (;;) {
    if (const auto done = WriteNow(parts)) co_return *done;
    const bool writable = co_await WaitWritable(patience);
    if (!writable) co_return false;
  }
}

void Stream::Watch(std::function<void()> on_gone) {
  if (ended_) return on_gone();
  on_gone_ = std::move(on_gone);
  watching_ = true;
  if (buffer_.size() < kMaxWatched) StartRead();
}

void Stream::Unwatch() {
  watching_ = false;
  on_gone_ = nullptr;
}

void Stream::Hurry(TimePoint limit) {
  limit_ = std::min(limit_, limit);
  WakeSoon();
  WakeWriter();
}

void Stream::Abort() {
  if (closed_) return;
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  Close();
}

void Stream::Close() {
  if (closed_) return;
  closed_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  patience_.Stop();
  WakeWriter();
  End();
  WakeSoon();
}

asio::awaitable<void> Stream::CloseGently() {
  if (closed_) co_return;
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  const TimePoint until = Clock::now() + kLingerTime;
  std::size_t dropped = 0;
  while (!ended_ && dropped < kLingerBytes) {
    dropped += buffer_.size();
    buffer_.Clear();
    const Arrival arrival = co_await More(std::min(until, Clock::now() + kLingerSilence));
    if (arrival != Arrival::kData) break;
  }
  Close();
}

bool Stream::QuietNow() {
  if (!Quiet()) return false;
  char byte;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace berth::route
