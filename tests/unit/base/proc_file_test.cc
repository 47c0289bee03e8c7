#include "supervisor/base/proc_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace berth {
namespace {

TEST(ReadProcFile, ReadsAllOfIt) {
  EXPECT_TRUE(ReadProcFile("/proc/self/stat").starts_with(std::to_string(::getpid()) + " ("));
  EXPECT_GT(ReadProcFile("/proc/self/smaps").size(), 4096U);
}

TEST(ReadProcFile, AFileThatIsNotThereIsEmpty) { EXPECT_EQ(ReadProcFile("/proc/0/stat"), ""); }

// A process that ends between opening and reading ended the daemon: "task orphan sweeper: basic_filebuf::underflow
// error reading the file: No such process". Address 0 of our memory opens, and cannot be read.
TEST(ReadProcFile, AFileThatOpensAndCannotBeReadIsEmptyAndThrowsNothing) {
  EXPECT_EQ(ReadProcFile("/proc/self/mem"), "");
}

}  // namespace
}  // namespace berth
