// Commands that ask once and show the answer.
#include <algorithm>
#include <cstdio>

#include "supervisor/cli/commands.h"
#include "supervisor/cli/view_gpus.h"
#include "supervisor/cli/views.h"

namespace berth::cli {
namespace {

constexpr Duration kAnswerTime = std::chrono::seconds(30);

void Print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// Asks, and shows the JSON or what `view` makes of it.
template <class View>
Exit Show(Session& session, std::string_view target, View view) {
  const auto reply = session.client.Call("GET", target, kAnswerTime);
  if (!reply) return Fail(reply.error());
  if (reply->status != 200) return Fail(*reply);
  Print(session.invocation.json ? reply->body + "\n" : view(Json::parse(reply->body)));
  return Exit::kOk;
}

// The models that the operands name; all when there are none. Each must be there.
Exit ShowNamed(Session& session) {
  Json models = Json::array();
  for (const std::string& name : session.invocation.operands) {
    const auto reply = session.client.Call("GET", "/v1/models/" + PercentEncode(name), kAnswerTime);
    if (!reply) return Fail(reply.error());
    if (reply->status != 200) return Fail(*reply);
    models.push_back(Json::parse(reply->body));
  }
  const Json whole = {{"models", models}};
  Print(session.invocation.json ? whole.dump() + "\n" : ViewPs(models, session.screen));
  return Exit::kOk;
}

}  // namespace

Exit ShowPs(Session& session) {
  if (!session.invocation.operands.empty()) return ShowNamed(session);
  return Show(session, "/v1/models", [&](const Json& answer) { return ViewPs(answer.at("models"), session.screen); });
}

Exit ShowModels(Session& session) {
  return Show(session, "/v1/models",
              [&](const Json& answer) { return ViewModels(answer.at("models"), session.screen); });
}

Exit ShowDevices(Session& session) {
  return Show(session, "/v1/devices",
              [&](const Json& answer) {
                const Json& devices = answer.at("devices");
                return ViewDevices(devices, session.screen) + ViewGpus(devices, session.screen);
              });
}

Exit ShowLedger(Session& session) {
  return Show(session, "/v1/ledger", [&](const Json& answer) { return ViewLedger(answer, session.screen); });
}

Exit ShowStatus(Session& session) {
  return Show(session, "/v1/status", [&](const Json& answer) { return ViewStatus(answer, session.screen); });
}

Exit ShowPlan(Session& session) {
  return Show(session, "/v1/plan", [](const Json& answer) { return answer.at("text").get<std::string>(); });
}

}  // namespace berth::cli
