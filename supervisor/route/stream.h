// One byte stream, to a client or to a worker, as the proxy uses it: bytes that have arrived wait in a bounded
// buffer, waits have deadlines, and the peer's leaving is noticed even while nobody reads (Watch). Any wait is
// ended at once by Abort(), from the same thread. Reads go through one buffer per thread, so that an idle
// connection costs no memory.
// Lives on one io thread. Owned by shared_ptr because a pending readiness wait holds it.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "supervisor/base/duration.h"
#include "supervisor/base/fd.h"
#include "supervisor/route/alarm.h"
#include "supervisor/route/byte_queue.h"

namespace berth::route {

enum class Arrival { kData, kClosed, kTimeout };
using Parts = std::array<boost::asio::const_buffer, 2>;
// "HTTP/1.1 100 Continue" and the end of that head.
Parts ContinueHead();

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // `fd`: a connected, non-blocking stream socket of this address family.
  Stream(boost::asio::io_context& io, int family, Fd fd);
  ~Stream();

  // What has arrived; callers take from it.
  ByteQueue& buffer() { return buffer_; }
  // Waits until the buffer has grown. kClosed: the peer closed, reset, or Abort() was called.
  boost::asio::awaitable<Arrival> More(TimePoint deadline);
  // Sends what the kernel takes at once, and takes that off `parts`. True: that was all; false: the peer is gone;
  // nothing: Write() the rest. Most messages need no more, and a call that waits costs a coroutine.
  std::optional<bool> WriteNow(Parts& parts);
  // Sends everything. False: the peer is gone, or took nothing for `patience` (the stream is then aborted).
  boost::asio::awaitable<bool> Write(Parts parts, Duration patience);

  // Listens while nobody waits for bytes, so that Quiet() knows what happened in the meantime.
  void Listen() { StartRead(); }
  // From now on the peer's leaving (FIN or reset) calls `on_gone`, once; it keeps reading up to a bound for
  // that. Bytes of a next request do not count as leaving.
  void Watch(std::function<void()> on_gone);
  void Unwatch();

  // No wait of this stream lasts longer than `limit` from now on.
  void Hurry(TimePoint limit);
  bool hurried() const { return limit_ != TimePoint::max(); }
  // Resets the connection: the peer sees an error, not an end.
  void Abort();
  void Close();
  // Says that no more comes, then reads a little while so that the peer gets what was sent last.
  boost::asio::awaitable<void> CloseGently();

  bool ended() const { return ended_; }  // the peer sends no more
  bool closed() const { return closed_; }
  // An idle stream on which the peer, as far as is known, has said nothing and which it has not closed.
  bool Quiet() const { return !closed_ && !ended_ && buffer_.empty(); }
  // The same, asking the kernel.
  bool QuietNow();
  bool wrote() const { return wrote_; }  // some byte was accepted by the kernel

 private:
  void StartRead();
  void OnReadable();
  void ReadNow();
  void End();
  struct Waiter;
  struct BeginWait;
  void Wake();
  void WakeSoon();
  boost::asio::awaitable<bool> WaitWritable(Duration patience);
  void WakeWriter();

  boost::asio::generic::stream_protocol::socket socket_;
  std::unique_ptr<Waiter> waiter_;      // the coroutine that waits in More()
  Alarm patience_;                      // of that coroutine
  // Cancelled when something can be sent. Made at the first wait: hardly any stream ever has one.
  std::unique_ptr<boost::asio::steady_timer> writable_;
  ByteQueue buffer_;
  std::function<void()> on_gone_;
  TimePoint limit_ = TimePoint::max();
  bool reading_ = false;
  bool drained_ = false;  // by the last read
  bool writing_ = false;
  bool watching_ = false;
  bool ended_ = false;
  bool closed_ = false;
  bool wrote_ = false;
};

}  // namespace berth::route
