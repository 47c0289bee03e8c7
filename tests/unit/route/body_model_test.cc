#include "supervisor/route/body_model.h"

#include <gtest/gtest.h>

namespace berth::route {
namespace {

struct Case {
  std::string body;
  std::string model;       // "-": none
};

TEST(ReadBodyModel, FindsTheTopLevelModel) {
  const Case cases[] = {
      {R"({"model":"m"})", "m"},
      {R"( { "a" : [1, -2.5e+3, 0, {"model":"inner"}], "model" : "m" } )", "m"},
      {R"({"model":"a\/b\u00e9"})", "a/b\xc3\xa9"},
      {R"({"mod\u0065l":"m"})", "m"},
      {R"({"input":"\"model\":\"x\"","model":"m"})", "m"},
      {R"({})", "-"},
      {R"({"input":[true,false,null,[],{}]})", "-"},
      {"{\"model\":\"m\",\"x\":0.1E-2}\r\n\t ", "m"},
  };
  for (const Case& c : cases) {
    const BodyModel read = ReadBodyModel(c.body);
    EXPECT_EQ(read.error, "") << c.body;
    EXPECT_EQ(read.model.value_or("-"), c.model) << c.body;
  }
}

TEST(ReadBodyModel, RefusesWhatIsNotOneJsonObject) {
  const char* bodies[] = {"", " ", "[]", "\"m\"", "1", "{", "}", "{]", R"({"a")", R"({"a":})", R"({"a":1,})",
                          R"({,})", R"({"a" 1})", R"({"a":1}{})", R"({"a":1} x)", R"({"a":01})", R"({"a":.5})",
                          R"({"a":1.})", R"({"a":1e})", R"({"a":-})", R"({"a":+1})", R"({"a":tru})", R"({"a":[1,]})",
                          R"({"a":[1 2]})", R"({"a":"\x"})", R"({"a":"\u12g4"})", R"({"a":")", "{\"a\":\"\n\"}",
                          R"({a:1})", R"({'a':1})", R"({"a":NaN})", R"({"a":1]})", R"({"a":[1})"};
  for (const char* body : bodies) EXPECT_NE(ReadBodyModel(body).error, "") << body;
  EXPECT_NE(ReadBodyModel(std::string_view("{\"a\":1}\0", 8)).error, "");
}

TEST(ReadBodyModel, RefusesAModelThatTwoReadersCouldReadDifferently) {
  for (const char* body : {R"({"model":"a","model":"a"})", R"({"model":"a","mod\u0065l":"b"})", R"({"model":1})",
                           R"({"model":null})", R"({"model":["a"]})", R"({"model":{}})", R"({"model":"\ud800"})"}) {
    const BodyModel read = ReadBodyModel(body);
    EXPECT_NE(read.error, "") << body;
    EXPECT_EQ(read.param, "model") << body;
  }
}

TEST(ReadBodyModel, FindsTheTimeout) {
  EXPECT_EQ(ReadBodyModel(R"({"timeout_ms":1,"model":"m"})").timeout_ms, 1);
  EXPECT_EQ(ReadBodyModel(R"({"timeout_ms" : 86400000})").timeout_ms, 86'400'000);
  const BodyModel null = ReadBodyModel(R"({"timeout_ms":null,"model":"m"})");
  EXPECT_EQ(null.error, "");
  EXPECT_FALSE(null.timeout_ms);
  EXPECT_EQ(null.model, "m");
  EXPECT_FALSE(ReadBodyModel(R"({"a":{"timeout_ms":"x"}})").timeout_ms);
}

TEST(ReadBodyModel, RefusesATimeoutThatIsNone) {
  for (const char* value : {"0", "-1", "1.5", "1e3", "86400001", "99999999999999999999", "\"5\"", "true", "[1]", "{}"}) {
    const BodyModel read = ReadBodyModel("{\"timeout_ms\":" + std::string(value) + "}");
    EXPECT_NE(read.error, "") << value;
    EXPECT_EQ(read.param, "timeout_ms") << value;
  }
  EXPECT_EQ(ReadBodyModel(R"({"timeout_ms":1,"timeout_ms":2})").param, "timeout_ms");
  EXPECT_NE(ReadBodyModel(R"({"timeout_ms":nul})").error, "");
  EXPECT_NE(ReadBodyModel(R"({"timeout_ms":01})").error, "");
}

// Strings are read in blocks: what ends or breaks one is seen wherever in a block it stands.
TEST(ReadBodyModel, FindsTheEndOfAStringAtEveryOffset) {
  for (std::size_t length = 0; length < 70; ++length) {
    const std::string text(length, '\x7f');
    EXPECT_EQ(ReadBodyModel("{\"input\":\"" + text + "\",\"model\":\"m\"}").model, "m") << length;
    EXPECT_EQ(ReadBodyModel("{\"input\":\"\xff" + text + "\\\"\",\"model\":\"m\"}").model, "m") << length;
    EXPECT_NE(ReadBodyModel("{\"input\":\"" + text + "\x1f\",\"model\":\"m\"}").error, "") << length;
    EXPECT_NE(ReadBodyModel("{\"input\":\"" + text + "\\").error, "") << length;
    EXPECT_NE(ReadBodyModel("{\"input\":\"" + text).error, "") << length;
  }
}

TEST(ReadBodyModel, DepthIsBounded) {
  auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(ReadBodyModel(nested(kMaxJsonDepth)).error, "");
  EXPECT_NE(ReadBodyModel(nested(kMaxJsonDepth + 1)).error.find("deeper"), std::string::npos);
}

}  // namespace
}  // namespace berth::route
