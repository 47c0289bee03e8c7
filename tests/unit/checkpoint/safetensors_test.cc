#include "worker/checkpoint/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The bytes of a file with this header and `data` bytes of 0, 1, 2, … behind it.
std::string File(const std::string& header, std::size_t data,
                 std::optional<std::uint64_t> claimed = std::nullopt) {
  const std::uint64_t length = claimed.value_or(header.size());
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  file += header;
  for (std::size_t i = 0; i < data; ++i) file.push_back(static_cast<char>(i));
  return file;
}

Result<std::vector<TensorView>> Parse(const std::string& file) {
  return ParseSafetensors(std::as_bytes(std::span(file)), "w.safetensors");
}

TEST(ParseSafetensors, GivesEveryTensorItsBytes) {
  const std::string file = File(R"({"b": {"dtype": "F32", "shape": [2, 1], "data_offsets": [2, 10]},
    "a": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]},
    "empty": {"dtype": "I64", "shape": [3, 0], "data_offsets": [10, 10]},
    "__metadata__": {"format": "pt"}})",
                                10);
  const auto tensors = Parse(file);
  ASSERT_TRUE(tensors) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 3u);
  const TensorView& a = (*tensors)[0];
  const TensorView& b = (*tensors)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, Dtype::BF16);
  EXPECT_TRUE(a.shape.empty());
  EXPECT_EQ(a.data.size(), 2u);
  EXPECT_EQ(b.name, "b");
  EXPECT_THAT(b.shape, ElementsAre(2, 1));
  EXPECT_EQ(b.data.size(), 8u);
  EXPECT_EQ(b.data[0], std::byte{2});
  EXPECT_EQ((*tensors)[2].data.size(), 0u);
}

TEST(ParseSafetensors, KnowsEveryDtypeAndItsSize) {
  const std::pair<std::string, std::size_t> table[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2},
                                                       {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
                                                       {"U8", 1},  {"BOOL", 1}};
  for (const auto& [name, size] : table) {
    const auto tensors =
        Parse(File(R"({"t": {"dtype": ")" + name + R"(", "shape": [3], "data_offsets": [0, )" +
                       std::to_string(3 * size) + "]}}",
                   3 * size));
    ASSERT_TRUE(tensors) << tensors.error().message;
    EXPECT_EQ(DtypeName(tensors->front().dtype), name);
    EXPECT_EQ(DtypeSize(tensors->front().dtype), size);
  }
}

TEST(ParseSafetensors, AcceptsNoTensorsAtAll) {
  const auto tensors = Parse(File("{}", 0));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_TRUE(tensors->empty());
}

struct Bad {
  std::string file;
  std::string message;
};

// One tensor "t" with this description, and `data` bytes.
std::string One(const std::string& description, std::size_t data) {
  return File("{\"t\": " + description + "}", data);
}

std::string Two(const std::string& first, const std::string& second, std::size_t data) {
  return File(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": )" + first +
                  R"(}, "b": {"dtype": "U8", "shape": [4], "data_offsets": )" + second + "}}",
              data);
}

std::vector<Bad> BadFiles() {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  return {
      {"", "too few"},
      {"short", "too few"},
      {File("{}", 0, std::uint64_t{1} << 60), "claims a header of 1152921504606846976 bytes"},
      {File("{}", 0, ~std::uint64_t{0}), "claims a header of 18446744073709551615 bytes"},
      {File("{}", 0, 100'000'001), "more than the 100000000"},
      {File("{}", 0, 3), "truncated"},
      {File("", 4), "not valid JSON"},
      {File("[]", 0), "an object of tensors is needed"},
      {File("null", 0), "an object of tensors is needed"},
      {File(R"({"t": )" + deep, 0), "nested deeper than 8"},
      {File(R"({"t": {}, "t": {}})", 0), "has the key \"t\" twice"},
      {One("[]", 0), "tensor \"t\": is array"},
      {One("{}", 0), "\"dtype\" is missing"},
      {One(R"({"dtype": 1, "shape": [1], "data_offsets": [0, 4]})", 4), "\"dtype\" is number"},
      {One(R"({"dtype": "F4", "shape": [1], "data_offsets": [0, 4]})", 4), "dtype \"F4\" is not supported"},
      {One(R"({"dtype": "f32", "shape": [1], "data_offsets": [0, 4]})", 4), "dtype \"f32\" is not supported"},
      {One(R"({"dtype": "F32", "data_offsets": [0, 4]})", 4), "\"shape\" is missing"},
      {One(R"({"dtype": "F32", "shape": 1, "data_offsets": [0, 4]})", 4), "\"shape\" is number"},
      {One(R"({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]})", 4), "holds -1"},
      {One(R"({"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]})", 4), "holds 1.0"},
      {One(R"({"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]})", 4), "dimensions are integers"},
      {One(R"({"dtype": "F32", "shape": [18446744073709551615], "data_offsets": [0, 4]})", 4), "2^56"},
      {One(R"({"dtype": "F32", "shape": [72057594037927936, 72057594037927936], "data_offsets": [0, 4]})", 4),
       "more than 2^64"},
      {One(R"({"dtype": "F64", "shape": [4294967296, 536870912], "data_offsets": [0, 0]})", 0),
       "more than 2^64"},
      {One(R"({"dtype": "U8", "shape": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], "data_offsets": [0, 1]})", 1),
       "17 dimensions"},
      {One(R"({"dtype": "F32", "shape": [1]})", 4), "\"data_offsets\" is missing"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [0]})", 4), "two non-negative integers"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]})", 4), "two non-negative integers"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]})", 4), "two non-negative integers"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4.0]})", 4), "two non-negative integers"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [4, 0]})", 4), "ends before that"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 8]})", 8), "F32 [1] needs 4 bytes"},
      {One(R"({"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 20]})", 20), "F32 [2, 3] needs 24 bytes"},
      {One(R"({"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})", 4), "ends at byte 8 of 4"},
      {One(R"({"dtype": "U8", "shape": [72057594037927936], "data_offsets": [0, 72057594037927936]})", 4),
       "ends at byte 72057594037927936 of 4"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]})", 8), "the format has no holes"},
      {One(R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})", 5), "tensors end at byte 4"},
      {Two("[0, 4]", "[3, 7]", 7), "inside the tensor before it"},
      {Two("[0, 4]", "[0, 4]", 4), "inside the tensor before it"},
      {Two("[0, 4]", "[5, 9]", 9), "1 bytes after the end"},
      {File(R"({"__metadata__": []})", 0), "__metadata__: is array"},
      {File(R"({"__metadata__": {"a": 1}})", 0), "__metadata__: \"a\" is number"},
  };
}

TEST(ParseSafetensors, RefusesHostileFilesWithAMessage) {
  const auto table = BadFiles();
  for (const Bad& bad : table) {
    const auto tensors = Parse(bad.file);
    ASSERT_FALSE(tensors) << bad.message;
    EXPECT_THAT(tensors.error().message, HasSubstr("w.safetensors"));
    EXPECT_THAT(tensors.error().message, HasSubstr(bad.message));
    EXPECT_LT(tensors.error().message.size(), 500u);
  }
  std::printf("%zu hostile safetensors files refused\n", table.size());
}

TEST(ParseSafetensors, SurvivesEveryTruncation) {
  const std::string file = Two("[0, 4]", "[4, 8]", 8);
  ASSERT_TRUE(Parse(file));
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_FALSE(Parse(file.substr(0, size))) << size;
}

std::string Tensor(const std::string& name) {
  return File("{\"" + name + R"(": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 4);
}

TEST(Checkpoint, OpensASingleFile) {
  TempDir dir;
  dir.Write("model.safetensors", Tensor("w"));
  const auto checkpoint = Checkpoint::Open(dir.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_NE(checkpoint->Find("w"), nullptr);
  EXPECT_EQ(checkpoint->Find("w")->data[3], std::byte{3});
  EXPECT_EQ(checkpoint->Find("v"), nullptr);
  EXPECT_EQ(checkpoint->total(), Bytes{4});
}

TEST(Checkpoint, ViewsOutliveTheCopyTheyCameFrom) {
  TempDir dir;
  dir.Write("model.safetensors", Tensor("w"));
  auto first = Checkpoint::Open(dir.path());
  const Checkpoint second = *first;
  const TensorView* view = first->Find("w");
  first = Invalid("gone");
  EXPECT_EQ(view->data[1], std::byte{1});
}

TEST(Checkpoint, OpensShards) {
  TempDir dir;
  dir.Write("one.safetensors", Tensor("a"));
  dir.Write("two.safetensors", Tensor("b"));
  dir.Write(
      "model.safetensors.index.json",
      R"({"metadata": {"total_size": 8}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  const auto checkpoint = Checkpoint::Open(dir.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->files().size(), 2u);
  EXPECT_EQ(checkpoint->total(), Bytes{8});
}

struct BadIndex {
  std::string index;
  std::string message;
};

TEST(Checkpoint, RefusesAHostileIndex) {
  const BadIndex table[] = {
      {"{}", "\"weight_map\" is missing"},
      {R"({"weight_map": []})", "\"weight_map\" is array"},
      {R"({"weight_map": {}})", "lists no tensor"},
      {R"({"weight_map": {"a": 1}})", "\"a\" is number"},
      {R"({"weight_map": {"a": "../one.safetensors"}})", "plain file name"},
      {R"({"weight_map": {"a": "/etc/passwd"}})", "plain file name"},
      {R"({"weight_map": {"a": "x/one.safetensors"}})", "plain file name"},
      {R"({"weight_map": {"a": ".."}})", "plain file name"},
      {R"({"weight_map": {"a": ""}})", "plain file name"},
      {R"({"weight_map": {"a": "one\u0000.safetensors"}})", "plain file name"},
      {R"({"weight_map": {"a": "missing.safetensors"}})", "missing.safetensors"},
      {R"({"weight_map": {"nope": "one.safetensors"}})", "\"nope\" is not in one.safetensors"},
      {R"({"weight_map": {"a": "two.safetensors", "b": "one.safetensors"}})", "where weight_map puts it"},
      {R"({"weight_map": {"a": "one.safetensors", "x": "other.safetensors"}})", "also in an earlier shard"},
      {R"({"weight_map": {"a": "one.safetensors", "a": "two.safetensors"}})", "twice"},
  };
  for (const BadIndex& bad : table) {
    TempDir dir;
    dir.Write("one.safetensors", Tensor("a"));
    dir.Write("two.safetensors", Tensor("b"));
    dir.Write("other.safetensors", Tensor("a"));
    dir.Write("model.safetensors.index.json", bad.index);
    const auto checkpoint = Checkpoint::Open(dir.path());
    ASSERT_FALSE(checkpoint) << bad.index;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(bad.message));
    EXPECT_THAT(checkpoint.error().message, HasSubstr(dir.path().string()));
  }
}

TEST(Checkpoint, FolderWithoutWeightsNamesBothFiles) {
  TempDir dir;
  const auto checkpoint = Checkpoint::Open(dir.path());
  ASSERT_FALSE(checkpoint);
  EXPECT_EQ(checkpoint.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(checkpoint.error().message, HasSubstr("neither model.safetensors nor"));
}

TEST(Checkpoint, OpensARealModel) {
  const auto data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  const auto checkpoint = Checkpoint::Open(data / "models" / "bert-mini-sts");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  std::printf("%zu tensors, %s\n", checkpoint->tensors().size(), FormatBytes(checkpoint->total()).c_str());
  bool found = false;
  for (const auto& [name, view] : checkpoint->tensors()) {
    if (!name.ends_with("word_embeddings.weight")) continue;
    found = true;
    EXPECT_THAT(view.shape, ElementsAre(30522, 128));
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace berth::checkpoint
