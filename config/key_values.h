// From what a plan says to what a row of keys.cc stores: words to enums, lists to texts. For keys.cc only.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "config/keys.h"

namespace berth::config {

// Text that Choices() has already matched.
template <class Enum, std::size_t N>
Enum FromName(const std::string& text, const std::array<Enum, N>& all) {
  for (const Enum value : all) {
    if (Name(value) == text) return value;
  }
  return all[0];
}
inline constexpr std::array kKinds{Kind::kEmbedding, Kind::kLlm, Kind::kSpeech};
inline constexpr std::array kBalances{Balance::kLeastLoaded, Balance::kRoundRobin, Balance::kRandom};
inline constexpr std::array kStarts{Start::kBoot, Start::kDemand, Start::kManual};
inline constexpr std::array kSharings{Sharing::kShared, Sharing::kExclusive};
inline constexpr std::array kSpreads{Spread::kSpread, Spread::kPack};
inline constexpr std::array kDtypes{Dtype::kAuto, Dtype::kFloat32, Dtype::kBfloat16, Dtype::kFloat16};
inline constexpr std::array kGenerationDefaults{GenerationDefaults::kModel, GenerationDefaults::kOpenai};
inline constexpr std::array kOnFailures{OnFailure::kContinue, OnFailure::kStop};

inline int Int(const Value& v) { return static_cast<int>(v.number); }

inline std::vector<std::string> Texts(const std::vector<Item>& items) {
  std::vector<std::string> texts;
  for (const Item& item : items) texts.push_back(item.text);
  return texts;
}
inline std::vector<std::string> Texts(const Value& v) { return Texts(v.items); }

inline std::vector<std::vector<std::string>> Groups(const Value& v) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& group : v.groups) groups.push_back(Texts(group));
  return groups;
}

}  // namespace berth::config
