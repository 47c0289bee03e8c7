#include "supervisor/route/own_routes.h"

#include <nlohmann/json.hpp>

namespace berth::route {
namespace {

using nlohmann::json;
using launch::State;

http::Response Json(int status, const json& body) {
  return http::JsonResponse(status, body.dump(-1, ' ', false, json::error_handler_t::replace));
}

// The words of the API, coarser than those of `berth ps`.
std::string_view StatusWord(const Admission::View& view) {
  if (view.open > 0) return "ready";
  switch (view.condition.state) {
    case State::kWaiting:
    case State::kStarting:
    case State::kLoading:
    case State::kReady:
    case State::kBackoff: return "loading";
    case State::kStuck:
    case State::kFailed:
    case State::kQuarantined: return "failed";
    case State::kStopped:
    case State::kDraining:
    case State::kStopping: return "unloaded";
  }
  return "unloaded";
}

json Describe(const Shared& shared, const ModelDoor& door) {
  const Admission::View view = door.admission.Describe();
  json model = {{"id", door.model.name},
                {"object", "model"},
                {"created", shared.started},
                {"owned_by", "berth"},
                {"kind", config::Name(door.model.kind)},
                {"status", StatusWord(view)},
                {"aliases", door.model.aliases},
                {"capabilities", json::array()}};
  if (!view.capabilities) return model;
  model["capabilities"] = view.capabilities->routes;
  if (view.capabilities->context > 0) model["context_length"] = view.capabilities->context;
  if (view.capabilities->dimensions > 0) model["dimensions"] = view.capabilities->dimensions;
  if (!view.capabilities->sampling.empty()) model["sampling_defaults"] = view.capabilities->sampling;
  return model;
}

http::Response ListModels(const Shared& shared, const http::RequestHead& head) {
  const std::string ready = http::QueryParameter(head.query, "ready");
  const bool only_ready = ready == "1" || ready == "true";
  json data = json::array();
  for (const auto& door : shared.doors) {
    if (!only_ready || door->admission.Describe().open > 0) data.push_back(Describe(shared, *door));
  }
  return Json(200, {{"object", "list"}, {"data", std::move(data)}});
}

// Why a model takes no requests; "" when it does.
std::string WhyNotReady(const ModelDoor& door) {
  const Admission::View view = door.admission.Describe();
  if (view.open > 0) return "";
  const std::string& reason = view.condition.reason;  // begins with the model's name
  return reason.empty() ? door.model.name + ": " + std::string(launch::Name(view.condition.state)) : reason;
}

http::Response Ready(Shared& shared, const http::RequestHead& head) {
  const std::string only = http::QueryParameter(head.query, "model");
  const ModelDoor* one = only.empty() ? nullptr : shared.Door(only);
  if (!only.empty() && !one) return ModelNotFound(only);
  json reasons = json::array();
  if (shared.draining) reasons.push_back("the daemon is draining");
  for (const auto& door : shared.doors) {
    if (one ? door.get() != one : !door->model.required) continue;
    if (const std::string reason = WhyNotReady(*door); !reason.empty()) reasons.push_back(reason);
  }
  if (reasons.empty()) return Json(200, {{"status", "ready"}});
  return Json(503, {{"status", shared.draining ? "draining" : "not_ready"}, {"reasons", std::move(reasons)}});
}

}  // namespace

http::Response AnswerOwnRoute(Shared& shared, const Target& target, const http::RequestHead& head) {
  switch (*target.route->own) {
    case OwnRoute::kLive: return Json(200, {{"status", "live"}});
    case OwnRoute::kHealth:
    case OwnRoute::kReady: return Ready(shared, head);
    case OwnRoute::kModels: return ListModels(shared, head);
    case OwnRoute::kModel: {
      const ModelDoor* door = shared.Door(target.id.value_or(""));
      return door ? Json(200, Describe(shared, *door)) : ModelNotFound(target.id.value_or(""));
    }
    case OwnRoute::kVersion: return Json(200, {{"name", "berth"}, {"version", BERTH_VERSION}});
    case OwnRoute::kMetrics: break;
  }
  return UnknownRoute(head);
}

}  // namespace berth::route
