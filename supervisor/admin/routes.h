// The admin API as one table, and how a request finds its row. The table makes the routing, the 404's and 405's
// lists and the parameter checks; the handlers are in handlers_*.cc. Names of models may hold '/', so a pattern
// is a prefix, a name and a suffix, not segments.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "supervisor/admin/control.h"
#include "supervisor/admin/peer.h"
#include "supervisor/admin/wakeup.h"
#include "supervisor/placement/estimate.h"
#include "worker/protocol/http_server.h"

namespace berth::admin {

// What all handlers share; lives as long as the server, on the control thread.
struct Context {
  const config::Plan& plan;
  const placement::Placement& placement;
  Control& control;
  observe::Events& events;
  observe::Metrics& metrics;
  std::string plan_file;
  std::string started;                  // RFC 3339
  TimePoint started_at{};
  std::vector<std::string> addresses;   // of the proxy
  bool stopping = false;                // streams end
  std::set<Wakeup*> streams;            // to be woken when it becomes true
  placement::Estimates estimates = {};
};

// One request under way.
struct Call {
  Context& context;
  std::shared_ptr<http::Request> request;
  http::Exchange& exchange;
  Peer peer;
  std::string model;  // the plan's name of it, aliases resolved; "" when the pattern has none

  std::string Parameter(std::string_view name) const;  // "" when absent
  bool Flag(std::string_view name) const;              // present and neither "0" nor "false"
};

using Answer = boost::asio::awaitable<std::optional<http::Response>>;

struct Route {
  std::string_view method;
  std::string_view pattern;     // "/v1/models/{name}/logs"
  std::string_view parameters;  // the query's, separated by spaces
  std::string_view help;
  bool mutates = false;
  Answer (*handle)(Call& call) = nullptr;

  // Of one that mutates: "start".
  std::string_view command() const { return pattern.substr(pattern.rfind('/') + 1); }
};

std::span<const Route> Routes();

struct Match {
  const Route* route = nullptr;
  std::string model;
};
// The row for this request, or the answer that says why there is none: 400 (escapes, unknown parameters),
// 404 (path or model), 405 (with Allow).
std::variant<Match, http::Response> FindRoute(const config::Plan& plan, const http::RequestHead& head);

// Finds the row, runs it, and writes down what mutates: an event with the peer, and admin_commands_total.
Answer Dispatch(Context& context, std::shared_ptr<http::Request> request, http::Exchange& exchange, Peer peer);

// 404 for kNotFound, 409 for kConflict, …
int HttpStatus(ErrorKind kind);

}  // namespace berth::admin
