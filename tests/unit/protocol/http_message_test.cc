#include "worker/protocol/http_message.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "worker/protocol/http_body.h"

namespace berth::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ErrorResponse, EnvelopeHasTheFourMembersAndNullsForWhatIsEmpty) {
  const Response response = ErrorResponse(404, "model_not_found", "no model \"x\"");
  const auto error = nlohmann::json::parse(response.body).at("error");
  EXPECT_EQ(error.size(), 4u);
  EXPECT_EQ(error["message"], "no model \"x\"");
  EXPECT_EQ(error["type"], "not_found_error");
  EXPECT_EQ(error["code"], "model_not_found");
  EXPECT_TRUE(error["param"].is_null());
  const auto other = nlohmann::json::parse(ErrorResponse(400, "", "m", "input[3]").body).at("error");
  EXPECT_TRUE(other["code"].is_null());
  EXPECT_EQ(other["param"], "input[3]");
}

TEST(ErrorResponse, TypeFollowsFromStatus) {
  const std::pair<int, const char*> rows[] = {
      {400, "invalid_request_error"}, {401, "authentication_error"},      {403, "permission_error"},
      {404, "not_found_error"},       {405, "invalid_request_error"},     {408, "timeout_error"},
      {413, "invalid_request_error"}, {429, "rate_limit_error"},          {500, "server_error"},
      {502, "server_error"},          {503, "service_unavailable_error"}, {504, "timeout_error"},
  };
  for (const auto& [status, type] : rows) {
    EXPECT_EQ(nlohmann::json::parse(ErrorResponse(status, "c", "m").body)["error"]["type"], type) << status;
  }
}

TEST(ErrorResponse, QuotedBytesThatAreNotUtf8AreReplaced) {
  const Response response = ErrorResponse(400, "parse", "bad \xff\xfe value");
  EXPECT_TRUE(nlohmann::json::accept(response.body));
}

TEST(Serialize, WhatItWritesParsesBack) {
  Response response = JsonResponse(200, "{}");
  response.fields.push_back({"X-Model-Id", "bge"});
  const std::string bytes = Serialize(response, true);
  const auto result = ParseResponseHead(bytes, "GET", HeadLimits());
  ASSERT_TRUE(std::holds_alternative<ResponseHead>(result));
  const auto& head = std::get<ResponseHead>(result);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason, "OK");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.framing, Framing::kLength);
  EXPECT_EQ(*head.Find("content-type"), "application/json");
  EXPECT_EQ(*head.Find("x-model-id"), "bge");
  ASSERT_NE(head.Find("date"), nullptr);
  EXPECT_EQ(head.Find("date")->size(), std::string("Sun, 06 Nov 1994 08:49:37 GMT").size());
  EXPECT_EQ(bytes.substr(head.bytes), "{}");
}

TEST(Serialize, CloseComesFromEitherSide) {
  Response response = JsonResponse(200, "{}");
  EXPECT_THAT(Serialize(response, false), HasSubstr("Connection: close\r\n"));
  response.close = true;
  EXPECT_THAT(Serialize(response, true), HasSubstr("Connection: close\r\n"));
}

TEST(Serialize, HeadAndBodilessStatusesSendNoBody) {
  EXPECT_THAT(Serialize(JsonResponse(200, "{}"), true, true), HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(Serialize(JsonResponse(200, "{}"), true, true), ::testing::EndsWith("\r\n\r\n"));
  Response nothing;
  nothing.status = 204;
  EXPECT_THAT(Serialize(nothing, true), Not(HasSubstr("Content-Length")));
}

TEST(Serialize, AValueCannotEndItsLine) {
  Response response = JsonResponse(200, "");
  response.fields.push_back({"X-Evil", "a\r\nSet-Cookie: b"});
  const std::string bytes = Serialize(response, true);
  EXPECT_THAT(bytes, Not(HasSubstr("\nSet-Cookie")));
  EXPECT_THAT(bytes, HasSubstr("X-Evil: a  Set-Cookie: b\r\n"));
}

TEST(Serialize, AValueHoldsNothingThatReadersRefuse) {
  Response response = JsonResponse(200, "{}");
  std::string text = "a\tb";
  for (char c = 0; c < 0x20; ++c) text += c == '\t' ? ' ' : c;
  response.fields.push_back({"X-Text", text + "\x7f" + "c\xff"});
  const auto parsed = ParseResponseHead(Serialize(response, true), "GET", {});
  ASSERT_TRUE(std::holds_alternative<ResponseHead>(parsed));
  EXPECT_EQ(*std::get<ResponseHead>(parsed).Find("X-Text"), "a\tb" + std::string(33, ' ') + "c\xff");
}

TEST(PercentDecode, DecodesOrRefuses) {
  std::string out;
  EXPECT_TRUE(PercentDecode("a%2Fb%c3%A4+", &out));
  EXPECT_EQ(out, "a/b\xc3\xa4+");
  for (const char* bad : {"%", "%2", "%zz", "a%0", "%00", "%0a", "%7f"})
    EXPECT_FALSE(PercentDecode(bad, &out)) << bad;
}

TEST(QueryParameter, FirstValueDecodedOrEmpty) {
  EXPECT_EQ(QueryParameter("a=1&b=x%20y&b=z", "b"), "x y");
  EXPECT_EQ(QueryParameter("a=1", "b"), "");
  EXPECT_EQ(QueryParameter("follow&tail=5", "follow"), "");
  EXPECT_EQ(QueryParameter("a=%zz", "a"), "");
  EXPECT_EQ(QueryParameter("", "a"), "");
  EXPECT_EQ(QueryParameter("x=a=b", "x"), "a=b");
}

}  // namespace
}  // namespace berth::http
