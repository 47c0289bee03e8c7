#include "config/host.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "config/check.h"
#include "tests/unit/config/plans.h"

namespace berth::config {
namespace {

namespace fs = std::filesystem;

// A folder that stands for "/", with 16 GiB in /proc/meminfo.
class Host : public ::testing::Test {
 protected:
  Host() {
    std::string pattern = fs::temp_directory_path() / "berth-host-XXXXXX";
    root_ = mkdtemp(pattern.data());
    Write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree:        1000 kB\n");
  }
  ~Host() override { fs::remove_all(root_); }

  void Write(const fs::path& file, std::string_view text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  fs::path root_;
};

TEST_F(Host, WithoutCgroupsMemoryIsThePhysicalOne) { EXPECT_EQ(UsableMemory(root_), GiB(16)); }

TEST_F(Host, UnlimitedCgroupChangesNothing) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(UsableMemory(root_), GiB(16));
}

TEST_F(Host, LowestLimitOnTheWayUpCounts) {
  Write("proc/self/cgroup", "0::/system.slice/berth.service\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "2147483648\n");
  Write("sys/fs/cgroup/system.slice/berth.service/memory.max", "4294967296\n");
  EXPECT_EQ(UsableMemory(root_), GiB(2));
}

TEST_F(Host, LimitAbovePhysicalMemoryDoesNotCount) {
  Write("proc/self/cgroup", "0::/a\n");
  Write("sys/fs/cgroup/a/memory.max", "1099511627776\n");
  EXPECT_EQ(UsableMemory(root_), GiB(16));
}

TEST_F(Host, InAContainerTheRootsOwnLimitCounts) {
  Write("proc/self/cgroup", "0::/docker/0123456789\n");
  Write("sys/fs/cgroup/memory.max", "1073741824\n");
  EXPECT_EQ(UsableMemory(root_), GiB(1));
}

TEST_F(Host, VersionOneIsReadToo) {
  Write("proc/self/cgroup", "12:cpu,cpuacct:/x\n9:memory:/x\n");
  Write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "3221225472\n");
  EXPECT_EQ(UsableMemory(root_), GiB(3));
}

TEST(RuntimeDir, FollowsUserAndEnvironment) {
  const auto xdg = [](const std::string& name) -> std::optional<std::string> {
    return name == "XDG_RUNTIME_DIR" ? std::optional<std::string>("/run/user/1000") : std::nullopt;
  };
  const auto none = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  const auto relative = [](const std::string&) -> std::optional<std::string> { return "run"; };
  EXPECT_EQ(RuntimeDir(0, xdg), "/run/berth");
  EXPECT_EQ(RuntimeDir(1000, xdg), "/run/user/1000/berth");
  EXPECT_EQ(RuntimeDir(1000, none), "/tmp/berth-1000");
  EXPECT_EQ(RuntimeDir(1000, relative), "/tmp/berth-1000");
}

class CheckSource : public Host {
 protected:
  std::optional<Error> Check(const fs::path& source) {
    Model model = testing::Good(testing::SmallPlan()).models[0];
    model.source = source;
    return config::CheckSource(model);
  }
};

TEST_F(CheckSource, DirectoryWithAConfigIsGood) {
  Write("bge/config.json", "{}");
  EXPECT_FALSE(Check(root_ / "bge"));
}

TEST_F(CheckSource, MissingDirectoryNamesTheNearestThatExists) {
  const auto error = Check(root_ / "proc/modles/bge");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::kNotFound);
  EXPECT_EQ(error->message, "model \"bge\": source " + (root_ / "proc/modles/bge").string() + " does not exist (" +
                                   (root_ / "proc").string() +
                                   " does); correct `source`, or put the model there");
}

TEST_F(CheckSource, FolderWithoutConfigIsRefusedAndAFileIsLeftToTheWorker) {
  Write("bge/model.safetensors", "");
  EXPECT_NE(Check(root_ / "bge").value().message.find(" holds no config.json"), std::string::npos);
  EXPECT_FALSE(Check(root_ / "bge/model.safetensors"));
}

}  // namespace
}  // namespace berth::config
