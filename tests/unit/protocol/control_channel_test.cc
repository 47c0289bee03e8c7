#include "worker/protocol/control_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <optional>
#include <thread>

#include "supervisor/base/task_group.h"
#include "worker/protocol/control.h"

namespace berth::protocol {
namespace {

namespace asio = boost::asio;

class ControlChannel : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = MakeControlPair();
    ASSERT_TRUE(pair);
    ours_ = std::move(pair->first);
    theirs_ = std::move(pair->second);
  }

  Fd ours_, theirs_;
};

using Received = Result<std::optional<std::string>>;

asio::awaitable<void> ReceiveInto(ControlSocket& socket, std::vector<Received>& all) {
  for (;;) {
    all.push_back(co_await AsyncReceivePacket(socket));
    if (!all.back() || !*all.back()) co_return;
  }
}

TEST_F(ControlChannel, PacketsKeepTheirBounds) {
  ASSERT_TRUE(*SendPacket(ours_.get(), "one"));
  ASSERT_TRUE(*SendPacket(ours_.get(), std::string(kMaxPacket, 'x')));
  EXPECT_EQ(**ReceivePacket(theirs_.get()), "one");
  EXPECT_EQ((*ReceivePacket(theirs_.get()))->size(), kMaxPacket);
}

TEST_F(ControlChannel, DescriptorsAreCloseOnExec) {
  EXPECT_NE(::fcntl(ours_.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(theirs_.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ControlChannel, EmptyAndTooLargePacketsAreNotSent) {
  EXPECT_EQ(SendPacket(ours_.get(), "").error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(SendPacket(ours_.get(), std::string(kMaxPacket + 1, 'x')).error().kind, ErrorKind::kInvalid);
}

TEST_F(ControlChannel, TooLargePacketIsAProtocolErrorNotAShorterOne) {
  const std::string large(kMaxPacket + 1, 'x');
  ASSERT_EQ(::send(ours_.get(), large.data(), large.size(), 0), static_cast<ssize_t>(large.size()));
  const auto received = ReceivePacket(theirs_.get());
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().kind, ErrorKind::kInvalid);
}

TEST_F(ControlChannel, EmptyPacketReadsAsEndOfFile) {
  ASSERT_EQ(::send(ours_.get(), "", 0, 0), 0);
  EXPECT_FALSE(*ReceivePacket(theirs_.get()));
}

TEST_F(ControlChannel, SenderNeverBlocksWhenTheOtherSideDoesNotRead) {
  int sent = 0;
  for (; sent < 100'000; ++sent) {
    const auto result = SendPacket(ours_.get(), std::string(1000, 'x'));
    ASSERT_TRUE(result);
    if (!*result) break;
  }
  EXPECT_GT(sent, 0);
  EXPECT_LT(sent, 100'000);
}

TEST_F(ControlChannel, SenderLearnsThatThePeerIsGone) {
  theirs_.Reset();
  const auto result = SendPacket(ours_.get(), "x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kUnavailable);
}

// The last `failed` may be behind the reset that unread packets of ours cause.
TEST_F(ControlChannel, LastWordsOfADeadPeerAreReadDespiteUnreadPackets) {
  ASSERT_TRUE(*SendPacket(ours_.get(), "never read"));
  ASSERT_TRUE(*SendPacket(theirs_.get(), "beat"));
  ASSERT_TRUE(*SendPacket(theirs_.get(), "failed"));
  theirs_.Reset();
  EXPECT_EQ(**ReceivePacket(ours_.get()), "beat");
  EXPECT_EQ(**ReceivePacket(ours_.get()), "failed");
  EXPECT_FALSE(*ReceivePacket(ours_.get()));
}

TEST_F(ControlChannel, BlockingReaderWaitsForThePacket) {
  std::thread sender([this] { EXPECT_TRUE(*SendPacket(ours_.get(), "late")); });
  EXPECT_EQ(**ReceivePacket(theirs_.get()), "late");
  sender.join();
}

TEST_F(ControlChannel, CoroutineReadsPacketsUntilEndOfFile) {
  asio::io_context context;
  ControlSocket socket(context, asio::generic::seq_packet_protocol(AF_UNIX, 0), ours_.Release());
  std::vector<Received> all;
  TaskGroup group(context.get_executor());
  group.Spawn("reader", ReceiveInto(socket, all));
  context.poll();
  EXPECT_TRUE(all.empty());
  ASSERT_TRUE(*SendPacket(theirs_.get(), "one"));
  ASSERT_TRUE(*SendPacket(theirs_.get(), "two"));
  theirs_.Reset();
  context.run();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(**all[0], "one");
  EXPECT_EQ(**all[1], "two");
  EXPECT_FALSE(*all[2]);
}

TEST_F(ControlChannel, CancelledReaderEnds) {
  asio::io_context context;
  ControlSocket socket(context, asio::generic::seq_packet_protocol(AF_UNIX, 0), ours_.Release());
  std::vector<Received> all;
  TaskGroup group(context.get_executor());
  group.Spawn("reader", ReceiveInto(socket, all));
  context.poll();
  group.Cancel();
  context.run();
  EXPECT_EQ(group.size(), 0u);
}

}  // namespace
}  // namespace berth::protocol
