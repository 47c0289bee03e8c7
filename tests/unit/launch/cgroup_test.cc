#include "supervisor/launch/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "supervisor/launch/worker_stats.h"
#include "tests/unit/launch/fake_cgroup_tree.h"

namespace berth::launch {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FakeCgroupTreeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!kFencesMemory) GTEST_SKIP() << "there is no third ring in a sanitizer build";
  }
  bool Exists(const std::string& name) const { return fs::exists(tree_.group() / name); }

  FakeCgroupTree tree_;
};

TEST_F(FakeCgroupTreeTest, TheDaemonMovesInAndEachWorkerGetsAGroupWithItsLimit) {
  Cgroups all(tree_.Place());
  ASSERT_TRUE(all.on()) << all.description();
  EXPECT_EQ(all.description(), "memory.max under " + tree_.group().string());
  EXPECT_EQ(tree_.Get(FakeCgroupTree::Daemon() + "/cgroup.procs"), std::to_string(::getpid()));
  EXPECT_EQ(tree_.Get("cgroup.subtree_control"), "+memory");
  {
    auto group = all.Make(7, MiB(512));
    ASSERT_TRUE(group) << group.error().message;
    ASSERT_TRUE((*group)->Add(4711));
    EXPECT_EQ(tree_.Get(FakeCgroupTree::Worker(7) + "/memory.max"), "536870912");
    EXPECT_EQ(tree_.Get(FakeCgroupTree::Worker(7) + "/memory.swap.max"), "0");
    EXPECT_EQ(tree_.Get(FakeCgroupTree::Worker(7) + "/memory.oom.group"), "1");
    EXPECT_EQ(tree_.Get(FakeCgroupTree::Worker(7) + "/cgroup.procs"), "4711");
  }
  EXPECT_FALSE(Exists(FakeCgroupTree::Worker(7)));
}

TEST_F(FakeCgroupTreeTest, AnOomKillIsTheGroupsOwnOrSomebodyElses) {
  Cgroups all(tree_.Place());
  auto group = all.Make(1, MiB(512));
  ASSERT_TRUE(group && *group);
  EXPECT_FALSE((*group)->ReadOomKills().any);
  tree_.Put(FakeCgroupTree::Worker(1) + "/memory.events", "low 0\nhigh 0\nmax 90\noom 1\noom_kill 2\noom_group_kill 1\n");
  EXPECT_TRUE((*group)->ReadOomKills().any);
  EXPECT_TRUE((*group)->ReadOomKills().own_limit);
  tree_.Put(FakeCgroupTree::Worker(1) + "/memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n");
  EXPECT_TRUE((*group)->ReadOomKills().any);
  EXPECT_FALSE((*group)->ReadOomKills().own_limit) << "the host ran out";
}

TEST_F(FakeCgroupTreeTest, AGroupThatStillHasAProcessIsKilledAndRemovedLater) {
  {
    Cgroups all(tree_.Place());
    {
      auto group = all.Make(1, MiB(1));
      tree_.Put(FakeCgroupTree::Worker(1) + "/busy", "");
    }
    EXPECT_EQ(tree_.Get(FakeCgroupTree::Worker(1) + "/cgroup.kill"), "1");
    ASSERT_TRUE(all.Make(2, MiB(1)));
    EXPECT_TRUE(Exists(FakeCgroupTree::Worker(1)));
    fs::remove(tree_.group() / (FakeCgroupTree::Worker(1) + "/busy"));
    ASSERT_TRUE(all.Make(3, MiB(1)));
    EXPECT_FALSE(Exists(FakeCgroupTree::Worker(1)));
  }
  FakeCgroupTree::Make(tree_.group() / "worker-999999999-9");  // of a daemon that was killed
  Cgroups next(tree_.Place());
  EXPECT_TRUE(next.on());
  EXPECT_FALSE(Exists("worker-999999999-9"));
}

TEST_F(FakeCgroupTreeTest, AnotherDaemonInTheSameGroupKeepsItsOwn) {
  for (const char* name : {"berthd-1", "worker-1-7"}) FakeCgroupTree::Make(tree_.group() / name);  // process 1 lives
  Cgroups all(tree_.Place());
  auto group = all.Make(7, MiB(1));
  ASSERT_TRUE(group && *group);
  EXPECT_TRUE(Exists("berthd-1"));
  EXPECT_TRUE(Exists("worker-1-7"));
  EXPECT_NE((*group)->folder().filename(), "worker-1-7");
}

TEST_F(FakeCgroupTreeTest, WhereItIsNotDelegatedNothingIsTouchedAndItSaysWhy) {
  struct Case {
    const char* why;
    std::function<void()> change;
    bool (*delegated)(const fs::path&);
  };
  const Case cases[] = {
      {"is not delegated to this daemon", [] {}, FakeCgroupTree::No},
      {"no memory controller in", [&] { tree_.Put("cgroup.controllers", "cpu\n"); }, FakeCgroupTree::Yes},
      {"no control group of version 2", [&] { fs::remove(tree_.group() / "cgroup.controllers"); }, FakeCgroupTree::Yes}};
  for (const Case& c : cases) {
    c.change();
    Cgroups all(tree_.Place(c.delegated));
    EXPECT_FALSE(all.on());
    EXPECT_THAT(all.description(), HasSubstr(c.why));
    EXPECT_FALSE(Exists(FakeCgroupTree::Daemon()));
    auto group = all.Make(1, MiB(1));
    EXPECT_TRUE(group && *group == nullptr) << "off, and no error";
  }
}

TEST_F(FakeCgroupTreeTest, AGroupInWhichOthersLiveStaysAsItWas) {
  fs::remove(tree_.group() / "cgroup.subtree_control");  // so that its write fails, as the kernel's does with EBUSY
  Cgroups all(tree_.Place());
  EXPECT_FALSE(all.on());
  EXPECT_THAT(all.description(), HasSubstr("cgroup.subtree_control"));
  EXPECT_EQ(tree_.Get("cgroup.procs"), std::to_string(::getpid())) << "it moved back";
  EXPECT_FALSE(Exists(FakeCgroupTree::Daemon()));
}

TEST_F(FakeCgroupTreeTest, ARefusedLimitIsAnErrorAndLeavesNoGroup) {
  Cgroups::Place place = tree_.Place();
  place.make = [](const fs::path& group) {
    const bool made = FakeCgroupTree::Make(group);
    if (group.filename() != FakeCgroupTree::Daemon()) fs::remove(group / "memory.max");
    return made;
  };
  Cgroups all(place);
  ASSERT_TRUE(all.on()) << all.description();
  const auto group = all.Make(5, MiB(1));
  ASSERT_FALSE(group);
  EXPECT_THAT(group.error().message, HasSubstr(FakeCgroupTree::Worker(5) + "/memory.max"));
  EXPECT_FALSE(Exists(FakeCgroupTree::Worker(5)));
}

TEST(CgroupLimit, IsTheBudgetTheModelsFilesAndTheSlack) {
  TempFolder temp;
  std::ofstream(temp.path() / "model.safetensors") << std::string(1000, 'x');
  std::ofstream(temp.path() / "config.json") << std::string(24, 'x');
  fs::create_directory(temp.path() / "1_Pooling");
  EXPECT_EQ(CgroupLimit(MiB(10), temp.path()), MiB(266) + KiB(1));
  EXPECT_EQ(CgroupLimit(MiB(10), temp.path() / "config.json"), MiB(266) + Bytes{24});
  EXPECT_EQ(CgroupLimit(MiB(10), temp.path() / "none"), MiB(266));
}

}  // namespace
}  // namespace berth::launch
