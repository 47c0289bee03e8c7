#include "config/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "config/document.h"
#include "tests/unit/config/plans.h"

namespace berth::config {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::FixedHost;
using testing::Good;
using testing::SmallPlan;
using testing::Wrong;

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "berth-parse-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string WrongFile(const std::filesystem::path& file) {
  const auto parsed = ParseFile(file, FixedHost());
  const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
  return mistakes == nullptr ? "" : Format(*mistakes);
}

TEST(ParseFile, RelativePathsAreResolvedAgainstThePlansFolder) {
  const Folder folder;
  std::ofstream(folder.path() / "berth.yaml")
      << "version: 1\nserver: { admin: run/a.sock, logs: { dir: ../logs } }\n"
         "models:\n  bge: { kind: embedding, source: ./models/bge, memory: 1GiB }\n";
  const auto parsed = ParseFile(folder.path() / "berth.yaml", FixedHost());
  const Plan* plan = std::get_if<Plan>(&parsed);
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->models[0].source, folder.path() / "models/bge");
  EXPECT_EQ(plan->server.admin, folder.path() / "run/a.sock");
  EXPECT_EQ(plan->server.logs.dir, folder.path().parent_path() / "logs");
}

TEST(ParseFile, SourceIsAbsoluteAlsoWhenThePlanIsNamedRelatively) {
  EXPECT_TRUE(Good("version: 1\nmodels: { a: { kind: llm, source: m, memory: 1GiB } }").models[0].source.is_absolute());
}

TEST(ParseFile, MissingFileIsNamed) {
  EXPECT_EQ(WrongFile("/nowhere/berth.yaml"),
            "/nowhere/berth.yaml: cannot read the plan: No such file or directory\n");
}

TEST(ParseFile, FolderIsRefused) {
  const Folder folder;
  EXPECT_THAT(WrongFile(folder.path()), EndsWith(": is a folder; name the plan's file in it\n"));
}

TEST(ParseFile, FileAboveTheLimitIsRefusedAndOneAtTheLimitIsRead) {
  const Folder folder;
  const std::string plan = SmallPlan();
  std::ofstream(folder.path() / "most.yaml") << plan << std::string(kMostPlanBytes - plan.size(), '#');
  std::ofstream(folder.path() / "more.yaml") << plan << std::string(kMostPlanBytes - plan.size() + 1, '#');
  EXPECT_EQ(WrongFile(folder.path() / "most.yaml"), "");
  EXPECT_THAT(WrongFile(folder.path() / "more.yaml"), EndsWith("larger than 1 MiB: this is not a plan\n"));
}

TEST(Parse, EveryPrefixOfAPlanIsAPlanOrAMistakeWithAPlaceInTheFile) {
  const std::string plan = testing::ReadFile(testing::SourceDir() / "tests/golden/plans/good/everything.yaml");
  ASSERT_FALSE(plan.empty());
  for (std::size_t size = 0; size < plan.size(); ++size) {
    const auto parsed = Parse(std::string_view(plan).substr(0, size), "berth.yaml", FixedHost());
    const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
    if (mistakes == nullptr) continue;
    ASSERT_FALSE(mistakes->list.empty()) << size;
    for (const Mistake& mistake : mistakes->list) {
      EXPECT_FALSE(mistake.message.empty());
      EXPECT_GE(mistake.line, 0);
      EXPECT_LE(mistake.line, 70);
    }
  }
}

TEST(Parse, BytesThatAreNoTextNeverThrow) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>((i * 131 + 7) % 256);
  EXPECT_NE(Wrong(bytes), "");
  EXPECT_NE(Wrong(std::string(1000, '[')), "");
  EXPECT_NE(Wrong(std::string(100000, '{')), "");
  EXPECT_NE(Wrong(std::string("version: 1\0models", 17)), "");
}

TEST(Parse, MistakesAreSortedByPositionAndCounted) {
  std::string text = "version: 1\nmodels:\n";
  for (int i = 0; i < 150; ++i) text += "  m" + std::to_string(i) + ": { kinds: a }\n";
  const auto parsed = Parse(text, "berth.yaml", FixedHost());
  const Mistakes& mistakes = std::get<Mistakes>(parsed);
  ASSERT_EQ(mistakes.list.size(), 101U);
  EXPECT_EQ(mistakes.list.back().message, "there are more mistakes than the 100 shown");
  for (std::size_t i = 1; i < 100; ++i) EXPECT_LE(mistakes.list[i - 1].line, mistakes.list[i].line);
}

TEST(Parse, VeryLongNamesAreShortenedInMessages) {
  const std::string name(100'000, 'n');
  const std::string key(1000, 'k');  // YAML's own limit is 1024
  const std::string wrong = Wrong(SmallPlan("    after: [" + name + "]\n    " + key + ": 1\n"));
  EXPECT_THAT(wrong, HasSubstr("no model \"nnn"));
  EXPECT_THAT(wrong, HasSubstr("unknown key \"kkk"));
  EXPECT_LT(wrong.size(), 1000U);
}

TEST(Parse, ControlCharactersDoNotReachTheTerminal) {
  const std::string wrong = Wrong(SmallPlan("    balance: \"\\e[31mred\"\n"));
  EXPECT_THAT(wrong, HasSubstr("\\x1b[31mred"));
  EXPECT_EQ(wrong.find('\x1b'), std::string::npos);
}

TEST(Parse, ReplicaAsLargeAsTheDeviceIsAllowed) {
  EXPECT_EQ(Wrong("version: 1\ndevices: { cpu: { memory: 2GiB, threads: 2 } }\nmodels:\n"
                  "  a: { kind: embedding, source: /a, memory: 2GiB, threads: 2 }\n"),
            "");
}

TEST(Parse, ModelOfAWrongDeviceIsNotBlamedForItsBudget) {
  const std::string wrong = Wrong("version: 1\ndevices: { cpu: { memory: 2 } }\nmodels:\n"
                                  "  a: { kind: embedding, source: /a, memory: 8GiB }\n");
  EXPECT_THAT(wrong, StartsWith("berth.yaml:2:27: devices.cpu.memory: expected a size with a unit"));
  EXPECT_EQ(wrong.find("one replica"), std::string::npos);
}

TEST(Parse, DependencyOnAModelSeenTwiceIsNoCycle) {
  EXPECT_EQ(Wrong("version: 1\nmodels:\n"
                  "  d: { kind: embedding, source: /d, memory: 1GiB, after: [b, c] }\n"
                  "  b: { kind: embedding, source: /b, memory: 1GiB, after: [a] }\n"
                  "  c: { kind: embedding, source: /c, memory: 1GiB, after: [a] }\n"
                  "  a: { kind: embedding, source: /a, memory: 1GiB }\n"),
            "");
}

TEST(Parse, LongChainOfDependenciesIsFollowed) {
  std::string text = "version: 1\ndefaults: { memory: 1MiB }\nmodels:\n  m0: { kind: llm, source: /m, after: [m999] }\n";
  for (int i = 1; i < 1000; ++i) {
    text += "  m" + std::to_string(i) + ": { kind: llm, source: /m, after: [m" + std::to_string(i - 1) + "] }\n";
  }
  EXPECT_THAT(Wrong(text), HasSubstr("models wait for each other: m0 -> m999 -> m998 -> "));
}

TEST(Parse, MistakeInDefaultsIsSaidOnceForAllModels) {
  EXPECT_EQ(Wrong("version: 1\ndefaults:\n  memory: 15GiB\n  devices: [cpu, gpu0]\nmodels:\n"
                  "  a: { kind: embedding, source: /a }\n  b: { kind: embedding, source: /b }\n"),
            "berth.yaml:3:11: defaults.memory: one replica needs 15 GiB, but cpu has 14 GiB in all; lower it, or raise "
            "devices.cpu.memory\n"
            "berth.yaml:4:18: defaults.devices: unknown device \"gpu0\"; the plan has: cpu\n");
}

TEST(Parse, AdminSocketPathOf107BytesIsTheLongest) {
  for (const std::size_t size : {107, 108}) {
    const std::string path = "/" + std::string(size - 12, 'r') + "/admin.sock";
    ASSERT_EQ(path.size(), size);
    EXPECT_EQ(Wrong("version: 1\nserver: { admin: " + path + " }\nmodels: { a: { kind: llm, source: /a, memory: 1GiB } }\n")
                  .empty(),
              size == 107);
  }
}

TEST(Parse, AShortAdminSocketLeavesRoomForTheWorkersNumbers) {
  const std::string folder = "/" + std::string(97, 'r');
  EXPECT_THAT(Wrong("version: 1\nserver: { admin: " + folder + "/a }\n"
                    "models: { a: { kind: llm, source: /a, memory: 1GiB } }\n"),
              HasSubstr("would need 109"));
}

TEST(Parse, TheAdminSocketIsNotInTheWayOfTheDaemonsOwnFiles) {
  for (const std::string name : {"lock", "logs", "17.sock"}) {
    EXPECT_EQ(Wrong("version: 1\nserver: { admin: /run/x/" + name + " }\n"
                    "models: { a: { kind: llm, source: /a, memory: 1GiB } }\n"),
              "berth.yaml:2:18: server.admin: the daemon uses \"" + name +
                  "\" for something else; name a socket in the folder, such as admin.sock\n");
  }
  EXPECT_EQ(Wrong("version: 1\nserver: { admin: /run/x/ }\n"
                  "models: { a: { kind: llm, source: /a, memory: 1GiB } }\n"),
            "berth.yaml:2:18: server.admin: this names a folder; name a socket in the folder, such as admin.sock\n");
  EXPECT_EQ(Wrong("version: 1\nserver: { admin: /run/x/a17.sock }\n"
                  "models: { a: { kind: llm, source: /a, memory: 1GiB } }\n"),
            "");
}

TEST(Parse, DefaultOfTheAdminSocketIsCheckedToo) {
  Host host = FixedHost();
  host.runtime_dir = std::string("/").append(120, 'r');
  const auto parsed = Parse(SmallPlan(), "berth.yaml", host);
  const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
  ASSERT_NE(mistakes, nullptr);
  EXPECT_THAT(Format(*mistakes), StartsWith("berth.yaml: server.admin: socket paths have at most 107 bytes; "));
}

TEST(FindModel, KnowsNamesAndAliases) {
  const Plan plan = Good(SmallPlan("    aliases: [one, two]\n"));
  EXPECT_EQ(FindModel(plan, "bge"), &plan.models[0]);
  EXPECT_EQ(FindModel(plan, "two"), &plan.models[0]);
  EXPECT_EQ(FindModel(plan, "three"), nullptr);
}

}  // namespace
}  // namespace berth::config
