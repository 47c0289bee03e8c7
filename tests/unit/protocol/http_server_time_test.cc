#include "tests/unit/protocol/http_server_fixture.h"

namespace berth::http {
namespace {

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
