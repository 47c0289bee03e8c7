#include "supervisor/route/router.h"

#include <gtest/gtest.h>

#include "supervisor/route/heads.h"

namespace berth::route {
namespace {

config::Plan TwoModels() {
  config::Plan plan;
  config::Model bge;
  bge.name = "bge";
  bge.aliases = {"text-embedding-3-small"};
  config::Model org;
  org.name = "org/bge";
  plan.models = {bge, org};
  return plan;
}

http::RequestHead Head(std::string method, const std::string& target, std::vector<http::Field> fields = {}) {
  http::RequestHead head;
  head.method = std::move(method);
  head.target = target;
  head.path = target.substr(0, target.find('?'));
  if (head.path.size() < target.size()) head.query = target.substr(head.path.size() + 1);
  head.fields = std::move(fields);
  return head;
}

struct Case {
  std::string target;
  std::string header;    // X-Berth-Model
  std::string body;
  int status;            // 0: goes to `model`
  std::string model_or_code;
};

TEST(Router, DecidesTheModelOfARequest) {
  const config::Plan plan = TwoModels();
  const Router router(plan);
  const Case cases[] = {
      {"/v1/embeddings", "", R"({"model":"bge"})", 0, "bge"},
      {"/v1/embeddings", "", R"({"model":"text-embedding-3-small"})", 0, "bge"},
      {"/v1/embeddings", "", R"({"model":"org/bge"})", 0, "org/bge"},
      {"/v1/embeddings", "bge", R"({})", 0, "bge"},
      {"/v1/embeddings", "bge", R"({"model":"text-embedding-3-small"})", 0, "bge"},
      {"/models/bge/v1/embeddings", "", R"({})", 0, "bge"},
      {"/models/org/bge/v1/embeddings", "", R"({})", 0, "org/bge"},
      {"/models/org%2Fbge/v1/embeddings", "org/bge", R"({"model":"org/bge"})", 0, "org/bge"},
      {"/models/bge/tokenize", "", R"({})", 0, "bge"},
      {"/v1/embeddings", "", R"({})", 400, "missing_model"},
      {"/v1/embeddings", "", R"({"model":7})", 400, "invalid_model"},
      {"/v1/embeddings", "", R"({"model":"bge","model":"bge"})", 400, "invalid_model"},
      {"/v1/embeddings", "", "nonsense", 400, "invalid_json"},
      {"/v1/embeddings", "", "", 400, "invalid_json"},
      {"/v1/embeddings", "", R"({"model":"nope"})", 404, "model_not_found"},
      {"/v1/embeddings", "bge", R"({"model":"org/bge"})", 400, "model_mismatch"},
      {"/v1/embeddings", "bge", R"({"model":"nope"})", 400, "model_mismatch"},
      {"/models/bge/v1/embeddings", "org/bge", R"({})", 400, "model_mismatch"},
      {"/models/nope/v1/embeddings", "", R"({})", 404, "model_not_found"},
  };
  for (const Case& c : cases) {
    std::vector<http::Field> fields;
    if (!c.header.empty()) fields.push_back({"x-berth-model", c.header});
    const auto head = Head("POST", c.target, fields);
    const Target target = router.Locate(head);
    ASSERT_NE(target.route, nullptr) << c.target;
    const std::string_view body = c.body;
    const Decision decision = router.Decide(target, head, ReadBodyModel(body));
    EXPECT_EQ(decision.refusal ? decision.refusal->status : 0, c.status) << c.target << c.body;
    if (c.status == 0) {
      EXPECT_EQ(decision.model->name, c.model_or_code);
    } else if (decision.refusal) {
      EXPECT_NE(decision.refusal->body.find("\"" + c.model_or_code + "\""), std::string::npos) << decision.refusal->body;
    }
  }
}

TEST(Router, TheClientsSpellingIsKeptForTheAnswer) {
  const config::Plan plan = TwoModels();
  const Router router(plan);
  const std::string_view body = R"({"model":"text-embedding-3-small"})";
  const auto head = Head("POST", "/v1/embeddings");
  EXPECT_EQ(router.Decide(router.Locate(head), head, ReadBodyModel(body)).requested, "text-embedding-3-small");
}

TEST(Router, TwoDifferentModelHeadersAreRefused) {
  const config::Plan plan = TwoModels();
  const Router router(plan);
  const std::string_view body = "{}";
  const auto head = Head("POST", "/v1/embeddings", {{"X-Berth-Model", "bge"}, {"X-Berth-Model", "org/bge"}});
  EXPECT_EQ(router.Decide(router.Locate(head), head, ReadBodyModel(body)).refusal->status, 400);
}

struct HeadCase {
  std::string method, target, type, encoding;
  int status;  // 0: acceptable
  std::string allow;
};

TEST(Router, ChecksMethodAndContentOfAHead) {
  const config::Plan plan = TwoModels();
  const Router router(plan);
  const HeadCase cases[] = {
      {"GET", "/health", "", "", 0, ""},
      {"HEAD", "/v1/models", "", "", 0, ""},
      {"GET", "/v1/models/org/bge", "", "", 0, ""},
      {"GET", "/v1/models/org%2Fbge", "", "", 0, ""},
      {"POST", "/v1/embeddings", "application/json", "", 0, ""},
      {"POST", "/v1/embeddings", "Application/JSON; charset=utf-8", "identity", 0, ""},
      {"POST", "/v1/embeddings", "", "", 0, ""},
      {"POST", "/v1/audio/transcriptions", "multipart/form-data; boundary=x", "", 0, ""},
      {"POST", "/v1/embeddings", "text/plain", "", 415, ""},
      {"POST", "/v1/embeddings", "application/json", "gzip", 415, ""},
      {"POST", "/health", "", "", 405, "GET, HEAD, OPTIONS"},
      {"GET", "/v1/embeddings", "", "", 405, "POST, OPTIONS"},
      {"BREW", "/v1/embeddings", "", "", 405, "POST, OPTIONS"},
      {"OPTIONS", "/v1/embeddings", "", "", 204, "POST, OPTIONS"},
      {"OPTIONS", "*", "", "", 204, "GET, HEAD, POST, OPTIONS"},
      {"GET", "/", "", "", 404, ""},
      {"POST", "/models/bge/v1/nothing", "", "", 404, ""},
      {"POST", "/models/bge", "", "", 404, ""},
      {"POST", "/v1/embeddings/", "", "", 404, ""},
  };
  for (const HeadCase& c : cases) {
    std::vector<http::Field> fields;
    if (!c.type.empty()) fields.push_back({"Content-Type", c.type});
    if (!c.encoding.empty()) fields.push_back({"Content-Encoding", c.encoding});
    const auto head = Head(c.method, c.target, fields);
    const auto refusal = router.CheckHead(router.Locate(head), head);
    EXPECT_EQ(refusal ? refusal->status : 0, c.status) << c.method << c.target;
    std::string allow;
    for (const auto& field : refusal ? refusal->fields : std::vector<http::Field>{}) {
      if (field.name == "Allow") allow = field.value;
    }
    EXPECT_EQ(allow, c.allow) << c.method << c.target;
  }
}

TEST(UpstreamHead, ClientsCannotSpeakForTheProxy) {
  auto head = Head("POST", "/v1/embeddings?x=1",
                   {{"Host", "api"}, {"X-Berth-Claim", "0.1"}, {"x-berth-model", "bge"}, {"Authorization", "Bearer k"},
                    {"X-Berth-Cache-Salt", "another's"}, {"Connection", "X-Hop"}, {"X-Hop", "1"}, {"X-Keep", "yes"}, {"Transfer-Encoding", "chunked"},
                    {"X-Forwarded-For", "1.1.1.1"}});
  UpstreamHeadFacts facts;
  facts.path = "/v1/embeddings";
  facts.model = "bge";
  facts.model_requested = "alias";
  facts.request_id = "req-1";
  facts.client_address = "2.2.2.2";
  facts.claim = protocol::Claim{3, 7};
  facts.body_bytes = 5;
  EXPECT_EQ(MakeUpstreamHead(head, facts),
            "POST /v1/embeddings?x=1 HTTP/1.1\r\nHost: berth-worker\r\nX-Keep: yes\r\nContent-Length: 5\r\n"
            "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Request-Id: req-1\r\nX-Berth-Model: bge\r\n"
            "X-Berth-Model-Requested: alias\r\nX-Berth-Claim: 3.7\r\n\r\n");
}

TEST(UpstreamHead, OfARequestWithAsManyFieldsAsAllowedIsAcceptedByAWorker) {
  const http::HeadLimits limits;
  std::string bytes = "POST /v1/embeddings HTTP/1.1\r\nHost: h\r\n";
  for (std::size_t i = 1; i < limits.fields; ++i) bytes += "X-F" + std::to_string(i) + ": " + std::string(300, 'v') + "\r\n";
  bytes += "\r\n";
  auto parsed = http::ParseRequestHead(bytes, limits);
  const auto* head = std::get_if<http::RequestHead>(&parsed);
  ASSERT_TRUE(head);
  UpstreamHeadFacts facts;
  facts.path = "/v1/embeddings";
  const std::string name(256, 'm');
  const std::string id(128, 'r');
  facts.model = facts.model_requested = name;
  facts.request_id = id;
  facts.client_address = "2.2.2.2";
  facts.claim = protocol::Claim{65'535, (1ULL << 62) - 1};
  facts.body_bytes = 5;
  facts.deadline_ms = kMaxDeadlineMs;
  const std::string sent = MakeUpstreamHead(*head, facts);
  EXPECT_TRUE(std::holds_alternative<http::RequestHead>(http::ParseRequestHead(sent, http::kLimitsBehindProxy)));
  EXPECT_FALSE(std::holds_alternative<http::RequestHead>(http::ParseRequestHead(sent, limits)));
}

TEST(RequestId, OnlyHarmlessOnesAreTakenOver) {
  EXPECT_EQ(ValidRequestId(Head("GET", "/", {{"x-request-id", "a-B_1.2:3"}})), "a-B_1.2:3");
  EXPECT_EQ(ValidRequestId(Head("GET", "/", {{"x-request-id", "a b"}})), "");
  EXPECT_EQ(ValidRequestId(Head("GET", "/", {{"x-request-id", std::string(129, 'a')}})), "");
  EXPECT_NE(NewRequestId(), NewRequestId());
}

TEST(DeadlineMs, IsANumberInItsBounds) {
  bool bad = false;
  EXPECT_EQ(DeadlineMs(Head("GET", "/", {{"X-Deadline-Ms", "250"}}), &bad), 250);
  EXPECT_FALSE(bad);
  EXPECT_FALSE(DeadlineMs(Head("GET", "/"), &bad) || bad);
  for (const char* text : {"0", "-1", "1.5", "x", "", "86400001", "99999999999999999999"}) {
    DeadlineMs(Head("GET", "/", {{"X-Deadline-Ms", text}}), &bad);
    EXPECT_TRUE(bad) << text;
  }
}

}  // namespace
}  // namespace berth::route
