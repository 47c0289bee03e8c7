#include "worker/serve/json_text.h"

#include <algorithm>

namespace berth::serve {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
// As the C library's heap rounds them.
constexpr std::uint64_t kElement = 32;  // in a vector that grows by doubling
constexpr std::uint64_t kMember = 96;   // a node of a std::map
constexpr std::uint64_t kContainer = 64;
constexpr std::uint64_t kString = 64;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Where a piece of the text may end: before a character begins.
std::size_t PieceOf(std::string_view text) {
  if (text.size() <= kPiece) return text.size();
  std::size_t end = kPiece;
  while (end > kPiece - 4 && IsContinuation(text[end])) --end;
  return end;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const std::size_t size = PieceOf(text);
    const std::string quoted = JsonText(std::string(text.substr(0, size)));
    out.append(quoted, 1, quoted.size() - 2);
    text.remove_prefix(size);
  }
  out += '"';
}

std::uint64_t JsonStringBytes(std::string_view text) {
  std::uint64_t bytes = 2 + text.size();
  for (const char c : text) {
    if (c == '"' || c == '\\') bytes += 1;
    if (static_cast<unsigned char>(c) < 0x20) bytes += 5;
  }
  return bytes;
}

std::uint64_t JsonTreeBytes(std::string_view text) {
  std::uint64_t bytes = text.size();
  for (const char c : text) {
    if (c == ',') bytes += kElement;
    if (c == ':') bytes += kMember;
    if (c == '{' || c == '[') bytes += kContainer;
    if (c == '"') bytes += kString / 2;
  }
  return bytes;
}

}  // namespace berth::serve
