#include "supervisor/cli/arguments.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "supervisor/cli/commands.h"

namespace berth::cli {
namespace {

using Words = std::vector<std::string>;

Invocation Parsed(const Words& words) {
  const auto invocation = ParseArguments(words);
  EXPECT_TRUE(invocation.has_value()) << invocation.error().message;
  return invocation ? *invocation : Invocation();
}

TEST(ParseArguments, OptionsStandAnywhere) {
  for (const Words& words : {Words{"--socket", "/s", "logs", "-f", "bge", "--tail", "7"},
                             Words{"logs", "bge", "--tail=7", "--follow", "--socket=/s"},
                             Words{"-s", "/s", "logs", "-n", "7", "-f", "--", "bge"}}) {
    const Invocation invocation = Parsed(words);
    EXPECT_EQ(invocation.command->name, "logs");
    EXPECT_EQ(invocation.operands, Words{"bge"});
    EXPECT_EQ(invocation.socket, "/s");
    EXPECT_EQ(invocation.tail, 7);
    EXPECT_TRUE(invocation.follow);
    EXPECT_FALSE(invocation.previous);
  }
}

TEST(ParseArguments, WaitTakesATimeOrNone) {
  EXPECT_EQ(Parsed({"start", "bge"}).wait, std::nullopt);
  EXPECT_EQ(Parsed({"start", "--wait", "bge"}).wait, kDefaultWait);
  EXPECT_EQ(Parsed({"start", "bge", "--wait"}).wait, kDefaultWait);
  EXPECT_EQ(Parsed({"start", "--wait", "90s", "bge"}).wait, Duration(std::chrono::seconds(90)));
  EXPECT_EQ(Parsed({"start", "bge", "--wait=2m"}).wait, Duration(std::chrono::minutes(2)));
  EXPECT_EQ(Parsed({"start", "--wait", "90s", "bge"}).operands, Words{"bge"});
}

TEST(ParseArguments, HelpAndVersionNeedNothingElse) {
  EXPECT_TRUE(Parsed({"--help"}).help);
  EXPECT_TRUE(Parsed({"logs", "-h"}).help);
  EXPECT_TRUE(Parsed({"--version"}).version);
}

struct Mistake {
  Words words;
  const char* says;
};

TEST(ParseArguments, MistakesAreNamedWithTheNearestWord) {
  for (const Mistake& row : {
           Mistake{{}, "needs a command"},
           Mistake{{"strat", "x"}, "did you mean start?"},
           Mistake{{"ps", "--jsno"}, "did you mean --json?"},
           Mistake{{"xyzzy"}, "berth help"},
           Mistake{{"start"}, "lacks its MODEL..."},
           Mistake{{"logs", "a", "b"}, "does not take b"},
           Mistake{{"ps", "--wait"}, "takes no --wait"},
           Mistake{{"start", "a", "--follow"}, "takes no --follow"},
           Mistake{{"logs", "a", "--tail"}, "lacks its N"},
           Mistake{{"logs", "a", "--tail", "-3"}, "whole number"},
           Mistake{{"logs", "a", "--tail", "1e3"}, "whole number"},
           Mistake{{"logs", "a", "--tail", "10001"}, "10000"},
           Mistake{{"estimate", "a", "--max-tokens", "0"}, "from 1 to 1048576"},
           Mistake{{"estimate", "a", "--threads", "two"}, "whole number from 1 to 4096"},
           Mistake{{"plan", "a", "--threads", "2"}, "takes no --threads"},
           Mistake{{"logs", "a", "--follow=yes"}, "takes no value"},
           Mistake{{"start", "a", "--wait="}, "lacks its value"},
           Mistake{{"start", "a", "--wait=5"}, "unit"},
           Mistake{{"start", "a", "--wait=25h"}, "over a day"},
           Mistake{{"--socket"}, "lacks its PATH"},
       }) {
    const auto invocation = ParseArguments(row.words);
    ASSERT_FALSE(invocation.has_value()) << row.says;
    EXPECT_NE(invocation.error().message.find(row.says), std::string::npos) << invocation.error().message;
    EXPECT_EQ(invocation.error().kind, ErrorKind::kInvalid);
  }
}

TEST(Commands, EachHasANameAHelpAndAFunction) {
  std::set<std::string_view> names;
  for (const Command& command : Commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    EXPECT_FALSE(command.help.empty()) << command.name;
    EXPECT_NE(command.run, nullptr) << command.name;
    EXPECT_EQ(command.most == 0, command.operands.empty()) << command.name;
    EXPECT_NE(HelpText().find(command.help), std::string::npos) << command.name;
  }
}

TEST(Commands, HelpFitsATerminal) {
  std::string all = HelpText();
  for (const Command& command : Commands()) all += HelpText(command);
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Commands, HelpOfOneListsItsOwnOptionsOnly) {
  const std::string help = HelpText(*FindCommand("start"));
  EXPECT_NE(help.find("--wait"), std::string::npos);
  EXPECT_NE(help.find("--json"), std::string::npos);
  EXPECT_EQ(help.find("--follow"), std::string::npos);
}

}  // namespace
}  // namespace berth::cli
