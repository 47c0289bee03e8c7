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

TEST(ReadBodyModel, DepthIsBounded) {
  auto nested = [](int depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(ReadBodyModel(nested(kMaxJsonDepth)).error, "");
  EXPECT_NE(ReadBodyModel(nested(kMaxJsonDepth + 1)).error.find("deeper"), std::string::npos);
}

}  // namespace
}  // namespace berth::route
