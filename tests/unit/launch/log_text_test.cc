#include "supervisor/launch/log_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Printable, KeepsTextAndEscapesTheRest) {
  const std::pair<std::string, std::string> cases[] = {
      {"plain text", "plain text"},
      {"tab\there", "tab\there"},
      {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa2", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\xa2"},
      {"\x1b[31mred", "\\x1b[31mred"},
      {std::string("nul\0byte", 8), "nul\\x00byte"},
      {"\x7f", "\\x7f"},
      {"bad \xff\xfe", "bad \\xff\\xfe"},
      {"cut \xe2\x82", "cut \\xe2\\x82"},
      {"overlong \xc0\xaf", "overlong \\xc0\\xaf"},
      {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
      {"too high \xf4\x90\x80\x80", "too high \\xf4\\x90\\x80\\x80"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(Printable(bytes), text);
}

TEST(LineCutter, LinesMayArriveInAnyPieces) {
  LineCutter cutter;
  EXPECT_THAT(cutter.Feed("one\ntwo\nth"), ElementsAre("one", "two"));
  EXPECT_THAT(cutter.Feed("r"), IsEmpty());
  EXPECT_THAT(cutter.Feed("ee\r\n\n"), ElementsAre("three", ""));
  EXPECT_THAT(cutter.Finish(), IsEmpty());
  EXPECT_THAT(cutter.Feed("no newline"), IsEmpty());
  EXPECT_THAT(cutter.Finish(), ElementsAre("no newline"));
}

TEST(LineCutter, ALineWithoutEndIsCutAndItsRestSkipped) {
  LineCutter cutter;
  for (int i = 0; i < 1000; ++i) EXPECT_THAT(cutter.Feed(std::string(1000, 'x')), IsEmpty());
  EXPECT_THAT(cutter.Feed("\nnext\n"), ElementsAre(std::string(LineCutter::kMaxLine, 'x'), "next"));
}

TEST(LineBudget, AdmitsARateAndStartsAnewEachSecond) {
  LineBudget budget;
  int admitted = 0;
  for (int i = 0; i < 10 * LineBudget::kLinesPerSecond; ++i) admitted += budget.Admit(5, 10);
  EXPECT_EQ(admitted, LineBudget::kLinesPerSecond);
  EXPECT_TRUE(budget.Admit(6, 10));
  EXPECT_FALSE(budget.Admit(6, LineBudget::kBytesPerSecond));
}

}  // namespace
}  // namespace berth::launch
