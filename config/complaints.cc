#include "config/complaints.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace berth::config {
namespace {

auto Place(const Mistake& mistake) { return std::tie(mistake.line, mistake.column); }
bool Same(const Mistake& a, const Mistake& b) { return Place(a) == Place(b) && a.message == b.message; }

}  // namespace

void Complaints::Add(int line, int column, std::string message) {
  list_.push_back({line, column, OneLine(std::move(message))});
}

std::vector<Mistake> Complaints::Take() {
  std::ranges::stable_sort(list_, [](const Mistake& a, const Mistake& b) { return Place(a) < Place(b); });
  std::vector<Mistake> unique;
  for (Mistake& mistake : list_) {
    const auto same = [&](const Mistake& other) { return Same(mistake, other); };
    const bool repeated = std::any_of(unique.rbegin(), unique.rend(), same);
    if (repeated) continue;
    if (unique.size() == kMost) {
      unique.push_back({0, 0, "there are more mistakes than the " + std::to_string(kMost) + " shown"});
      break;
    }
    unique.push_back(std::move(mistake));
  }
  return unique;
}

std::string Shortened(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  std::string shown;
  for (const char c : text.substr(0, kLongest)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
      shown += escape;
    } else {
      shown += c;
    }
  }
  if (text.size() <= kLongest) return shown;
  while (!shown.empty() && (static_cast<unsigned char>(shown.back()) & 0x80) != 0) shown.pop_back();
  return shown + "…";
}

std::string Quoted(std::string_view text) { return std::string("\"").append(Shortened(text)).append("\""); }

std::string Format(const Mistakes& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes.list) {
    text += mistakes.file;
    if (mistake.line > 0) {
      text.append(":").append(std::to_string(mistake.line)).append(":").append(std::to_string(mistake.column));
    }
    text.append(": ").append(mistake.message).append("\n");
  }
  return text;
}

}  // namespace berth::config
