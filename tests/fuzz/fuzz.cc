#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace berth::fuzz {
namespace {

std::vector<Target>& Table() {
  static std::vector<Target> table;
  return table;
}

std::string& InputName() {
  static std::string name;
  return name;
}

}  // namespace

Registration::Registration(std::string_view name, void (*run)(std::string_view input)) {
  Table().push_back({name, run});
}

std::span<const Target> Targets() { return Table(); }

void SetInputName(std::string name) { InputName() = std::move(name); }

void Require(bool holds, std::string_view what, std::string_view detail) {
  if (holds) return;
  std::string text = "\nproperty broken: " + std::string(what) + "\n";
  if (!detail.empty()) text += "  seen: " + std::string(detail.substr(0, 2000)) + "\n";
  if (!InputName().empty()) text += "  input: " + InputName() + "\n";
  std::fputs(text.c_str(), stderr);
  std::abort();
}

void RequireReadable(std::string_view message, std::size_t most_bytes) {
  Require(!message.empty(), "an error says what is wrong");
  Require(message.size() <= most_bytes, "an error is no longer than a few lines", message);
  const bool clean = std::ranges::none_of(
      message, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  Require(clean, "an error holds no control characters", message);
}

std::uint8_t Slices::Byte() {
  const std::string_view byte = Text(1);
  return byte.empty() ? 0 : static_cast<std::uint8_t>(byte.front());
}

std::uint64_t Slices::Word() {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word |= std::uint64_t{Byte()} << (8 * i);
  return word;
}

std::string_view Slices::Text(std::size_t bytes) {
  const std::string_view text = rest_.substr(0, bytes);
  rest_.remove_prefix(text.size());
  return text;
}

std::string_view Slices::Until(char mark) {
  const std::size_t end = rest_.find(mark);
  const std::string_view text = Text(std::min(end, rest_.size()));
  if (end != std::string_view::npos) rest_.remove_prefix(1);
  return text;
}

std::vector<std::size_t> Cuts(std::size_t size, std::size_t mark) {
  constexpr std::size_t kFew = 192;
  std::set<std::size_t> cuts = {0, size};
  const std::size_t step = size <= kFew ? 1 : size / 48;
  for (std::size_t at = 0; at < size; at += step) cuts.insert(at);
  for (std::size_t at = mark < 4 ? 0 : mark - 4; at <= std::min(size, mark + 4); ++at) cuts.insert(at);
  return {cuts.begin(), cuts.end()};
}

}  // namespace berth::fuzz
