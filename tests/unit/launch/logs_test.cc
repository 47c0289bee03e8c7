#include "supervisor/launch/logs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <iterator>

#include "supervisor/launch/log_file.h"
#include "supervisor/launch/log_text.h"
#include "tests/unit/launch/temp_folder.h"

namespace berth::launch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class LogsTest : public testing::Test {
 protected:
  LogsTest() {
    settings_.max_size = MiB(1);
    settings_.keep = 2;
    logs_ = std::make_unique<Logs>(io_.get_executor(), temp_.path(), settings_, metrics_);
  }
  // The write end of a pipe whose read end the logs own now.
  Fd Capture(const std::string& model, int replica) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    logs_->Capture(model, replica, Fd(ends[0]));
    return Fd(ends[1]);
  }
  static void Print(const Fd& fd, const std::string& text) {
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  bool RunUntil(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(100ms);
    }
    return condition();
  }
  std::vector<std::string> Texts(const std::string& model) {
    std::vector<std::string> texts;
    for (const LogLine& line : logs_->Tail(model, 1'000'000)) texts.push_back(line.text);
    return texts;
  }

  boost::asio::io_context io_;
  TempFolder temp_;
  observe::Metrics metrics_;
  config::LogSettings settings_;
  std::unique_ptr<Logs> logs_;
};

TEST_F(LogsTest, LinesGetTimeModelAndReplicaInTheFile) {
  const Fd out = Capture("bge", 1);
  Print(out, "hello\nwor\x1b[0mld\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 2; }));
  const std::string file = Read(temp_.path() / "bge.1.log");
  EXPECT_THAT(file, testing::MatchesRegex("[0-9T:.-]+Z bge/1 hello\n[0-9T:.-]+Z bge/1 wor\\\\x1b\\[0mld\n"));
}

TEST_F(LogsTest, AModelWithASlashInItsNameHasAFileToo) {
  const Fd out = Capture("org/bge", 0);
  Print(out, "hello\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("org/bge").size() == 1; }));
  EXPECT_THAT(Read(temp_.path() / "org+bge.0.log"), testing::HasSubstr(" org/bge/0 hello\n"));
}

TEST_F(LogsTest, AFileThatCannotBeWrittenIsComplainedOfOnceWhateverTheOthersDo) {
  fs::create_directory(temp_.path() / "bad.0.log");  // a folder stands where the file belongs
  const Fd bad = Capture("bad", 0);
  const Fd good = Capture("good", 0);
  testing::internal::CaptureStderr();
  for (std::size_t i = 1; i <= 3; ++i) {
    Print(bad, "lost\n");
    ASSERT_TRUE(RunUntil([&] { return Texts("bad").size() == i; }));
    Print(good, "kept\n");
    ASSERT_TRUE(RunUntil([&] { return Texts("good").size() == i; }));
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(said, '\n'), 1) << said;
  EXPECT_THAT(said, testing::HasSubstr("bad.0.log"));
}

TEST_F(LogsTest, ARunThatEndsInAFloodSaysHowManyLinesWereDropped) {
  {
    const Fd out = Capture("bge", 0);
    std::string flood;
    for (int i = 0; i < 3 * LineBudget::kLinesPerSecond; ++i) flood += "x\n";
    ::fcntl(out.get(), F_SETPIPE_SZ, 1 << 20);
    Print(out, flood);
  }
  ASSERT_TRUE(RunUntil([&] { return !Texts("bge").empty() && Texts("bge").back() != "x"; }));
  EXPECT_THAT(Texts("bge").back(), testing::MatchesRegex("[0-9]+ lines dropped here: too many"));
}

TEST_F(LogsTest, ReplicasAreMergedInOrderAndReadersGoOnFromTheirPlace) {
  const Fd zero = Capture("bge", 0);
  const Fd one = Capture("bge", 1);
  Print(zero, "a\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 1; }));
  Print(one, "b\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 2; }));
  const auto since = logs_->Since("bge", 1);
  ASSERT_EQ(since.size(), 1u);
  EXPECT_EQ(since[0].text, "b");
  EXPECT_EQ(since[0].replica, 1);
  EXPECT_EQ(since[0].seq, 2u);
  EXPECT_TRUE(logs_->Since("bge", 2).empty());
  EXPECT_TRUE(logs_->Tail("other", 10).empty());
}

TEST_F(LogsTest, SubscribersAreWokenByTheirModelOnly) {
  int bge = 0, chat = 0;
  const auto id = logs_->Subscribe("bge", [&] { ++bge; });
  logs_->Subscribe("chat", [&] { ++chat; });
  const Fd out = Capture("bge", 0);
  Print(out, "x\n");
  ASSERT_TRUE(RunUntil([&] { return bge > 0; }));
  EXPECT_EQ(chat, 0);
  logs_->Unsubscribe(id);
  const int seen = bge;
  Print(out, "y\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 2; }));
  EXPECT_EQ(bge, seen);
}

TEST_F(LogsTest, TheLastLinesOfAnEndedRunAreKeptWhenTheNextRuns) {
  {
    const Fd out = Capture("bge", 0);
    Print(out, "last words\n");
    logs_->EndRun("bge", 0);  // before they were read, even
  }
  const Fd next = Capture("bge", 0);
  Print(next, "new life\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 2; }));
  EXPECT_THAT(logs_->PreviousRun("bge", 0), ElementsAre("last words"));
}

TEST_F(LogsTest, APipeThatADescendantHoldsIsClosedAfterAMoment) {
  const Fd held = Capture("bge", 0);
  Print(held, "before\n");
  ASSERT_TRUE(RunUntil([&] { return Texts("bge").size() == 1; }));
  logs_->EndRun("bge", 0);
  ::signal(SIGPIPE, SIG_IGN);
  EXPECT_TRUE(RunUntil([&] { return ::write(held.get(), "x", 1) < 0; }));
}

TEST_F(LogsTest, AFloodIsReadDroppedAndCounted) {
  settings_.max_size = KiB(256);
  logs_ = std::make_unique<Logs>(io_.get_executor(), temp_.path(), settings_, metrics_);
  const Fd out = Capture("bge", 0);
  ::fcntl(out.get(), F_SETFL, O_NONBLOCK);
  const std::string lines = [] {
    std::string text;
    for (int i = 0; i < 512; ++i) text += "flood flood flood flood flood flood flood flood flood flood!\n";
    return text;
  }();
  const std::size_t total = 6 * 1024 * 1024;
  std::size_t sent = 0;
  EXPECT_TRUE(RunUntil([&] {
    const ssize_t n = ::write(out.get(), lines.data(), lines.size() / 2);
    if (n > 0) sent += static_cast<std::size_t>(n);
    return sent >= total;
  })) << "the writer was blocked for ever";
  EXPECT_GT(metrics_.Counter("log_dropped_lines_total", {{"model", "bge"}}).Value(), 0);
  std::uintmax_t on_disk = 0;
  for (const auto& entry : fs::directory_iterator(temp_.path())) on_disk += entry.file_size();
  EXPECT_LE(on_disk, 3 * KiB(256).count);
  EXPECT_LE(Texts("bge").size(), 1000u);
}

TEST_F(LogsTest, ClosingTheLogsWhileProcessesPrintIsSafe) {
  const Fd out = Capture("bge", 0);
  Print(out, "x\n");
  logs_.reset();
  io_.restart();
  io_.run_for(50ms);
}

TEST(LogFile, RotatesKeepsSoManyAndNeverOutgrowsItsLimit) {
  TempFolder temp;
  const fs::path path = temp.path() / "m.log";
  LogFile file(path, Bytes{100}, 2);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(file.Append("line " + std::to_string(i) + std::string(20, '.')));
  EXPECT_NE(Read(path).find("line 19."), std::string::npos);
  EXPECT_TRUE(fs::exists(temp.path() / "m.log.1"));
  EXPECT_TRUE(fs::exists(temp.path() / "m.log.2"));
  EXPECT_FALSE(fs::exists(temp.path() / "m.log.3"));
  for (const auto& entry : fs::directory_iterator(temp.path())) EXPECT_LE(entry.file_size(), 100u);
}

TEST(LogFile, AnExistingFileIsContinued) {
  TempFolder temp;
  const fs::path path = temp.path() / "m.log";
  { ASSERT_TRUE(LogFile(path, Bytes{1000}, 0).Append("first")); }
  { ASSERT_TRUE(LogFile(path, Bytes{1000}, 0).Append("second")); }
  EXPECT_EQ(Read(path), "first\nsecond\n");
}

TEST(LogFile, AFolderThatIsGoneIsAnErrorAndNotTheEnd) {
  TempFolder temp;
  LogFile file(temp.path() / "no" / "m.log", Bytes{1000}, 1);
  const Status status = file.Append("lost");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("m.log"), std::string::npos);
  fs::create_directory(temp.path() / "no");
  EXPECT_TRUE(file.Append("found"));
}

}  // namespace
}  // namespace berth::launch
