#include "worker/checkpoint/json_file.h"

#include <gmock/gmock.h>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using testing::HasSubstr;

std::string Repeat(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

TEST(ParseJson, BuildsTheTreeThatTheTextDescribes) {
  const std::string texts[] = {
      R"({"a": [1, -2, 3.5, "é", true, null, {}], "b": {"c": []}})",
      R"([])",
      R"("text")",
      R"(18446744073709551615)",
      R"({"": 1, "nested": {"": 2}})",
      R"([[1, [2, [3]]], {"x": {"y": [{"z": 0}]}}])",
  };
  for (const std::string& text : texts) {
    const auto json = ParseJson(text, "file");
    ASSERT_TRUE(json) << json.error().message;
    EXPECT_EQ(*json, nlohmann::json::parse(text)) << text;
  }
}

TEST(ParseJson, AcceptsNestingUpToTheLimit) {
  EXPECT_TRUE(ParseJson(Repeat("[", 64) + Repeat("]", 64), "file"));
  EXPECT_FALSE(ParseJson(Repeat("[", 65) + Repeat("]", 65), "file"));
}

TEST(ParseJson, AcceptsTheSameKeyInDifferentObjects) {
  EXPECT_TRUE(ParseJson(R"([{"a": 1}, {"a": {"a": 2}}])", "file"));
}

struct Bad {
  std::string text;
  std::string message;
};

TEST(ParseJson, RefusesHostileTextWithAMessage) {
  const Bad table[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {R"({"a": 1} x)", "not valid JSON at byte"},
      {R"({"a": 01})", "not valid JSON"},
      {R"({'a': 1})", "not valid JSON"},
      {"{\"a\": \"\x80\"}", "not valid JSON"},
      {R"({"a": 1e999})", "out of range"},
      {R"({"a": NaN})", "not valid JSON"},
      {R"({"a": 1, "b": 2, "a": 3})", "has the key \"a\" twice"},
      {R"({"x": {"deep": 1, "deep": 1}})", "has the key \"deep\" twice"},
      {Repeat("[", 1'000'000), "nested deeper than 64"},
      {Repeat(R"({"a":)", 1'000'000), "nested deeper than 64"},
      {Repeat(R"([{"a":)", 200'000), "nested deeper than 64"},
  };
  for (const Bad& bad : table) {
    const auto json = ParseJson(bad.text, "some.json");
    ASSERT_FALSE(json) << bad.text.substr(0, 80);
    EXPECT_EQ(json.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(json.error().message, HasSubstr("some.json"));
    EXPECT_THAT(json.error().message, HasSubstr(bad.message));
    EXPECT_LT(json.error().message.size(), 400u);
  }
  std::printf("%zu hostile JSON texts refused\n", std::size(table));
}

TEST(ParseJson, NothingHidesBehindANul) {
  for (const std::string_view text : {std::string_view("{}\0{\"a\":1}", 10), std::string_view("{}\0", 3)}) {
    const auto json = ParseJson(text, "x.json");
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().message, "x.json: is not valid JSON at byte 2, which is NUL; was it truncated or edited?");
  }
}

TEST(ParseJson, MessageStaysShortForALongKey) {
  const std::string key(100'000, 'k');
  const auto json = ParseJson("{\"" + key + "\": 1, \"" + key + "\": 2}", "some.json");
  ASSERT_FALSE(json);
  EXPECT_LT(json.error().message.size(), 400u);
}

TEST(ReadJsonFile, RefusesAFileAboveTheLimit) {
  TempDir dir;
  const auto path = dir.Write("config.json", "[" + std::string(2000, ' ') + "]");
  const auto json = ReadJsonFile(path, {.size = KiB(1)});
  ASSERT_FALSE(json);
  EXPECT_THAT(json.error().message, HasSubstr(path.string()));
  EXPECT_THAT(json.error().message, HasSubstr("more than the 1 KiB"));
}

TEST(ReadJsonFile, MissingFileIsNotFound) {
  const auto json = ReadJsonFile("/nonexistent/config.json");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace berth::checkpoint
