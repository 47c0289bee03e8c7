// YAML text → a tree of nodes with positions. Built from yaml-cpp's events, so that duplicate keys stay visible
// and aliases ("*name") are copied under a budget. Knows nothing of plans; never throws.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/parse.h"

namespace berth::config {

struct Node {
  enum class Type { kNull, kScalar, kList, kMap };
  Type type = Type::kNull;
  std::string text;         // of a scalar, quotes removed
  std::vector<Node> items;  // of a list or a map, in the order of the file
  int line = 0;             // from 1
  int column = 0;
  // Inside a map: the key this node stands under.
  std::string key;
  int key_line = 0;
  int key_column = 0;
};

// Limits: what no honest plan reaches, and what a hostile one may cost.
constexpr std::size_t kMostPlanBytes = std::size_t{1} << 20;
constexpr std::size_t kMostNodes = 50'000;  // aliases counted as what they stand for
constexpr std::size_t kMostDepth = 16;

// The one document of `text`, or the first reason why it is not one.
std::variant<Node, Mistake> ParseDocument(std::string_view text);

}  // namespace berth::config
