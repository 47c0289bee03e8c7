// Where a request goes, decided from its head and body alone. Pure: no sockets, no clock, no locks; the same
// request always gets the same answer. A model is named by the path (`/models/<name>/v1/…`), else by the header
// X-Berth-Model, else by the body's `model`; wherever it is named twice, the names must mean the same model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/plan.h"
#include "supervisor/route/body_model.h"
#include "worker/protocol/http_message.h"

namespace berth::route {

// The daemon answers these itself, without any model's help (C3).
enum class OwnRoute { kHealth, kLive, kReady, kMetrics, kModels, kModel, kVersion };

// One row of the table of routes: what exists, under which name it is counted, how its body is read.
struct Route {
  std::string_view path;
  std::optional<OwnRoute> own;
  std::string_view task;     // label of metrics; of relayed routes
  bool json = true;          // the body is a JSON object, buffered whole; else it is relayed as it comes
};
std::span<const Route> Routes();
inline constexpr std::string_view kUnknownRoute = "_unknown";

// What the path says.
struct Target {
  const Route* route = nullptr;   // nullptr: unknown, answer 404
  std::string upstream_path;      // of relayed routes: without the /models/<name> prefix
  std::string model;              // named by the path, as the client spelt it; "" when it names none
  std::optional<std::string> id;  // of /v1/models/{id}, decoded
  bool options_all = false;       // OPTIONS *
};

// Which model a relayed request is for, or why none.
struct Decision {
  const config::Model* model = nullptr;
  std::string requested;                 // the client's spelling: a name or an alias
  std::optional<std::int64_t> timeout_ms;  // as the body asks for it
  std::optional<http::Response> refusal; // 400 or 404
};

class Router {
 public:
  explicit Router(const config::Plan& plan);  // outlives this

  Target Locate(const http::RequestHead& head) const;
  // nullptr: acceptable. Method, Content-Type, Content-Encoding: 405 with Allow, 415.
  std::optional<http::Response> CheckHead(const Target& target, const http::RequestHead& head) const;
  // `in_body`: what the body says, as far as it has been read.
  Decision Decide(const Target& target, const http::RequestHead& head, const BodyModel& in_body = {}) const;
  // By name or alias.
  const config::Model* Find(const std::string& name) const;

 private:
  bool LocateUnderModel(std::string_view rest, Target& target) const;

  std::map<std::string, const config::Model*, std::less<>> models_;  // names and aliases
};

// Whether the path or the header names the model, so that the body need not be read for it.
bool IsNamedByHead(const Target& target, const http::RequestHead& head);
// The label `method`: unknown ones collapse to "other".
std::string_view MethodLabel(std::string_view method);
http::Response UnknownRoute(const http::RequestHead& head);
http::Response ModelNotFound(std::string_view name);
// 404: the model lacks this route; what it is for, by which of the routes that it has (those of its first one's task).
http::Response RouteNotServed(std::string_view model, std::string_view path, std::span<const std::string> served);

}  // namespace berth::route
