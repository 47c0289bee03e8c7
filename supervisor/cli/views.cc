#include "supervisor/cli/views.h"

#include <cmath>
#include <map>

#include "supervisor/base/bytes.h"

namespace berth::cli {
namespace {

// "" for null.
std::string Text(const Json& object, const char* key) {
  const Json& value = object.at(key);
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string Size(const Json& object, const char* key) {
  const Json& value = object.at(key);
  return value.is_null() ? "-" : FormatBytes({value.get<std::uint64_t>()});
}

// "100 MiB / 2 GiB": measured and reserved; "-" without a process.
std::string Memory(const Json& replica) {
  if (replica.at("memory_bytes") == 0) return "-";
  return Size(replica, "measured_bytes") + " / " + Size(replica, "memory_bytes");
}

std::string Joined(const Json& list) {
  std::string text;
  for (const Json& item : list) text.append(text.empty() ? "" : ", ").append(item.get<std::string>());
  return text;
}

Colour ColourOf(const std::string& state) {
  static const std::map<std::string, Colour> colours = {
      {"ready", Colour::kGreen}, {"stopped", Colour::kFaint},     {"failed", Colour::kRed},
      {"stuck", Colour::kRed},   {"quarantined", Colour::kRed}};
  const auto found = colours.find(state);
  return found == colours.end() ? Colour::kYellow : found->second;
}

Cell State(const Json& object) {
  const std::string state = Text(object, "state");
  return {state, ColourOf(state)};
}

std::string Dash(const std::string& text) { return text.empty() ? "-" : text; }

// Without what the state says already.
std::string Reason(const Json& object) {
  const std::string reason = Text(object, "reason");
  return reason == Text(object, "state") ? "" : reason;
}

std::string ReasonOrProgress(const Json& replica) {
  const std::string reason = Reason(replica);
  if (replica.at("stage").is_null()) return reason;
  const auto percent = std::lround(replica.at("fraction").get<double>() * 100);
  return Text(replica, "stage") + ", " + std::to_string(percent) + " %";
}

std::string Field(std::string name, const std::string& value) {
  constexpr std::size_t kNameWidth = 12;
  name.resize(std::max(name.size() + 1, kNameWidth), ' ');
  return name + Printable(value) + "\n";
}

}  // namespace

std::string Age(double seconds) {
  constexpr double kMinute = 60, kHour = 3600, kDay = 86400;
  const auto count = [seconds](double unit) { return std::to_string(static_cast<long>(seconds / unit)); };
  if (seconds < kMinute) return count(1) + "s";
  if (seconds < kHour) return count(kMinute) + "m";
  if (seconds < kDay) return count(kHour) + "h";
  return count(kDay) + "d";
}

std::string ViewPs(const Json& models, Screen screen) {
  const std::vector<Column> columns = {
      {"MODEL", 10},           {"KIND", 2},           {"REPLICA", 8, true}, {"STATE", 9},
      {"SINCE", 6, true},      {"DEVICE", 3},         {"MEMORY", 5, true},  {"ESTIMATE", 2, true}, {"IN-FLIGHT", 4, true},
      {"PID", 1, true},        {"REASON", 7, false, true}};
  std::vector<Row> rows;
  for (const Json& model : models) {
    for (const Json& replica : model.at("replicas")) {
      rows.push_back({{Text(model, "name")},
                      {Text(model, "kind")},
                      {Text(replica, "replica")},
                      State(replica),
                      {Age(replica.at("seconds_in_state").get<double>())},
                      {Dash(Joined(replica.at("devices")))},
                      {Memory(replica)},
                      {Size(replica, "estimate_bytes")},
                      {Text(replica, "in_flight")},
                      {Dash(Text(replica, "pid"))},
                      {ReasonOrProgress(replica)}});
    }
  }
  return FormatTable(columns, rows, screen);
}

std::string ViewModels(const Json& models, Screen screen) {
  const std::vector<Column> columns = {
      {"MODEL", 10},          {"KIND", 4},         {"STATE", 9},           {"READY", 8, true},
      {"CONTEXT", 3, true},   {"DIMENSIONS", 2, true}, {"ALIASES", 5},     {"REASON", 7, false, true}};
  std::vector<Row> rows;
  for (const Json& model : models) {
    const Json& known = model.at("capabilities");
    rows.push_back({{Text(model, "name")},
                    {Text(model, "kind")},
                    State(model),
                    {Text(model, "ready_replicas") + "/" + std::to_string(model.at("replicas").size())},
                    {known.is_null() ? "-" : Dash(Text(known, "context"))},
                    {known.is_null() ? "-" : Dash(Text(known, "dimensions"))},
                    {Dash(Joined(model.at("aliases")))},
                    {Reason(model)}});
  }
  return FormatTable(columns, rows, screen);
}

std::string ViewDevices(const Json& devices, Screen screen) {
  const std::vector<Column> columns = {{"DEVICE", 10},           {"KIND", 2},          {"THREADS", 1, true},
                                       {"MEMORY", 6, true},      {"RESERVED", 7, true}, {"FREE", 8, true},
                                       {"RESERVATIONS", 3, true}};
  std::vector<Row> rows;
  for (const Json& device : devices) {
    rows.push_back({{Text(device, "name")},
                    {Text(device, "kind")},
                    {Text(device, "threads")},
                    {Size(device, "memory_bytes")},
                    {Size(device, "reserved_bytes")},
                    {Size(device, "free_bytes")},
                    {Text(device, "reservations")}});
  }
  return FormatTable(columns, rows, screen);
}

std::string ViewLedger(const Json& ledger, Screen screen) {
  const std::vector<Column> columns = {{"DEVICE", 7}, {"MODEL", 10}, {"REPLICA", 8, true}, {"RESERVED", 9, true}};
  std::vector<Row> rows;
  for (const Json& reservation : ledger.at("reservations")) {
    rows.push_back({{Text(reservation, "device")},
                    {Text(reservation, "model")},
                    {Text(reservation, "replica")},
                    {Size(reservation, "bytes")}});
  }
  for (const Json& shared : ledger.at("weights")) {
    rows.push_back({{Text(shared, "device")}, {Joined(shared.at("models"))}, {"weights"}, {Size(shared, "bytes")}});
  }
  std::string text = FormatTable(columns, rows, screen);
  for (const Json& device : ledger.at("devices")) {
    text += Printable(Text(device, "name")) + ": " + Size(device, "reserved_bytes") + " of " +
            Size(device, "memory_bytes") + " reserved, " + Size(device, "free_bytes") + " free\n";
  }
  return text;
}

std::string ViewStatus(const Json& status, Screen screen) {
  const bool ready = status.at("ready").get<bool>();
  const bool draining = status.at("draining").get<bool>();
  std::string text = Field("state", "");
  text.pop_back();
  text += Paint(draining ? "draining" : ready ? "ready" : "not ready", ready ? Colour::kGreen : Colour::kYellow, screen);
  text += "\n";
  for (const Json& reason : status.at("reasons")) text += Field("", reason.get<std::string>());
  text += Field("berthd", Text(status, "version") + ", pid " + Text(status, "pid") + ", up " +
                              Age(status.at("uptime_seconds").get<double>()));
  text += Field("plan", Text(status, "plan"));
  for (const Json& address : status.at("addresses")) text += Field("listening", "http://" + address.get<std::string>());
  text += Field("admin", Text(status, "admin"));
  const Json& models = status.at("models");
  text += Field("models", Text(models, "ready") + " of " + Text(models, "total") + " ready");
  return text + Field("requests", Text(status, "requests_open") + " open");
}

std::string ViewEvent(const Json& event, Screen screen) {
  std::string about = Text(event, "model");
  if (!event.at("replica").is_null()) about += "/" + Text(event, "replica");
  if (!about.empty()) about += ": ";
  return Paint(Text(event, "time"), Colour::kFaint, screen) + "  " + Printable(Text(event, "type")) + "  " +
         Printable(about + Text(event, "message")) + "\n";
}

std::string ViewLogLine(const Json& line, Screen screen) {
  std::string text = Text(line, "time");
  if (!text.empty()) text = Paint(std::move(text), Colour::kFaint, screen) + "  ";
  return text + Text(line, "replica") + " | " + Printable(Text(line, "text")) + "\n";
}

std::string ViewOutcome(const Json& model, bool settled, Screen screen) {
  const Cell state = State(model);
  const std::string accepted = settled ? "" : Text(model, "command") + " accepted, now ";
  std::string text = Printable(Text(model, "name")) + ": " + accepted +
                     Paint(state.text, state.colour, screen) + ", " + Text(model, "ready_replicas") + " of " +
                     std::to_string(model.at("replicas").size()) + " replicas ready";
  const std::string reason = Reason(model);
  if (!reason.empty()) text += " (" + Printable(reason) + ")";
  return text + "\n";
}

}  // namespace berth::cli
