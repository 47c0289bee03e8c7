#include "supervisor/launch/runtime_dir.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "supervisor/launch/listen_socket.h"
#include "tests/unit/launch/temp_folder.h"

namespace berth::launch {
namespace {

namespace fs = std::filesystem;

void MakeSocket(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << path;
  ::close(fd);
}

TEST(RuntimeDir, IsMadeForItsOwnerOnly) {
  TempFolder temp;
  const auto dir = RuntimeDir::Open(temp.path() / "berth", "admin.sock");
  ASSERT_TRUE(dir) << dir.error().message;
  struct stat info {};
  ASSERT_EQ(::stat(dir->path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(RuntimeDir, ASecondDaemonIsToldThePidOfTheFirst) {
  TempFolder temp;
  const auto first = RuntimeDir::Open(temp.path(), "admin.sock");
  ASSERT_TRUE(first);
  const auto second = RuntimeDir::Open(temp.path(), "admin.sock");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_NE(second.error().message.find("pid " + std::to_string(::getpid())), std::string::npos)
      << second.error().message;
}

TEST(RuntimeDir, TheLockEndsWithItsHolder) {
  TempFolder temp;
  { ASSERT_TRUE(RuntimeDir::Open(temp.path(), "admin.sock")); }
  EXPECT_TRUE(RuntimeDir::Open(temp.path(), "admin.sock"));
}

TEST(RuntimeDir, StaleSocketsAreRemovedAndNothingElse) {
  TempFolder temp;
  for (const char* name : {"1.sock", "37.sock", "admin.sock", "mine.sock"}) MakeSocket(temp.path() / name);
  for (const char* name : {"2.sock", "notes.txt"}) std::ofstream(temp.path() / name) << "not a socket";
  ASSERT_TRUE(RuntimeDir::Open(temp.path(), "admin.sock"));
  for (const char* name : {"1.sock", "37.sock", "admin.sock"}) EXPECT_FALSE(fs::exists(temp.path() / name)) << name;
  for (const char* name : {"mine.sock", "2.sock", "notes.txt"}) EXPECT_TRUE(fs::exists(temp.path() / name)) << name;
}

TEST(RuntimeDir, ARefusedSecondDaemonRemovesNothing) {
  TempFolder temp;
  const auto first = RuntimeDir::Open(temp.path(), "admin.sock");
  ASSERT_TRUE(first);
  MakeSocket(temp.path() / "admin.sock");
  EXPECT_FALSE(RuntimeDir::Open(temp.path(), "admin.sock"));
  EXPECT_TRUE(fs::exists(temp.path() / "admin.sock"));
}

TEST(RuntimeDir, AFolderOpenToOthersIsRefusedWithTheRemedy) {
  TempFolder temp;
  ASSERT_EQ(::chmod(temp.path().c_str(), 0755), 0);
  const auto dir = RuntimeDir::Open(temp.path(), "admin.sock");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().kind, ErrorKind::kPermission);
  EXPECT_NE(dir.error().message.find("chmod 700"), std::string::npos) << dir.error().message;
}

TEST(RuntimeDir, ASymbolicLinkIsRefused) {
  TempFolder temp;
  fs::create_directory(temp.path() / "real");
  fs::create_directory_symlink(temp.path() / "real", temp.path() / "link");
  const auto dir = RuntimeDir::Open(temp.path() / "link", "admin.sock");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().kind, ErrorKind::kPermission);
}

TEST(RuntimeDir, ASomebodyElsesFolderIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to make a folder of another user";
  TempFolder temp;
  ASSERT_EQ(::chown(temp.path().c_str(), 12345, 12345), 0);
  const auto dir = RuntimeDir::Open(temp.path(), "admin.sock");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().kind, ErrorKind::kPermission);
  EXPECT_NE(dir.error().message.find("12345"), std::string::npos);
}

TEST(RuntimeDir, AMissingParentIsNamed) {
  TempFolder temp;
  const auto dir = RuntimeDir::Open(temp.path() / "no" / "such", "admin.sock");
  ASSERT_FALSE(dir);
  EXPECT_EQ(dir.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(dir.error().message.find("no/such"), std::string::npos);
}

TEST(ListenSocket, APathTooLongIsRefusedWithTheLimit) {
  const auto socket = ListenSocket::Bind("/tmp/" + std::string(120, 'x') + "/1.sock");
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message.find("107"), std::string::npos) << socket.error().message;
}

TEST(ListenSocket, ThePathGoesWithItsOwner) {
  TempFolder temp;
  const fs::path path = temp.path() / "1.sock";
  {
    auto socket = ListenSocket::Bind(path);
    ASSERT_TRUE(socket) << socket.error().message;
    ListenSocket moved = std::move(*socket);
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace berth::launch
