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
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

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

asio::awaitable<std::optional<Response>> Wait(Script& script, Exchange& exchange) {
  exchange.OnGone([&script] {
    script.gone.set_value();
    script.release.cancel();
  });
  script.started.set_value();
  boost::system::error_code ignored;
  co_await script.release.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return JsonResponse(200, "\"waited\"");
}

asio::awaitable<std::optional<Response>> Stream(Exchange& exchange, bool end) {
  std::vector<Field> fields = {{"Content-Type", "text/plain"}};
  const bool begun = co_await exchange.BeginStream(200, std::move(fields));
  for (const char* word : {"one ", "", "two ", "three"}) {
    std::string chunk = word;
    if (begun) co_await exchange.WriteChunk(std::move(chunk));
  }
  if (end) co_await exchange.EndStream();
  co_return std::nullopt;
}

asio::awaitable<std::optional<Response>> Flood(Script& script, Exchange& exchange) {
  std::vector<Field> fields;
  bool open = co_await exchange.BeginStream(200, std::move(fields));
  for (int i = 0; open && i < 1000; ++i) {
    std::string chunk(100'000, 'f');
    open = co_await exchange.WriteChunk(std::move(chunk));
  }
  script.stream_ended.set_value(open);
  co_return std::nullopt;
}

asio::awaitable<std::optional<Response>> Handle(Script& script, std::shared_ptr<Request> request,
                                                Exchange& exchange) {
  ++script.handled;
  const std::string& path = request->head.path;
  if (path == "/wait") co_return co_await Wait(script, exchange);
  if (path == "/stream") co_return co_await Stream(exchange, true);
  if (path == "/cut") co_return co_await Stream(exchange, false);
  if (path == "/flood") co_return co_await Flood(script, exchange);
  if (path == "/nothing") co_return std::nullopt;
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

constexpr std::string_view kGetWait = "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(ServeConnectionTest, ConnectionIsKeptForTheNextRequest) {
  Connect();
  EXPECT_EQ(Ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /a ");
  EXPECT_EQ(Ask("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"), "POST /b hi");
  EXPECT_EQ(Ask("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nho\r\n0\r\n\r\n"),
            "POST /c ho");
}

TEST_F(ServeConnectionTest, PipelinedRequestsAreAnsweredInOrder) {
  Connect();
  std::string all;
  for (int i = 0; i < 200; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  std::thread sender([&] { Send(all); });
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ReceiveAnswer().body, "POST /" + std::to_string(i) + " x");
  sender.join();
}

TEST_F(ServeConnectionTest, BytesThatDripInOneByOneMakeARequest) {
  Connect();
  for (char c : std::string_view("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"))
    Send({&c, 1});
  EXPECT_EQ(ReceiveAnswer().body, "POST /a abc");
}

TEST_F(ServeConnectionTest, EveryMalformedRequestGetsItsAnswerOnceAndTheConnectionCloses) {
  limits_.max_body = 1 << 20;
  for (const auto& request : berth::testing::kMalformedRequests) {
    pending_.clear();
    Connect();
    Send(BytesOf(request));
    const Answer answer = ReceiveAnswer();
    EXPECT_EQ(answer.status, request.status) << request.name;
    EXPECT_THAT(answer.body, HasSubstr("\"code\":\"" + std::string(request.code) + "\"")) << request.name;
    EXPECT_FALSE(answer.head.keep_alive) << request.name;
    EXPECT_EQ(pending_ + ReceiveAll(), "") << request.name;
    Finish();
  }
  EXPECT_EQ(script_.handled, 0);
}

TEST_F(ServeConnectionTest, HeadHasTheLengthButNoBody) {
  Connect();
  Send("HEAD /abc HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  const Answer head = ReceiveAnswer("HEAD");
  EXPECT_EQ(head.head.content_length, 10u);
  EXPECT_EQ(ReceiveAnswer().body, "GET /next ");
}

TEST_F(ServeConnectionTest, Http10ClosesUnlessItAskedOtherwise) {
  Connect();
  Send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(*ReceiveAnswer().head.Find("connection"), "keep-alive");
  Send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_EQ(ReceiveAnswer().body, "GET /b ");
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, ConnectionCloseIsObeyed) {
  Connect();
  Send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(ReceiveAnswer().head.keep_alive);
  EXPECT_EQ(ReceiveAll(), "");
}

// --- bodies ---

TEST_F(ServeConnectionTest, ExpectContinueIsAnsweredBeforeTheBody) {
  Connect();
  Send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(ReceiveAnswer().status, 100);
  EXPECT_EQ(Ask("hi"), "POST /a hi");
}

TEST_F(ServeConnectionTest, TooLargeIsRefusedBeforeTheUpload) {
  limits_.max_body = 10;
  Connect();
  Send("POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  const Answer answer = ReceiveAnswer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("request_too_large"));
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, TooLargeIsReadableWhileTheClientStillUploads) {
  limits_.max_body = 10;
  Connect();
  Send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  Send(std::string(500'000, 'x'));
  EXPECT_EQ(ReceiveAnswer().status, 413);
}

TEST_F(ServeConnectionTest, ChunkedBodyIsLimitedByItsPayload) {
  limits_.max_body = 10;
  Connect();
  EXPECT_EQ(Ask("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                "chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"),
            "POST /a helloworld");
  Send(
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n");
  EXPECT_EQ(ReceiveAnswer().status, 413);
}

TEST_F(ServeConnectionTest, LargeBodyArrivesWhole) {
  Connect();
  const std::string body(5'000'000, 'b');
  std::thread sender([&] {
    Send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
    Send(body);
  });
  EXPECT_TRUE(ReceiveAnswer().body == "POST /a " + body);
  sender.join();
}

// --- slow clients ---

TEST_F(ServeConnectionTest, SlowHeadGets408) {
  limits_.header_timeout = 20ms;
  Connect();
  Send("GET / HTTP/1.1\r\nHost");
  const Answer answer = ReceiveAnswer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_THAT(answer.body, HasSubstr("timeout_error"));
}

TEST_F(ServeConnectionTest, SlowBodyGets408) {
  limits_.body_timeout = 20ms;
  Connect();
  Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell");
  EXPECT_EQ(ReceiveAnswer().status, 408);
  EXPECT_EQ(script_.handled, 0);
}

TEST_F(ServeConnectionTest, ABodyThatDripsForEverGets408) {
  limits_.body_timeout = 50ms;
  Connect();
  Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  pollfd answer{client_.get(), POLLIN, 0};
  int sent = 0;
  for (; sent < 999 && ::poll(&answer, 1, 5) == 0; ++sent) Send("x");
  EXPECT_EQ(ReceiveAnswer().status, 408);
  EXPECT_LT(sent, 999);
}

TEST_F(ServeConnectionTest, IdleConnectionIsClosedWithoutAWord) {
  limits_.idle_timeout = 20ms;
  Connect();
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, IdleTimeStartsAnewAfterEachRequest) {
  limits_.idle_timeout = 20ms;
  Connect();
  EXPECT_EQ(Ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n\r\n"), "GET /a ");
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, ClientThatDoesNotReadIsGivenUp) {
  limits_.write_timeout = 20ms;
  Connect();
  Send("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n");
  auto ended = script_.stream_ended.get_future();
  ASSERT_EQ(ended.wait_for(10s), std::future_status::ready);
  EXPECT_FALSE(ended.get());
}

// --- streams ---

TEST_F(ServeConnectionTest, StreamIsChunkedAndTheConnectionGoesOn) {
  Connect();
  Send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  const Answer answer = ReceiveAnswer();
  EXPECT_EQ(answer.head.framing, Framing::kChunked);
  EXPECT_EQ(answer.body, "one two three");
  EXPECT_EQ(Ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /a ");
}

TEST_F(ServeConnectionTest, StreamTo10EndsWithTheConnection) {
  Connect();
  Send("GET /stream HTTP/1.0\r\n\r\n");
  const Answer answer = ReceiveAnswer();
  EXPECT_EQ(answer.head.framing, Framing::kUntilClose);
  EXPECT_EQ(answer.body, "one two three");
}

TEST_F(ServeConnectionTest, StreamToHeadHasNoBody) {
  Connect();
  Send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(ReceiveAnswer("HEAD").status, 200);
  EXPECT_EQ(ReceiveAnswer().body, "GET /a ");
}

TEST_F(ServeConnectionTest, StreamCutShortNeverLooksWhole) {
  Connect();
  Send("GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string all = ReceiveAll();
  EXPECT_THAT(all, HasSubstr("three"));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("0\r\n\r\n")));
}

TEST_F(ServeConnectionTest, NoAnswerClosesTheConnection) {
  Connect();
  Send("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(ReceiveAll(), "");
}

// --- clients that leave ---

TEST_F(ServeConnectionTest, ClientThatClosesWhileTheHandlerRunsIsReported) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  client_.Reset();
  AwaitGone();
}

TEST_F(ServeConnectionTest, HalfCloseCountsAsLeaving) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  ::shutdown(client_.get(), SHUT_WR);
  AwaitGone();
  EXPECT_EQ(ReceiveAnswer().body, "\"waited\"");
}

TEST_F(ServeConnectionTest, ClientThatLeftBeforeTheHandlerAskedIsReported) {
  Connect();
  Send(kGetWait);
  ::shutdown(client_.get(), SHUT_WR);
  AwaitGone();
}

TEST_F(ServeConnectionTest, BytesOfTheNextRequestAreNotLeaving) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  Send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  asio::post(context_, [this] { script_.release.cancel(); });
  EXPECT_EQ(ReceiveAnswer().body, "\"waited\"");
  EXPECT_EQ(ReceiveAnswer().body, "GET /next ");
  EXPECT_EQ(script_.gone.get_future().wait_for(0s), std::future_status::timeout);
}

TEST_F(ServeConnectionTest, LeavingBehindBytesOfTheNextRequestIsSeen) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  Send("GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  client_.Reset();
  AwaitGone();
}

TEST_F(ServeConnectionTest, WhatAClientPipelinesIsBounded) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  // Once the server's bound and the kernel's are full, nothing more goes in.
  const std::string piece(4096, 'x');
  std::size_t sent = 0;
  pollfd room{client_.get(), POLLOUT, 0};
  while (sent < 64'000'000 && ::poll(&room, 1, 200) == 1) {
    const ssize_t n = ::send(client_.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  EXPECT_LT(sent, 2'000'000u);
  asio::post(context_, [this] { script_.release.cancel(); });
  EXPECT_EQ(ReceiveAnswer().body, "\"waited\"");
}

// --- ends ---

TEST_F(ServeConnectionTest, DrainFinishesTheRequestInProgressAndCloses) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  asio::post(context_, [this] {
    draining_ = true;
    group_.Cancel();
    script_.release.cancel();
  });
  const Answer answer = ReceiveAnswer();
  EXPECT_EQ(answer.body, "\"waited\"");
  EXPECT_FALSE(answer.head.keep_alive);
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, DrainEndsAnIdleConnectionAtOnce) {
  Connect();
  EXPECT_EQ(Ask("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), "GET /a ");
  asio::post(context_, [this] { draining_ = true; });
  CancelAll();
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, CancelWithoutDrainEndsARequestInProgress) {
  Connect();
  Send(kGetWait);
  AwaitStart();
  CancelAll();
  EXPECT_EQ(ReceiveAll(), "");
}

TEST_F(ServeConnectionTest, CancelBeforeTheFirstStepEndsIt) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  client_.Reset(ends[0]);
  Socket socket(stream_protocol::socket(context_, stream_protocol(), ends[1]));
  group_.Spawn("connection", ServeConnection(std::move(socket), handler_, limits_, draining_));
  group_.Cancel();
  context_.run();
  EXPECT_EQ(ReceiveAll(), "");
}

}  // namespace
}  // namespace berth::http
