#include "supervisor/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berth {
namespace {

TEST(Log, AMessageIsOneLineWhateverAWorkerSaid) {
  testing::internal::CaptureStderr();
  LogInfo("exit bge/0: bad file\n2026-01-31T12:00:00.000Z error forged\x1b[31m\r");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_TRUE(line.ends_with("Z info exit bge/0: bad file 2026-01-31T12:00:00.000Z error forged [31m \n")) << line;
}

}  // namespace
}  // namespace berth
