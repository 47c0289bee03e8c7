#include "worker/text/utf8.h"

#include <gtest/gtest.h>

namespace berth::text {
namespace {

TEST(Repair, LeavesValidTextWhereItIs) {
  std::string storage;
  const std::string_view texts[] = {"",
                                    "ascii only, longer than eight",
                                    "é",
                                    "\u4f60\u597d",
                                    "\U0001F600 x",
                                    "\u0000\u007f",
                                    "\uffff\U0010ffff",
                                    "12345678é"};
  for (const auto text : texts) EXPECT_EQ(Repair(text, storage).data(), text.data()) << text;
}

TEST(Repair, ReplacesMaximalSubparts) {
  const std::pair<std::string, std::string> table[] = {
      {"\x80", "\uFFFD"},
      {"a\xFFz", "a\uFFFDz"},
      {"\xC3", "\uFFFD"},
      {"\xC3(", "\uFFFD("},
      {"\xC0\xAF", "\uFFFD\uFFFD"},                      // overlong
      {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},            // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},            // a surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"\xF5\x80", "\uFFFD\uFFFD"},
      {"\xE4\xBD", "\uFFFD"},  // truncated: one for all its bytes
      {"\xE4\xBDx", "\uFFFDx"},
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\xF0\x9F\x98\xC3\xA9", "\uFFFDé"},
      {"good then \xF0\x9F\x98", "good then \uFFFD"},
  };
  for (const auto& [text, expected] : table) {
    std::string storage;
    EXPECT_EQ(Repair(text, storage), expected) << testing::PrintToString(text);
    EXPECT_FALSE(IsValidUtf8(text));
    EXPECT_TRUE(IsValidUtf8(expected));
  }
}

TEST(Append, GoesRoundForEveryLength) {
  for (const char32_t point : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text = "x";
    Append(text, point);
    text += 'x';
    std::size_t at = 1;
    EXPECT_EQ(DecodeAt(text, at), point);
    EXPECT_EQ(at, text.size() - 1);
    EXPECT_EQ(DecodeBefore(text, at), point);
  }
}

TEST(SkipAscii, StopsAtTheFirstByteOutsideWhereverItLies) {
  for (std::size_t place = 0; place < 40; ++place) {
    const std::string text = std::string(place, 'a') + "é" + std::string(7, 'a');
    EXPECT_EQ(SkipAscii(text, 0), place);
    EXPECT_EQ(SkipNonAscii(text, place), place + 2);
    EXPECT_EQ(SkipAscii(text, place + 2), text.size());
  }
}

}  // namespace
}  // namespace berth::text
