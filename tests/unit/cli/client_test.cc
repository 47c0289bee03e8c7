// The client against a server that says what the test wants, on a real Unix socket.
#include "supervisor/cli/client.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

namespace berth::cli {
namespace {

constexpr Duration kLimit = std::chrono::seconds(10);

// Accepts one connection, reads a request's head, sends `answer`, and closes; or, with no answer, waits until the
// client leaves.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)) {
    std::string pattern = testing::TempDir() + "/cli-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/admin.sock";
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneAnswer() {
    thread_.join();
    std::filesystem::remove_all(folder_);
  }
  const std::string& path() const { return path_; }
  // Once the client has returned.
  const std::string& request() const { return request_; }

 private:
  void Serve() {
    const Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char bytes[1024];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      const auto got = ::recv(connection.get(), bytes, sizeof bytes, 0);
      if (got <= 0) return;
      request_.append(bytes, static_cast<std::size_t>(got));
    }
    if (answer_.empty()) {
      while (::recv(connection.get(), bytes, sizeof bytes, 0) > 0) {
      }
      return;
    }
    EXPECT_EQ(::send(connection.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(answer_.size()));
  }

  std::string answer_;
  std::string folder_;
  std::string path_;
  Fd listener_;
  std::string request_;
  std::thread thread_;
};

// `berth shutdown --wait` is over when another daemon may start: when the process is gone, not when its socket is.
TEST(Client, TheDaemonsProcessIsWatchedUntilItsEnd) {
  std::string folder = testing::TempDir() + "/cli-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/admin.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd listens(ends[0]), tell(ends[1]);
  const pid_t daemon = ::fork();
  ASSERT_GE(daemon, 0);
  if (daemon == 0) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool bound = ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!bound || ::listen(listener, 1) != 0 || ::write(tell.get(), "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  const auto none = Client(folder + "/other.sock").Process();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kUnavailable);
  char byte = 0;
  ASSERT_EQ(::read(listens.get(), &byte, 1), 1);
  const auto process = Client(path).Process();
  ASSERT_TRUE(process) << process.error().message;
  std::filesystem::remove_all(folder);  // nobody answers there any more
  pollfd ended{process->get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0) << "it lives";
  ::kill(daemon, SIGKILL);
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1);
  ASSERT_EQ(::waitpid(daemon, nullptr, 0), daemon);
}

TEST(Client, GetsTheAnswer) {
  const OneAnswer server("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}");
  const auto reply = Client(server.path()).Call("POST", "/v1/x?wait=1", kLimit);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 202);
  EXPECT_EQ(reply->body, "{}");
  EXPECT_TRUE(server.request().starts_with("POST /v1/x?wait=1 HTTP/1.1\r\n"));
  EXPECT_NE(server.request().find("Content-Length: 0\r\n"), std::string::npos);
}

TEST(Client, StreamGivesPiecesUntilTheEnd) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n2\r\nc\n\r\n0\r\n\r\n");
  std::string got;
  const auto reply = Client(server.path()).Stream("/v1/events", kLimit, [&got](std::string_view piece) {
    got += piece;
    return true;
  });
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(got, "ab\nc\n");
}

TEST(Client, StreamThatIsRefusedGivesTheAnswer) {
  const OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  const auto reply = Client(server.path()).Stream("/v1/events", kLimit, [](std::string_view) {
    ADD_FAILURE() << "an error is no line";
    return true;
  });
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(reply->body, "none");
}

TEST(Client, NobodyThereIsUnreachableWithARemedy) {
  const auto reply = Client("/nowhere/admin.sock").Call("GET", "/", kLimit);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(reply.error().message.find("/nowhere/admin.sock"), std::string::npos);
  EXPECT_NE(reply.error().message.find("berthd PLAN.yaml"), std::string::npos);
  EXPECT_FALSE(Client("/nowhere/admin.sock").Answers());
}

TEST(Client, SilenceIsATimeout) {
  const OneAnswer server("");
  const auto reply = Client(server.path()).Call("GET", "/", std::chrono::milliseconds(50));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kTimeout);
}

TEST(Client, AnswerThatIsCutOrNoHttpIsAnError) {
  for (const char* answer : {"HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                             "SSH-2.0-x\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const OneAnswer server(answer);
    const auto reply = Client(server.path()).Call("GET", "/", kLimit);
    ASSERT_FALSE(reply.has_value()) << answer;
    EXPECT_EQ(reply.error().kind, ErrorKind::kIo) << answer;
  }
}

TEST(Client, PathThatIsTooLongIsUsage) {
  const auto reply = Client("/tmp/" + std::string(120, 'x')).Call("GET", "/", kLimit);
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, ErrorKind::kInvalid);
}

TEST(PercentEncode, KeepsWhatNamesAreMadeOf) {
  EXPECT_EQ(PercentEncode("org/bge-small_v1.5~x"), "org/bge-small_v1.5~x");
  EXPECT_EQ(PercentEncode("a b?c#d%"), "a%20b%3Fc%23d%25");
  EXPECT_EQ(PercentEncode("ä"), "%C3%A4");
}

TEST(SocketPath, OptionThenVariableThenDefault) {
  ::setenv("BERTH_SOCKET", "/from/variable.sock", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_EQ(SocketPath("/given.sock"), "/given.sock");
  EXPECT_EQ(SocketPath(""), "/from/variable.sock");
  ::unsetenv("BERTH_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(SocketPath("").filename(), "admin.sock");
}

}  // namespace
}  // namespace berth::cli
