#include "worker/protocol/control_reader.h"

#include <algorithm>

#include "worker/protocol/control.h"

namespace berth::protocol {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 8;

// How deep the brackets nest outside strings; the parser would follow them to any depth.
int Depth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_string && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return deepest;
}

// Small letters, digits and underscores; no digit first.
bool IsWord(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

std::optional<Error> ParsePacket(std::string_view packet, json* value) {
  if (packet.empty()) return Invalid("control message: empty packet");
  if (packet.size() > kMaxPacket) {
    return Invalid("control message: ", packet.size(), " bytes; at most ", kMaxPacket, " are allowed");
  }
  if (Depth(packet) > kMaxDepth) return Invalid("control message: nested deeper than ", kMaxDepth);
  *value = json::parse(packet, nullptr, false);
  // The parser takes a NUL for the end of the text, whatever follows it.
  if (value->is_discarded() || packet.find('\0') != std::string_view::npos) return Invalid("control message: not JSON");
  if (!value->is_object()) return Invalid("control message: not a JSON object");
  return std::nullopt;
}

bool IsMetricName(std::string_view name) {
  if (name.size() > 128) return false;
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos && !IsWord(name.substr(slash + 1))) return false;
  return IsWord(name.substr(0, slash));
}

}  // namespace berth::protocol
