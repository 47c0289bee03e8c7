#include "supervisor/admin/routes.h"

#include <algorithm>
#include <map>

#include "supervisor/admin/handlers.h"

namespace berth::admin {
namespace {

// More specific patterns stand before less specific ones.
constexpr Route kRoutes[] = {
    {"GET", "/v1/status", "", "the daemon: version, addresses, readiness and why not", false, HandleStatus},
    {"GET", "/v1/models", "", "all models and their replicas", false, HandleModels},
    {"GET", "/v1/models/{name}/logs", "follow tail previous", "what the model's workers print, as NDJSON", false,
     HandleLogs},
    {"POST", "/v1/models/{name}/start", "wait", "start the model; ends a quarantine", true, HandleStart},
    {"POST", "/v1/models/{name}/stop", "wait", "drain and stop the model", true, HandleStop},
    {"POST", "/v1/models/{name}/restart", "wait", "drain, stop and start the model", true, HandleRestart},
    {"GET", "/v1/models/{name}", "", "one model and its replicas", false, HandleModel},
    {"GET", "/v1/devices", "", "devices and what is reserved on them", false, HandleDevices},
    {"GET", "/v1/ledger", "", "every reservation", false, HandleLedger},
    {"GET", "/v1/plan", "", "the plan in effect and where it puts replicas", false, HandlePlan},
    {"GET", "/v1/events", "since tail follow", "what happened, as NDJSON", false, HandleEvents},
    {"POST", "/v1/shutdown", "", "drain and end the daemon, as SIGTERM does", true, HandleShutdown},
};

constexpr std::string_view kName = "{name}";

// The name that `path` has where the pattern says {name}, or nothing when the path is another. A pattern without
// a name gives "".
std::optional<std::string_view> NameIn(std::string_view pattern, std::string_view path) {
  const auto at = pattern.find(kName);
  if (at == std::string_view::npos) return pattern == path ? std::optional<std::string_view>("") : std::nullopt;
  const std::string_view prefix = pattern.substr(0, at);
  const std::string_view suffix = pattern.substr(at + kName.size());
  if (path.size() <= prefix.size() + suffix.size()) return std::nullopt;
  if (!path.starts_with(prefix) || !path.ends_with(suffix)) return std::nullopt;
  return path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
}

struct Candidate {
  std::string_view pattern;
  std::string_view name;
  const config::Model* model = nullptr;
  bool fits() const { return name.empty() || model != nullptr; }
};

// The first pattern whose name is a model of the plan; else the first that has the path's shape. So a model named
// "a/logs" can still be asked for.
std::optional<Candidate> FindPattern(const config::Plan& plan, std::string_view path) {
  std::optional<Candidate> first;
  for (const Route& route : kRoutes) {
    const auto name = NameIn(route.pattern, path);
    if (!name) continue;
    const Candidate candidate{route.pattern, *name, name->empty() ? nullptr : FindModel(plan, *name)};
    if (candidate.fits()) return candidate;
    if (!first) first = candidate;
  }
  return first;
}

http::Response NoSuchPath(std::string_view path) {
  std::string message = "there is no " + std::string(path) + " here; there is";
  for (const Route& route : kRoutes) {
    message.append(&route == kRoutes ? " " : ", ").append(route.method).append(" ").append(route.pattern);
  }
  return http::ErrorResponse(404, "not_found", message);
}

http::Response NoSuchModel(const config::Plan& plan, std::string_view name) {
  std::string message = "there is no model \"" + std::string(name) + "\" in the plan; there is";
  for (const config::Model& model : plan.models) {
    message.append(&model == &plan.models.front() ? " " : ", ").append(model.name);
  }
  return http::ErrorResponse(404, "model_not_found", message);
}

http::Response WrongMethod(std::string_view pattern, std::string_view method) {
  std::string allowed;
  for (const Route& route : kRoutes) {
    if (route.pattern != pattern) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
  }
  http::Response response = http::ErrorResponse(
      405, "method_not_allowed", std::string(pattern) + " takes " + allowed + ", not " + std::string(method));
  response.fields.push_back({"Allow", allowed});
  return response;
}

bool Lists(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const auto end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

// A misspelt parameter would silently not do what it says.
std::optional<http::Response> CheckParameters(const Route& route, std::string_view query) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::string_view key = pair.substr(0, pair.find('='));
    if (pair.empty() || Lists(route.parameters, key)) continue;
    const std::string known = route.parameters.empty() ? "none" : std::string(route.parameters);
    return http::ErrorResponse(400, "unknown_parameter",
                               "unknown parameter \"" + std::string(key) + "\"; this path knows: " + known, key);
  }
  return std::nullopt;
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

std::string Call::Parameter(std::string_view name) const {
  return http::QueryParameter(request->head.query, name);
}

bool Call::Flag(std::string_view name) const {
  const std::string value = Parameter(name);
  return !value.empty() && value != "0" && value != "false";
}

std::variant<Match, http::Response> FindRoute(const config::Plan& plan, const http::RequestHead& head) {
  std::string path;
  if (!http::PercentDecode(head.path, &path)) {
    return http::ErrorResponse(400, "bad_path", "the path holds a malformed percent-escape");
  }
  const auto candidate = FindPattern(plan, path);
  if (!candidate) return NoSuchPath(path);
  const auto route = std::ranges::find_if(kRoutes, [&](const Route& row) {
    return row.pattern == candidate->pattern && row.method == head.method;
  });
  if (route == std::end(kRoutes)) return WrongMethod(candidate->pattern, head.method);
  if (!candidate->fits()) return NoSuchModel(plan, candidate->name);
  if (auto refusal = CheckParameters(*route, head.query)) return *std::move(refusal);
  return Match{route, candidate->model == nullptr ? "" : candidate->model->name};
}

int HttpStatus(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid: return 400;
    case ErrorKind::kNotFound: return 404;
    case ErrorKind::kConflict: return 409;
    case ErrorKind::kPermission: return 403;
    case ErrorKind::kUnavailable:
    case ErrorKind::kExhausted: return 503;
    case ErrorKind::kTimeout: return 504;
    case ErrorKind::kIo:
    case ErrorKind::kInternal: break;
  }
  return 500;
}

}  // namespace berth::admin
