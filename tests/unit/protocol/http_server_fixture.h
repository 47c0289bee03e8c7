// The connection under test: a handler that does as a request path says, on a socket pair, with its io_context
// on a thread of its own.
#pragma once

#include "worker/protocol/http_server.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "supervisor/base/deadline.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/task_group.h"
#include "tests/support/malformed_requests.h"
#include "worker/protocol/http_body.h"

namespace berth::http {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kGetWait = "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr int kPatienceMs = 10'000;  // a test that waits so long has failed

// What the handler and the test tell each other.
struct Script {
  explicit Script(asio::io_context& context) : release(context) { release.expires_at(TimePoint::max()); }

  std::promise<void> started;  // /wait: the handler runs
  std::promise<void> gone;     // /wait: the client left
  asio::steady_timer release;  // /wait: cancelled to let it go on
  std::atomic<int> handled{0};
  std::promise<bool> stream_ended;  // /flood: what WriteChunk said last
};

inline asio::awaitable<std::optional<Response>> Wait(Script& script, Exchange& exchange) {
  exchange.OnGone([&script] {
    script.gone.set_value();
    script.release.cancel();
  });
  script.started.set_value();
  boost::system::error_code ignored;
  co_await script.release.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return JsonResponse(200, "\"waited\"");
}

inline asio::awaitable<std::optional<Response>> Stream(Exchange& exchange, bool end) {
  std::vector<Field> fields = {{"Content-Type", "text/plain"}};
  const bool begun = co_await exchange.BeginStream(200, std::move(fields));
  for (const char* word : {"one ", "", "two ", "three"}) {
    std::string chunk = word;
    if (begun) co_await exchange.WriteChunk(std::move(chunk));
  }
  if (end) co_await exchange.EndStream();
  co_return std::nullopt;
}

inline asio::awaitable<std::optional<Response>> Flood(Script& script, Exchange& exchange) {
  std::vector<Field> fields;
  bool open = co_await exchange.BeginStream(200, std::move(fields));
  for (int i = 0; open && i < 1000; ++i) {
    std::string chunk(100'000, 'f');
    open = co_await exchange.WriteChunk(std::move(chunk));
  }
  script.stream_ended.set_value(open);
  co_return std::nullopt;
}

inline asio::awaitable<std::optional<Response>> Handle(Script& script, std::shared_ptr<Request> request,
                                                Exchange& exchange) {
  ++script.handled;
  const std::string& path = request->head.path;
  if (path == "/wait") co_return co_await Wait(script, exchange);
  if (path == "/stream") co_return co_await Stream(exchange, true);
  if (path == "/cut") co_return co_await Stream(exchange, false);
  if (path == "/flood") co_return co_await Flood(script, exchange);
  if (path == "/nothing") co_return std::nullopt;
  if (request->unkept > 0) co_return JsonResponse(503, std::to_string(request->unkept) + request->body);
  co_return JsonResponse(200, request->head.method + " " + request->head.target + " " + request->body);
}

// A server on one end of a socket pair, in a thread of its own; the test is the client on the other end.
class ServeConnectionTest : public ::testing::Test {
 protected:
  ~ServeConnectionTest() override {
    client_.Reset();
    if (thread_.joinable()) thread_.join();
  }

  void Connect() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client_.Reset(ends[0]);
    stream_protocol::socket accepted(context_, stream_protocol(), ends[1]);
    handler_ = [this](std::shared_ptr<Request> request, Exchange& exchange) {
      return Handle(script_, std::move(request), exchange);
    };
    Socket socket(std::move(accepted));
    group_.Spawn("connection", ServeConnection(std::move(socket), handler_, limits_, draining_));
    thread_ = std::thread([this] { context_.run(); });
  }
  // For a second connection of the same test.
  void Finish() {
    client_.Reset();
    thread_.join();
    context_.restart();
  }

  void Send(std::string_view bytes) {
    // The server may have answered and closed before it read everything.
    while (!bytes.empty()) {
      const ssize_t n = ::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // One more piece of what the server sent; false at its end.
  bool Receive(std::string* received) {
    pollfd wait{client_.get(), POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "nothing came; so far: " << *received;
      return false;
    }
    char piece[65536];
    const ssize_t n = ::recv(client_.get(), piece, sizeof piece, 0);
    if (n > 0) received->append(piece, static_cast<std::size_t>(n));
    return n > 0;
  }
  std::string ReceiveAll() {
    std::string received;
    while (Receive(&received)) continue;
    return received;
  }

  struct Answer {
    int status = 0;
    ResponseHead head;
    std::string body;
  };
  Answer ReceiveAnswer(std::string_view method = "GET") {
    for (;;) {
      auto result = ParseResponseHead(pending_, method, HeadLimits());
      if (auto* head = std::get_if<ResponseHead>(&result)) {
        Answer answer{head->status, *head, ""};
        pending_.erase(0, head->bytes);
        ReceiveBody(&answer);
        return answer;
      }
      if (std::holds_alternative<HeadError>(result) || !Receive(&pending_)) return {};
    }
  }
  void ReceiveBody(Answer* answer) {
    BodyReader reader(answer->head);
    while (!reader.done()) {
      const auto step = reader.Feed(pending_, &answer->body);
      pending_.erase(0, step.consumed);
      if (step.bad || step.done) return;
      if (!Receive(&pending_)) return;
    }
  }

  std::string Ask(std::string_view bytes) {
    Send(bytes);
    return ReceiveAnswer().body;
  }

  void AwaitStart() { ASSERT_EQ(script_.started.get_future().wait_for(10s), std::future_status::ready); }
  void AwaitGone() { ASSERT_EQ(script_.gone.get_future().wait_for(10s), std::future_status::ready); }
  void CancelAll() {
    asio::post(context_, [this] { group_.Cancel(); });
  }

  asio::io_context context_;
  Script script_{context_};
  TaskGroup group_{context_.get_executor()};
  ServerLimits limits_;
  Handler handler_;
  bool draining_ = false;
  Fd client_;
  std::thread thread_;
  std::string pending_;
};

}  // namespace berth::http
