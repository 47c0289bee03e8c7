// Commands. Each is idempotent: asking for what already holds succeeds. With `wait` the answer comes when the
// model has settled: 200 where it was wanted, 504 when the time is over, 409 when somebody else's command came
// between, 500 when it failed. Without, 202 and the state at once.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "supervisor/admin/handlers.h"
#include "supervisor/admin/render.h"

namespace berth::admin {
namespace {

using launch::State;

struct Command {
  std::string_view name;
  State wanted;
  Status (Control::*verb)(const std::string& model);
};

constexpr Command kStart = {"start", State::kReady, &Control::Start};
constexpr Command kStop = {"stop", State::kStopped, &Control::Stop};
constexpr Command kRestart = {"restart", State::kReady, &Control::Restart};

constexpr double kMostWaitSeconds = 86400;
constexpr Duration kLookForClient = std::chrono::seconds(1);

// No value: no `wait`. An error: not a number of seconds from 0 to a day.
Result<std::optional<Duration>> WaitOf(const Call& call) {
  const std::string text = call.Parameter("wait");
  if (text.empty()) return std::optional<Duration>();
  double seconds = -1;
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = status == std::errc() && rest == text.data() + text.size();
  if (!whole || !(seconds >= 0) || seconds > kMostWaitSeconds) {
    return Invalid("wait=", text, " is not a number of seconds from 0 to 86400");
  }
  return std::optional<Duration>(std::chrono::round<Duration>(std::chrono::duration<double>(seconds)));
}

std::optional<launch::ModelStatus> Find(const Call& call) {
  const std::vector<launch::ModelStatus> models = call.context.control.Models();
  const auto found = std::ranges::find(models, call.model, &launch::ModelStatus::name);
  return found == models.end() ? std::nullopt : std::optional(*found);
}

// The first replica that is not where the command wanted it.
const launch::ReplicaStatus* Elsewhere(const launch::ModelStatus& model, State wanted) {
  const auto found = std::ranges::find_if(model.replicas, [wanted](const auto& r) { return r.state != wanted; });
  return found == model.replicas.end() ? nullptr : &*found;
}

std::string Sentence(const launch::ModelStatus& model, const launch::ReplicaStatus& replica) {
  std::string text = model.name + "/" + std::to_string(replica.replica) + " is " + std::string(Name(replica.state));
  if (!replica.reason.empty()) text += ": " + replica.reason;
  return text;
}

struct Verdict {
  int status = 200;
  std::string message;  // when something is wrong
};

// `settled`: nothing when nobody waited.
Verdict Judge(const launch::ModelStatus& model, const Command& command, std::optional<bool> settled,
              const std::string& waited) {
  // Ready replicas that are to be restarted are ready for the last time.
  if (!settled && command.name == kRestart.name) return {202, ""};
  const launch::ReplicaStatus* elsewhere = Elsewhere(model, command.wanted);
  if (elsewhere == nullptr) return {};
  if (!settled) return {202, ""};
  if (!*settled) return {504, "after " + waited + " " + Sentence(model, *elsewhere)};
  const bool overtaken = elsewhere->state == State::kStopped || elsewhere->state == State::kReady;
  return {overtaken ? 409 : 500, Sentence(model, *elsewhere)};
}

http::Response Report(const launch::ModelStatus& model, const Verdict& verdict, const Command& command) {
  Json json = Render(model);
  json["command"] = command.name;
  if (!verdict.message.empty()) {
    const std::string code = verdict.status == 504 ? "timeout" : "not_" + std::string(Name(command.wanted));
    const http::Response envelope = http::ErrorResponse(verdict.status, code, verdict.message);
    json["error"] = Json::parse(envelope.body).at("error");
  }
  return http::JsonResponse(verdict.status, Dump(json));
}

// In slices, so that a client that left keeps its place among the connections no longer than one.
boost::asio::awaitable<bool> Settle(Call& call, TimePoint deadline) {
  for (;;) {
    const TimePoint slice = std::min(deadline, Clock::now() + kLookForClient);
    std::string model = call.model;
    const bool settled = co_await call.context.control.Settled(std::move(model), slice);
    if (settled) co_return true;
    if (Clock::now() >= deadline || call.exchange.gone()) co_return false;
  }
}

Answer Run(Call& call, Command command) {
  const auto wait = WaitOf(call);
  if (!wait) co_return http::ErrorResponse(400, "bad_parameter", wait.error().message, "wait");
  const Status done = (call.context.control.*command.verb)(call.model);
  if (!done) {
    co_return http::ErrorResponse(HttpStatus(done.error().kind), "refused", done.error().message);
  }
  std::optional<bool> settled;
  if (*wait) settled = co_await Settle(call, Clock::now() + **wait);
  const auto model = Find(call);
  if (!model) co_return http::ErrorResponse(500, "internal", "model \"" + call.model + "\" has no replicas");
  const std::string waited = *wait ? FormatDuration(**wait) : "";
  co_return Report(*model, Judge(*model, command, settled, waited), command);
}

}  // namespace

Answer HandleStart(Call& call) { co_return co_await Run(call, kStart); }

Answer HandleStop(Call& call) { co_return co_await Run(call, kStop); }

Answer HandleRestart(Call& call) { co_return co_await Run(call, kRestart); }

Answer HandleShutdown(Call& call) {
  call.context.control.Shutdown();
  co_return http::JsonResponse(202, Dump({{"command", "shutdown"},
                                          {"draining", true},
                                          {"requests_open", call.context.control.RequestsOpen()}}));
}

}  // namespace berth::admin
