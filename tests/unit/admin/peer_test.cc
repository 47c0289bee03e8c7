#include "supervisor/admin/peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/base/fd.h"

namespace berth::admin {
namespace {

TEST(MayConnect, RootTheOwnerAndTheGroupMay) {
  constexpr uid_t kOwn = 1000;
  constexpr gid_t kGroup = 50;
  EXPECT_TRUE(MayConnect({1, 0, {0}}, kOwn, kGroup));
  EXPECT_TRUE(MayConnect({1, kOwn, {1000}}, kOwn, kGroup));
  EXPECT_TRUE(MayConnect({1, 1001, {kGroup}}, kOwn, kGroup));
  EXPECT_TRUE(MayConnect({1, 1001, {1001, 7, kGroup}}, kOwn, kGroup));
  EXPECT_FALSE(MayConnect({1, 1001, {1001, 7}}, kOwn, kGroup));
  EXPECT_FALSE(MayConnect({1, 1001, {}}, kOwn, kGroup));
}

TEST(PeerOf, NamesTheProcessAtTheOtherEnd) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd one(ends[0]), other(ends[1]);
  const auto peer = PeerOf(one.get());
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  ASSERT_FALSE(peer->groups.empty());
  EXPECT_EQ(peer->groups.front(), ::getegid());
}

TEST(PeerOf, SomethingElseThanASocketIsAnError) { EXPECT_FALSE(PeerOf(-1).has_value()); }

}  // namespace
}  // namespace berth::admin
