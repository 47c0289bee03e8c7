#include "tests/unit/protocol/http_server_fixture.h"

namespace berth::http {
namespace {

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

// Room for so many bytes at a time.
class Room : public BodyMemory {
 public:
  Room(std::uint64_t room, std::uint64_t& held) : room_(room), held_(held) {}
  ~Room() override { held_ -= own_; }
  bool Grow(std::uint64_t bytes) override {
    if (held_ + bytes > room_) return false;
    held_ += bytes;
    own_ += bytes;
    return true;
  }

 private:
  const std::uint64_t room_;
  std::uint64_t& held_;
  std::uint64_t own_ = 0;
};

TEST_F(ServeConnectionTest, ABodyIsCountedWhileItArrivesAndGivenUpWhereThereIsNoRoom) {
  std::uint64_t held = 0;
  limits_.body_memory = [&held] { return std::make_unique<Room>(100'000, held); };
  Connect();
  EXPECT_EQ(Ask("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"), "POST /a hello");
  std::thread sender([&] {
    Send("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    Send(std::string(1'000'000, 'x'));
  });
  const Answer refused = ReceiveAnswer();
  sender.join();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "1000000") << "its size is known, nothing of it is kept";
  EXPECT_EQ(Ask("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nworld"), "POST /a world")
      << "the connection goes on, and what was held is given back";
  Finish();
  EXPECT_EQ(held, 0u);
}

}  // namespace
}  // namespace berth::http
