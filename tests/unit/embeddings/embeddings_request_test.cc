#include "worker/embeddings/embeddings_request.h"

#include <gtest/gtest.h>

#include "worker/serve/body_fields.h"

namespace berth::serve {
namespace {

EncoderFacts Facts(bool matryoshka = false) {
  EncoderFacts facts{{.name = "m", .max_tokens = 16, .vocab_size = 100}, 8, matryoshka};
  facts.sentence.prompts = {{"query", "query: "}, {"passage", "passage: "}, {"clustering", "cluster: "}};
  return facts;
}

Parsed<EmbeddingsRequest> Parse(const std::string& body, const EncoderFacts& facts = Facts()) {
  const auto json = ParseBody(body);
  if (!json) return json.error();
  return ParseEmbeddings(*json, facts);
}

EmbeddingsRequest Good(const std::string& body, const EncoderFacts& facts = Facts()) {
  const auto parsed = Parse(body, facts);
  EXPECT_TRUE(parsed) << body << ": " << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : EmbeddingsRequest{};
}

struct Bad {
  const char* body;
  const char* param;  // "" for none
  const char* says;   // part of the message
};

constexpr Bad kBadBodies[] = {
    {"", "", "no body"},
    {"{", "", "not valid JSON"},
    {"{\"input\":\"a\"", "", "not valid JSON"},
    {"{\"input\":\"a\"} x", "", "not valid JSON"},
    {"{'input':'a'}", "", "not valid JSON"},
    {"{\"input\":\"a\xff\"}", "", "not valid JSON"},
    {"{\"input\":\"\xed\xa0\x80\"}", "", "not valid JSON"},
    {R"({"input":"\ud800"})", "", "not valid JSON"},
    {"{\"input\":\"a\nb\"}", "", "not valid JSON"},
    {"{\"input\":NaN}", "", "not valid JSON"},
    {"\xef\xbb\xbf{\"input\":\"a\",}", "", "not valid JSON"},
    {"[]", "", "must be a JSON object, not an array"},
    {"\"a\"", "", "must be a JSON object, not a string"},
    {"null", "", "must be a JSON object, not null"},
    {"3", "", "must be a JSON object, not an integer"},
    {R"({"input":"a","input":"b"})", "", "twice"},
    {R"({"input":1e999})", "", "out of range"},
    {R"({})", "input", "required"},
    {R"({"input":null})", "input", "required"},
    {R"({"inputs":"a"})", "input", "required"},
    {R"({"input":""})", "input", "empty string"},
    {R"({"input":[]})", "input", "empty array"},
    {R"({"input":3})", "input", "not an integer"},
    {R"({"input":true})", "input", "not a boolean"},
    {R"({"input":{"text":"a"}})", "input", "not an object"},
    {R"({"input":[""]})", "input[0]", "empty string"},
    {R"({"input":["a",""]})", "input[1]", "empty string"},
    {R"({"input":["a",3]})", "input[1]", "while the items before it are strings"},
    {R"({"input":["a",null]})", "input[1]", "null"},
    {R"({"input":["a",["b"]]})", "input[1]", "an array"},
    {R"({"input":[["a"]]})", "input[0][0]", "token id"},
    {R"({"input":[null]})", "input[0]", "null"},
    {R"({"input":[{}]})", "input[0]", "an object"},
    {R"({"input":[true]})", "input[0]", "a boolean"},
    {R"({"input":[[]]})", "input[0]", "empty array"},
    {R"({"input":[[1],[]]})", "input[1]", "empty array"},
    {R"({"input":[[1],"a"]})", "input[1]", "arrays of token ids"},
    {R"({"input":[[1],2]})", "input[1]", "an integer"},
    {R"({"input":[1,"a"]})", "input[1]", "a string"},
    {R"({"input":[1,[2]]})", "input[1]", "an array"},
    {R"({"input":[100]})", "input[0]", "between 0 and 99"},
    {R"({"input":[-1]})", "input[0]", "not -1"},
    {R"({"input":[1.5]})", "input[0]", "not 1.5"},
    {R"({"input":[18446744073709551615]})", "input[0]", "between 0 and 99"},
    {R"({"input":[[1,2],[3,4294967296]]})", "input[1][1]", "not 4294967296"},
    {R"({"input":"a","model":3})", "model", "must be a string"},
    {R"({"input":"a","user":3})", "user", "must be a string"},
    {R"({"input":"a","user":["x"]})", "user", "must be a string"},
    {R"({"input":"a","encoding_format":"hex"})", "encoding_format", "'float', 'base64'"},
    {R"({"input":"a","encoding_format":1})", "encoding_format", "must be a string"},
    {R"({"input":"a","encoding_format":""})", "encoding_format", "one of"},
    {R"({"input":"a","dimensions":0})", "dimensions", "between 1 and 8"},
    {R"({"input":"a","dimensions":-4})", "dimensions", "between 1 and 8"},
    {R"({"input":"a","dimensions":9})", "dimensions", "between 1 and 8"},
    {R"({"input":"a","dimensions":4})", "dimensions", "matryoshka"},
    {R"({"input":"a","dimensions":4.0})", "dimensions", "must be an integer"},
    {R"({"input":"a","dimensions":"4"})", "dimensions", "must be an integer"},
    {R"({"input":"a","dimensions":99999999999999999999})", "dimensions", "must be an integer"},
    {R"({"input":"a","dimensions":18446744073709551615})", "dimensions", "between 1 and 8"},
    {R"({"input":"a","normalize":1})", "normalize", "true or false"},
    {R"({"input":"a","normalize":"true"})", "normalize", "true or false"},
    {R"({"input":"a","truncate":"yes"})", "truncate", "true or false"},
    {R"({"input":"a","truncation_direction":"up"})", "truncation_direction", "one of"},
    {R"({"input":"a","truncation_direction":false})", "truncation_direction", "must be a string"},
    {R"({"input":"a","prompt_name":"nope"})", "prompt_name", "'clustering', 'passage', 'query'"},
    {R"({"input":"a","prompt_name":7})", "prompt_name", "must be a string"},
    {R"({"input":[1],"prompt_name":"query"})", "prompt_name", "token ids"},
    {R"({"input":"a","input_type":"question"})", "input_type", "'query', 'document'"},
    {R"({"input":"a","input_type":"query","prompt_name":"query"})", "input_type", "not both"},
};

TEST(EmbeddingsRequest, BadBodiesAre400sThatNameTheParameter) {
  for (const Bad& each : kBadBodies) {
    const auto parsed = Parse(each.body);
    ASSERT_FALSE(parsed) << each.body;
    EXPECT_EQ(parsed.error().status, 400) << each.body;
    EXPECT_EQ(parsed.error().param, each.param) << each.body << ": " << parsed.error().message;
    EXPECT_NE(parsed.error().message.find(each.says), std::string::npos)
        << each.body << ": " << parsed.error().message;
  }
}

TEST(EmbeddingsRequest, WhatIsNotJsonHasTheProxysCode) {
  for (const char* body : {"{", "{\"input\":\"a\xff\"}", R"({"input":"\ud800"})", R"({"input":"a","input":"b"})"}) {
    EXPECT_EQ(Parse(body).error().code, "invalid_json") << body;
  }
}

TEST(EmbeddingsRequest, AllFourFormsOfInputAreRead) {
  EXPECT_EQ(Good(R"({"input":"a"})").texts, std::vector<std::string>{"a"});
  EXPECT_EQ(Good(R"({"input":["a","b"]})").texts, (std::vector<std::string>{"a", "b"}));
  using Tokens = std::vector<std::vector<text::TokenId>>;
  EXPECT_EQ(Good(R"({"input":[0,99]})").tokens, (Tokens{{0, 99}}));
  EXPECT_EQ(Good(R"({"input":[[1],[2,3]]})").tokens, (Tokens{{1}, {2, 3}}));
}

TEST(EmbeddingsRequest, GoodBodiesAreAccepted) {
  for (const char* body : {
           R"({"input":"a","model":"m","user":"u","encoding_format":"float"})",
           R"({"input":"a","user":null,"dimensions":null,"encoding_format":null,"normalize":null})",
           R"({"input":"a","unknown":{"deep":[1,2]}})",
           R"({"input":" "})",
           R"({"input":"\u0000"})",
           R"({"input":"\ud83d\ude00"})",
           R"({"input":"a","dimensions":8})",
           R"({"input":"a","truncate":true,"truncation_direction":"left"})",
           R"({"input":"a","input_type":"document"})",
           R"({"input":[1],"input_type":"document"})",
       }) {
    Good(body);
  }
}

TEST(EmbeddingsRequest, DefaultsAreWhatOpenAiDoes) {
  const auto request = Good(R"({"input":"a"})");
  EXPECT_FALSE(request.base64);
  EXPECT_EQ(request.dimensions, 8);
  EXPECT_TRUE(request.normalize);
  EXPECT_FALSE(request.truncate);
  EXPECT_EQ(request.prompt, "");
}

TEST(EmbeddingsRequest, DimensionsAreCutWhereThePlanAllowsIt) {
  EXPECT_EQ(Good(R"({"input":"a","dimensions":4})", Facts(true)).dimensions, 4);
  EXPECT_FALSE(Parse(R"({"input":"a","dimensions":9})", Facts(true)));
}

TEST(EmbeddingsRequest, At2048InputsTheLimitIsReached) {
  const auto body = [](int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += i > 0 ? ",\"a\"" : "\"a\"";
    return "{\"input\":[" + list + "]}";
  };
  EXPECT_EQ(Good(body(2048)).texts.size(), 2048u);
  const auto parsed = Parse(body(2049));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().param, "input");
  EXPECT_NE(parsed.error().message.find("2049"), std::string::npos);
}

TEST(EmbeddingsRequest, NestingIsBounded) {
  const std::string deep =
      "{\"input\":\"a\",\"x\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const auto parsed = Parse(deep);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("nested deeper than 64"), std::string::npos);
}

TEST(EmbeddingsRequest, PromptsAreFoundByNameAndByType) {
  EXPECT_EQ(Good(R"({"input":"a","prompt_name":"clustering"})").prompt, "cluster: ");
  EXPECT_EQ(Good(R"({"input":"a","input_type":"query"})").prompt, "query: ");
  EXPECT_EQ(Good(R"({"input":"a","input_type":"document"})").prompt, "passage: ");
  EncoderFacts plain = Facts();
  plain.sentence.prompts.clear();
  EXPECT_EQ(Good(R"({"input":"a","input_type":"query"})", plain).prompt, "") << "a hint, no demand";
}

TEST(EmbeddingsRequest, TheModelsDefaultPromptGoesBeforeTextOnly) {
  EncoderFacts facts = Facts();
  facts.sentence.default_prompt = "passage";
  EXPECT_EQ(Good(R"({"input":"a"})", facts).prompt, "passage: ");
  EXPECT_EQ(Good(R"({"input":"a","prompt_name":"query"})", facts).prompt, "query: ");
  EXPECT_EQ(Good(R"({"input":[1]})", facts).prompt, "");
}

}  // namespace
}  // namespace berth::serve
