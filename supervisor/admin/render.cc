#include "supervisor/admin/render.h"

#include <algorithm>

namespace berth::admin {
namespace {

Json OrNull(bool known, Json value) { return known ? std::move(value) : Json(); }

Json Render(const launch::ExitStatus& exit) {
  return {{"cause", Name(exit.cause)},
          {"code", OrNull(exit.signal == 0, exit.code)},
          {"signal", OrNull(exit.signal != 0, exit.signal)},
          {"reason", exit.reason},
          {"time", exit.time}};
}

Json Render(const protocol::Capabilities& capabilities) {
  return {{"kind", capabilities.kind},
          {"context", capabilities.context},
          {"dimensions", OrNull(capabilities.dimensions > 0, capabilities.dimensions)},
          {"routes", capabilities.routes}};
}

Json RenderReservation(const placement::Ledger::Reservation& reservation) {
  return {{"device", reservation.device},
          {"model", reservation.model},
          {"replica", reservation.replica},
          {"bytes", reservation.bytes.count}};
}

}  // namespace

Json Render(const launch::ReplicaStatus& status) {
  const bool loading = status.state == launch::State::kLoading;
  return {{"replica", status.replica},
          {"state", Name(status.state)},
          {"reason", status.reason},
          {"since", status.since},
          {"seconds_in_state", status.seconds_in_state},
          {"pid", OrNull(status.pid != 0, status.pid)},
          {"incarnation", status.incarnation},
          {"devices", status.devices},
          {"memory_bytes", status.memory.count},
          {"estimate_bytes", OrNull(status.estimate.count != 0, status.estimate.count)},
          {"measured_bytes", OrNull(status.measured.count != 0, status.measured.count)},
          {"measured_peak_bytes", OrNull(status.measured_peak.count != 0, status.measured_peak.count)},
          {"counted_peak_bytes", OrNull(status.counted_peak.count != 0, status.counted_peak.count)},
          {"weights_bytes", OrNull(status.weights.count != 0, status.weights.count)},
          {"weights_mapped_bytes", OrNull(status.weights_mapped.count != 0, status.weights_mapped.count)},
          {"stage", OrNull(loading, status.stage)},
          {"fraction", OrNull(loading, status.fraction)},
          {"in_flight", status.in_flight},
          {"window", status.window},
          {"steps", status.steps},
          {"beat_age_seconds", OrNull(status.beat_age_seconds >= 0, status.beat_age_seconds)},
          {"failures_in_window", status.failures_in_window},
          {"last_exit", status.last_exit ? Render(*status.last_exit) : Json()},
          {"last_lines", status.last_lines}};
}

Json Render(const launch::ModelStatus& status) {
  Json replicas = Json::array();
  for (const launch::ReplicaStatus& replica : status.replicas) replicas.push_back(Render(replica));
  return {{"name", status.name},
          {"kind", Name(status.kind)},
          {"aliases", status.aliases},
          {"required", status.required},
          {"wave", status.wave},
          {"state", Name(status.state)},
          {"reason", status.reason},
          {"ready_replicas", std::ranges::count(status.replicas, launch::State::kReady, &launch::ReplicaStatus::state)},
          {"capabilities", status.capabilities ? Render(*status.capabilities) : Json()},
          {"replicas", std::move(replicas)}};
}

Json Render(const observe::Event& event) {
  return {{"seq", event.seq},
          {"time", event.time},
          {"type", event.type},
          {"model", OrNull(!event.model.empty(), event.model)},
          {"replica", OrNull(event.replica >= 0, event.replica)},
          {"message", event.message}};
}

Json Render(const launch::LogLine& line) {
  return {{"seq", line.seq}, {"time", line.time}, {"replica", line.replica}, {"text", line.text}};
}

Json RenderDevices(const config::Plan& plan, const placement::Ledger& ledger) {
  Json devices = Json::array();
  for (const config::Device& device : plan.devices) {
    const Bytes capacity = ledger.Capacity(device.name);
    const Bytes reserved = ledger.Reserved(device.name);
    devices.push_back({{"name", device.name},
                       {"kind", device.cuda.empty() ? "cpu" : "gpu"},
                       {"threads", device.threads},
                       {"memory_bytes", capacity.count},
                       {"reserved_bytes", reserved.count},
                       {"free_bytes", (capacity - reserved).count},
                       {"reservations", std::ranges::count(ledger.reservations(), device.name,
                                                           &placement::Ledger::Reservation::device)}});
  }
  return {{"devices", std::move(devices)}};
}

Json RenderLedger(const config::Plan& plan, const placement::Ledger& ledger) {
  Json json = RenderDevices(plan, ledger);
  json["reservations"] = Json::array();
  for (const auto& reservation : ledger.reservations()) {
    json["reservations"].push_back(RenderReservation(reservation));
  }
  json["weights"] = Json::array();
  for (const auto& shared : ledger.shared()) {
    json["weights"].push_back({{"device", shared.device}, {"models", shared.models}, {"bytes", shared.bytes.count}});
  }
  return json;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace berth::admin
