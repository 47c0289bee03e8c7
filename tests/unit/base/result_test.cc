#include "supervisor/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace berth {
namespace {

TEST(MakeError, WhatIsQuotedCannotBreakTheLine) {
  const Error error = Invalid("tensor \"a\r\nb\x1b[2J\x7f\": is \t", 7, " wide");
  EXPECT_EQ(error.message, "tensor \"a  b [2J \": is  7 wide");
  EXPECT_EQ(SystemError(ENOENT, "cannot read a\nb").message, "cannot read a b: No such file or directory");
}

TEST(MakeError, WhatIsQuotedCannotMakeABookOfAMessage) {
  const Error error = Invalid("a", std::string(10'000, 'x'));
  EXPECT_EQ(error.message.size(), kMostMessageBytes);
  EXPECT_TRUE(error.message.ends_with("x…"));
}

TEST(MakeError, LongMessageIsCutBetweenCharacters) {
  for (const char* before : {"", "a", "ab"}) {
    std::string text = before;
    while (text.size() < 6'000) text += "\xE2\x82\xAC";
    const std::string message = Invalid(text).message;
    EXPECT_LE(message.size(), kMostMessageBytes);
    EXPECT_EQ((message.size() - text.substr(0, std::string_view(before).size()).size()) % 3, 0u) << before;
  }
}

}  // namespace
}  // namespace berth
