#include "supervisor/admin/routes.h"

#include <gtest/gtest.h>

#include "tests/unit/admin/fake_control.h"

namespace berth::admin {
namespace {

http::RequestHead Head(std::string method, std::string target) {
  http::RequestHead head;
  head.method = std::move(method);
  const auto mark = target.find('?');
  head.path = target.substr(0, mark);
  if (mark != std::string::npos) head.query = target.substr(mark + 1);
  head.target = std::move(target);
  return head;
}

struct Found {
  const char* method;
  const char* target;
  const char* pattern;
  const char* model;
};

TEST(FindRoute, FindsTheRowAndTheModel) {
  const config::Plan plan = TestPlan();
  for (const Found& row : {
           Found{"GET", "/v1/status", "/v1/status", ""},
           Found{"GET", "/v1/models", "/v1/models", ""},
           Found{"GET", "/v1/models/bge", "/v1/models/{name}", "bge"},
           Found{"GET", "/v1/models/text-embedding-3-small", "/v1/models/{name}", "bge"},
           Found{"GET", "/v1/models/org/chat", "/v1/models/{name}", "org/chat"},
           Found{"GET", "/v1/models/org%2Fchat", "/v1/models/{name}", "org/chat"},
           Found{"GET", "/v1/models/odd/logs", "/v1/models/{name}", "odd/logs"},
           Found{"GET", "/v1/models/odd/logs/logs", "/v1/models/{name}/logs", "odd/logs"},
           Found{"GET", "/v1/models/org/chat/logs?follow=1&tail=5", "/v1/models/{name}/logs", "org/chat"},
           Found{"POST", "/v1/models/org/chat/start?wait=3", "/v1/models/{name}/start", "org/chat"},
           Found{"POST", "/v1/models/text-embedding-3-small/restart", "/v1/models/{name}/restart", "bge"},
           Found{"POST", "/v1/shutdown", "/v1/shutdown", ""},
       }) {
    const auto found = FindRoute(plan, Head(row.method, row.target));
    ASSERT_TRUE(std::holds_alternative<Match>(found)) << row.target << std::get<http::Response>(found).body;
    EXPECT_EQ(std::get<Match>(found).route->pattern, row.pattern) << row.target;
    EXPECT_EQ(std::get<Match>(found).model, row.model) << row.target;
  }
}

struct Refusal {
  const char* method;
  const char* target;
  int status;
  const char* says;
};

TEST(FindRoute, RefusesWithAReason) {
  const config::Plan plan = TestPlan();
  for (const Refusal& row : {
           Refusal{"GET", "/", 404, "GET /v1/status"},
           Refusal{"GET", "/v2/status", 404, "/v2/status"},
           Refusal{"GET", "/v1/models/", 404, "POST /v1/models/{name}/start"},
           Refusal{"GET", "/v1/models/none", 404, "bge, org/chat"},
           Refusal{"POST", "/v1/models/none/start", 404, "none"},
           Refusal{"POST", "/v1/models/bge", 405, "takes GET"},
           Refusal{"DELETE", "/v1/models/bge", 405, "takes GET"},
           Refusal{"GET", "/v1/models/bge/start", 405, "takes POST"},
           Refusal{"GET", "/v1/shutdown", 405, "takes POST"},
           Refusal{"POST", "/v1/models/bge/start?wiat=3", 400, "wait"},
           Refusal{"GET", "/v1/status?x", 400, "none"},
           Refusal{"GET", "/v1/models/%zz", 400, "percent"},
       }) {
    const auto found = FindRoute(plan, Head(row.method, row.target));
    ASSERT_TRUE(std::holds_alternative<http::Response>(found)) << row.target;
    EXPECT_EQ(std::get<http::Response>(found).status, row.status) << row.target;
    EXPECT_NE(std::get<http::Response>(found).body.find(row.says), std::string::npos)
        << row.target << ": " << std::get<http::Response>(found).body;
  }
}

TEST(FindRoute, WrongMethodNamesTheRightOne) {
  const auto found = FindRoute(TestPlan(), Head("GET", "/v1/models/bge/stop"));
  const auto& fields = std::get<http::Response>(found).fields;
  const auto allow = std::ranges::find(fields, "Allow", &http::Field::name);
  ASSERT_NE(allow, fields.end());
  EXPECT_EQ(allow->value, "POST");
}

TEST(Routes, OnlyPostMutates) {
  for (const Route& route : Routes()) {
    EXPECT_EQ(route.mutates, route.method == "POST") << route.pattern;
    EXPECT_NE(route.handle, nullptr) << route.pattern;
    EXPECT_FALSE(route.help.empty()) << route.pattern;
  }
}

TEST(Routes, SpecificPatternsStandBeforeTheGeneralOne) {
  const auto routes = Routes();
  const auto general = std::ranges::find(routes, "/v1/models/{name}", &Route::pattern);
  for (auto row = general; row != routes.end(); ++row) {
    EXPECT_TRUE(row == general || row->pattern.find('{') == std::string_view::npos) << row->pattern;
  }
}

}  // namespace
}  // namespace berth::admin
