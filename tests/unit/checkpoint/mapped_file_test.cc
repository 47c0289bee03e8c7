#include "worker/checkpoint/mapped_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using testing::HasSubstr;

TEST(MappedFile, HoldsTheWholeFile) {
  TempDir dir;
  const auto file = MappedFile::Open(dir.Write("weights", std::string("ab\0cd", 5)));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text(), std::string_view("ab\0cd", 5));
}

TEST(MappedFile, MovesWithItsMapping) {
  TempDir dir;
  auto first = MappedFile::Open(dir.Write("first", "first"));
  auto second = MappedFile::Open(dir.Write("second", "second"));
  *first = std::move(*second);
  EXPECT_EQ(first->text(), "second");
  const MappedFile third(std::move(*first));
  EXPECT_EQ(third.text(), "second");
  EXPECT_EQ(first->bytes().size(), 0u);
}

TEST(MappedFile, KeepsItsBytesWhenTheFileIsRemoved) {
  TempDir dir;
  const auto path = dir.Write("weights", "bytes");
  const auto file = MappedFile::Open(path);
  std::filesystem::remove(path);
  EXPECT_EQ(file->text(), "bytes");
}

void ExpectRefused(const std::filesystem::path& path, ErrorKind kind, const std::string& why,
                   Bytes limit = KiB(1)) {
  const auto file = MappedFile::Open(path, limit);
  ASSERT_FALSE(file) << path;
  EXPECT_EQ(file.error().kind, kind);
  EXPECT_THAT(file.error().message, HasSubstr(path.string()));
  EXPECT_THAT(file.error().message, HasSubstr(why));
}

TEST(MappedFile, RefusesWhatIsNoFileOfTheRightSize) {
  TempDir dir;
  ExpectRefused(dir.path() / "missing", ErrorKind::kNotFound, "No such file");
  ExpectRefused(dir.path(), ErrorKind::kInvalid, "is a directory");
  ExpectRefused(dir.Write("empty", ""), ErrorKind::kInvalid, "is empty");
  ExpectRefused(dir.Write("large", std::string(1025, 'x')), ErrorKind::kInvalid,
                "more than the 1 KiB allowed");
  ExpectRefused("/dev/zero", ErrorKind::kInvalid, "is a device");
  const auto pipe = dir.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ExpectRefused(pipe, ErrorKind::kInvalid, "is a pipe");
}

}  // namespace
}  // namespace berth::checkpoint
