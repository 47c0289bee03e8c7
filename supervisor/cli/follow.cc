// Commands that show lines, and with -f go on showing them.
#include <cstdio>

#include "supervisor/cli/commands.h"
#include "supervisor/cli/views.h"

namespace berth::cli {
namespace {

constexpr Duration kAnswerTime = std::chrono::seconds(30);

// Cuts a stream of NDJSON into lines.
class Lines {
 public:
  // Calls `line` for every line that is complete now.
  template <class Line>
  void Add(std::string_view piece, Line line) {
    rest_ += piece;
    std::size_t from = 0;
    for (auto end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', from)) {
      line(rest_.substr(from, end - from));
      from = end + 1;
    }
    rest_.erase(0, from);
  }

 private:
  std::string rest_;
};

Exit Follow(Session& session, const std::string& target, std::string (*view)(const Json&, Screen)) {
  Lines lines;
  const auto take = [&](std::string_view piece) {
    lines.Add(piece, [&](const std::string& line) {
      const std::string text = session.invocation.json ? line + "\n" : view(Json::parse(line), session.screen);
      std::fputs(text.c_str(), stdout);
    });
    return std::fflush(stdout) == 0;  // false: nobody reads any more
  };
  const auto reply = session.client.Stream(target, kAnswerTime, take);
  if (!reply) return Fail(reply.error());
  return reply->status == 200 ? Exit::kOk : Fail(*reply);
}

std::string Query(const Invocation& invocation) {
  std::string query = invocation.follow ? "?follow=1" : "?follow=0";
  if (invocation.tail) query += "&tail=" + std::to_string(*invocation.tail);
  if (invocation.previous) query += "&previous=1";
  return query;
}

}  // namespace

Exit ShowLogs(Session& session) {
  const Invocation& invocation = session.invocation;
  const std::string target = "/v1/models/" + PercentEncode(invocation.operands[0]) + "/logs" + Query(invocation);
  return Follow(session, target, ViewLogLine);
}

Exit ShowEvents(Session& session) { return Follow(session, "/v1/events" + Query(session.invocation), ViewEvent); }

}  // namespace berth::cli
