// Reading what an untrusted process sent as JSON: every getter checks type and bounds, and the first thing
// that is wrong is remembered by name, so that decoders read straight through and look at the error once, at
// the end. Private to the control messages.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "supervisor/base/result.h"

namespace berth::protocol {

inline constexpr std::size_t kMaxSeries = 256;  // metric names in one message

// What is wrong with the packet's size, depth or JSON; or its object in `value`.
std::optional<Error> ParsePacket(std::string_view packet, nlohmann::json* value);
// A metric's name, or a name and the value of a label: "finish_total/stop".
bool IsMetricName(std::string_view name);

class Reader {
 public:
  using json = nlohmann::json;

  Reader(const json& object, std::string where, std::optional<Error>* error)
      : object_(object), where_(std::move(where)), error_(error) {}

  std::string Text(const char* key, std::size_t max) {
    const json* value = Get(key);
    if (!value) return "";
    if (!value->is_string()) return Wrong(key, "a string"), "";
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() > max) return Wrong(key, "a string of at most " + std::to_string(max) + " bytes"), "";
    return text;
  }

  template <class Integer>
  Integer Whole(const char* key, Integer least, Integer most) {
    const json* value = Get(key);
    if (!value) return least;
    return WholeOf(*value, key, least, most);
  }

  bool Has(const char* key) const { return object_.contains(key); }

  // 0 where there is no such member.
  std::uint64_t WholeOrNone(const char* key, std::uint64_t most) {
    return object_.contains(key) ? Whole(key, std::uint64_t{0}, most) : 0;
  }

  double Real(const char* key, double least, double most) {
    const json* value = Get(key);
    if (!value) return least;
    return RealOf(*value, key, least, most);
  }

  bool Bool(const char* key) {
    const json* value = Get(key);
    if (!value) return false;
    if (!value->is_boolean()) return Wrong(key, "true or false"), false;
    return value->get<bool>();
  }

  Reader Object(const char* key) {
    const json* value = Get(key);
    return value ? ObjectOf(*value, key) : Reader(NoMembers(), where_ + key + ".", error_);
  }
  Reader ObjectOf(const json& value, const std::string& key) {
    if (!value.is_object()) Wrong(key, "an object");
    return Reader(value.is_object() ? value : NoMembers(), where_ + key + ".", error_);
  }

  // Calls `each(element)` for a list of at most `max`.
  template <class Each>
  void List(const char* key, std::size_t max, Each each) {
    const json* value = Get(key);
    if (!value) return;
    if (!value->is_array() || value->size() > max) {
      return Wrong(key, "a list of at most " + std::to_string(max) + " elements");
    }
    for (const json& element : *value) each(element);
  }

  // Calls `each(name, value)` for a map of at most kMaxSeries metric names; absent is empty.
  template <class Each>
  void Series(const char* key, Each each) {
    if (!object_.contains(key)) return;
    const json& value = object_.at(key);
    if (!value.is_object() || value.size() > kMaxSeries) {
      return Wrong(key, "an object of at most " + std::to_string(kMaxSeries) + " members");
    }
    for (const auto& [name, element] : value.items()) {
      if (!IsMetricName(name)) return Wrong(key, "an object of metric names");
      each(name, element);
    }
  }

  template <class Integer>
  Integer WholeOf(const json& value, const std::string& key, Integer least, Integer most) {
    const std::string wanted = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    // Non-negative literals are unsigned to the parser; negative ones are signed.
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(most) &&
          (least <= 0 || number >= static_cast<std::uint64_t>(least))) {
        return static_cast<Integer>(number);
      }
    }
    Wrong(key, wanted);
    return least;
  }

  double RealOf(const json& value, const std::string& key, double least, double most) {
    const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (number >= least && number <= most) return number;
    Wrong(key, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    return least;
  }

  void Wrong(const std::string& key, const std::string& wanted) {
    if (!*error_) *error_ = Invalid("control message: ", where_, key, " is not ", wanted);
  }

 private:
  static const json& NoMembers() {
    static const json empty = json::object();
    return empty;
  }

  const json* Get(const char* key) {
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    if (!*error_) *error_ = Invalid("control message: ", where_, key, " is missing");
    return nullptr;
  }

  const json& object_;
  std::string where_;
  std::optional<Error>* error_;
};

}  // namespace berth::protocol
