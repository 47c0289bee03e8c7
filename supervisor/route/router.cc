#include "supervisor/route/router.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

namespace berth::route {
namespace {

constexpr std::string_view kModelHeader = "X-Berth-Model";
constexpr std::string_view kModelsPrefix = "/models/";
constexpr std::string_view kIdPrefix = "/v1/models/";
constexpr std::size_t kMaxQuoted = 200;  // of a client's text inside a message

constexpr auto kRoutes = std::to_array<Route>({
    {"/health", OwnRoute::kHealth, "", true},
    {"/health/live", OwnRoute::kLive, "", true},
    {"/health/ready", OwnRoute::kReady, "", true},
    {"/v2/health/live", OwnRoute::kLive, "", true},
    {"/v2/health/ready", OwnRoute::kReady, "", true},
    {"/metrics", OwnRoute::kMetrics, "", true},
    {"/v1/models", OwnRoute::kModels, "", true},
    {"/v1/models/{id}", OwnRoute::kModel, "", true},
    {"/version", OwnRoute::kVersion, "", true},
    {"/v1/embeddings", std::nullopt, "embeddings", true},
    {"/v1/completions", std::nullopt, "completions", true},
    {"/v1/chat/completions", std::nullopt, "chat", true},
    {"/v1/rerank", std::nullopt, "rerank", true},
    {"/v2/rerank", std::nullopt, "rerank", true},
    {"/rerank", std::nullopt, "rerank", true},
    {"/embed", std::nullopt, "embeddings", true},
    {"/embed_all", std::nullopt, "embeddings", true},
    {"/embed_sparse", std::nullopt, "embeddings", true},
    {"/predict", std::nullopt, "rerank", true},
    {"/similarity", std::nullopt, "embeddings", true},
    {"/tokenize", std::nullopt, "tokenize", true},
    {"/detokenize", std::nullopt, "tokenize", true},
    {"/decode", std::nullopt, "tokenize", true},
    {"/v1/audio/transcriptions", std::nullopt, "transcriptions", false},
    {"/v1/audio/translations", std::nullopt, "translations", false},
    {"/v1/audio/speech", std::nullopt, "speech", true},
});

const Route* FindRoute(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.path == path) return &route;
  }
  return nullptr;
}

const Route* FindRelayed(std::string_view path) {
  const Route* route = FindRoute(path);
  return route && !route->own ? route : nullptr;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text.substr(0, kMaxQuoted)) {
    quoted += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
  }
  return quoted + (text.size() > kMaxQuoted ? "…\"" : "\"");
}

Decision Refuse(int status, std::string_view code, std::string_view message, std::string_view param = "model") {
  Decision decision;
  decision.refusal = http::ErrorResponse(status, code, message, param);
  return decision;
}

// The media type in lower case, without parameters.
std::string MediaType(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  std::string type(value);
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) { return std::tolower(c); });
  return type;
}

bool IsJson(const std::string& type) {
  return type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

http::Response WrongMethod(const http::RequestHead& head, std::string_view allow) {
  auto response = http::ErrorResponse(405, "method_not_allowed",
                                      Quoted(head.method) + " is not allowed here; use " + std::string(allow));
  response.fields.push_back({"Allow", std::string(allow)});
  return response;
}

std::optional<http::Response> CheckMethod(const Target& target, const http::RequestHead& head) {
  const std::string_view allow = target.route->own ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
  if (head.method == "OPTIONS") {
    http::Response response;
    response.status = 204;
    response.fields.push_back({"Allow", std::string(allow)});
    return response;
  }
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (target.route->own ? !reads : head.method != "POST") return WrongMethod(head, allow);
  return std::nullopt;
}

// Every name that the request gives its model, the deciding one first.
std::vector<std::string> NamesGiven(const Target& target, const http::RequestHead& head, const BodyModel& body) {
  std::vector<std::string> names;
  if (!target.model.empty()) names.push_back(target.model);
  for (const http::Field& field : head.fields) {
    if (http::EqualsIgnoreCase(field.name, kModelHeader)) names.push_back(field.value);
  }
  if (body.model) names.push_back(*body.model);
  return names;
}

}  // namespace

bool IsNamedByHead(const Target& target, const http::RequestHead& head) {
  return !NamesGiven(target, head, {}).empty();
}

std::span<const Route> Routes() { return kRoutes; }

std::string_view MethodLabel(std::string_view method) {
  for (std::string_view known : {"POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"}) {
    if (method == known) return known;
  }
  return "other";
}

http::Response UnknownRoute(const http::RequestHead& head) {
  return http::ErrorResponse(404, "unknown_route", "no such route: " + Quoted(head.path));
}

http::Response ModelNotFound(std::string_view name) {
  return http::ErrorResponse(404, "model_not_found", "the model " + Quoted(name) + " does not exist", "model");
}

http::Response RouteNotServed(std::string_view model, std::string_view path, std::span<const std::string> served) {
  std::string_view task;
  std::string routes;
  for (const std::string& one : served) {
    const Route* route = FindRelayed(one);
    if (route && task.empty()) task = route->task;
    if (route && route->task == task) routes += (routes.empty() ? "" : ", ") + one;
  }
  std::string message = "the model " + Quoted(model) + " has no route " + std::string(path);
  if (!routes.empty()) message += "; it is for " + std::string(task) + ", by " + routes;
  return http::ErrorResponse(404, "unknown_route", message);
}

Router::Router(const config::Plan& plan) {
  for (const config::Model& model : plan.models) {
    models_.emplace(model.name, &model);
    for (const std::string& alias : model.aliases) models_.emplace(alias, &model);
  }
}

const config::Model* Router::Find(const std::string& name) const {
  const auto found = models_.find(name);
  return found == models_.end() ? nullptr : found->second;
}

// `rest`: decoded, behind "/models/". Names may contain '/', so the longest configured one wins.
bool Router::LocateUnderModel(std::string_view rest, Target& target) const {
  std::size_t best = 0;
  for (const auto& [name, model] : models_) {
    const bool matches = rest.size() > name.size() && rest.starts_with(name) && rest[name.size()] == '/';
    if (matches && name.size() > best) best = name.size();
  }
  if (best == 0) {  // not ours: whatever stands before a known route is the name to complain about
    for (const Route& route : kRoutes) {
      if (route.own || !rest.ends_with(route.path) || rest.size() == route.path.size()) continue;
      const std::size_t length = rest.size() - route.path.size();
      if (best == 0 || length < best) best = length;
    }
  }
  if (best == 0) return false;
  target.model = rest.substr(0, best);
  target.route = FindRelayed(rest.substr(best));
  return target.route != nullptr;
}

Target Router::Locate(const http::RequestHead& head) const {
  Target target;
  target.options_all = head.target == "*";
  if (target.options_all) return target;
  if ((target.route = FindRoute(head.path)) && head.path != "/v1/models/{id}") {
    target.upstream_path = head.path;
    return target;
  }
  target.route = nullptr;
  std::string decoded;
  if (!http::PercentDecode(head.path, &decoded)) return target;
  if (decoded.starts_with(kIdPrefix) && decoded.size() > kIdPrefix.size()) {
    target.route = FindRoute("/v1/models/{id}");
    target.id = decoded.substr(kIdPrefix.size());
  } else if (decoded.starts_with(kModelsPrefix) &&
             LocateUnderModel(std::string_view(decoded).substr(kModelsPrefix.size()), target)) {
    target.upstream_path = target.route->path;
  }
  return target;
}

std::optional<http::Response> Router::CheckHead(const Target& target, const http::RequestHead& head) const {
  if (target.options_all) {
    http::Response response;
    response.status = 204;
    response.fields.push_back({"Allow", "GET, HEAD, POST, OPTIONS"});
    return response;
  }
  if (!target.route) return UnknownRoute(head);
  if (auto refusal = CheckMethod(target, head)) return refusal;
  if (target.route->own) return std::nullopt;
  const std::string* encoding = head.Find("Content-Encoding");
  if (encoding && !encoding->empty() && !http::EqualsIgnoreCase(*encoding, "identity")) {
    return http::ErrorResponse(415, "unsupported_content_encoding",
                               "Content-Encoding " + Quoted(*encoding) + " is not supported; send the body as it is");
  }
  const std::string* type = head.Find("Content-Type");
  if (target.route->json && type && !IsJson(MediaType(*type))) {
    return http::ErrorResponse(415, "unsupported_content_type",
                               "Content-Type " + Quoted(*type) + " is not supported here; use application/json");
  }
  return std::nullopt;
}

Decision Router::Decide(const Target& target, const http::RequestHead& head, const BodyModel& in_body) const {
  if (!in_body.error.empty()) {
    const std::string_view code = in_body.param == "model"        ? "invalid_model"
                                  : in_body.param == "timeout_ms" ? "invalid_deadline"
                                  : target.route->json            ? "invalid_json"
                                                                  : "invalid_form";
    return Refuse(400, code, in_body.error, in_body.param);
  }
  const std::vector<std::string> names = NamesGiven(target, head, in_body);
  if (names.empty()) {
    return Refuse(400, "missing_model",
                  "no model is named; give it in the body's \"model\", in X-Berth-Model, or as /models/<name>/…");
  }
  Decision decision;
  decision.model = Find(names.front());
  decision.requested = in_body.model.value_or(names.front());
  decision.timeout_ms = in_body.timeout_ms;
  if (!decision.model) decision.refusal = ModelNotFound(names.front());
  for (const std::string& name : names) {
    if (!decision.model || Find(name) == decision.model) continue;
    return Refuse(400, "model_mismatch",
                  "the request names two models: " + Quoted(names.front()) + " and " + Quoted(name));
  }
  return decision;
}

}  // namespace berth::route
