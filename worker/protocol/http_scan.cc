#include "worker/protocol/http_scan.h"

#include <array>
#include <utility>

namespace berth::http {
namespace {

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kTokenTable = MakeTokenTable();

bool IsControl(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u < 0x20 && c != '\t') || u == 0x7f;
}

// One line of the head: its text without CRLF, whether the CRLF is there, or what is wrong with it.
struct Line {
  std::string_view text;
  bool complete = false;
  bool too_long = false;
  std::optional<HeadError> error;
};

HeadError BadCharacter(char c) {
  if (c == '\n') return Malformed("a line ends with a bare LF; HTTP lines end with CRLF");
  return Malformed("a control character (" + std::to_string(static_cast<unsigned char>(c)) + ") in the head");
}

// No control characters. Without an early end, so that the compiler can look at many bytes at once.
bool IsClean(std::string_view text) {
  unsigned bad = 0;
  for (char c : text) bad |= static_cast<unsigned>(IsControl(c));
  return bad == 0;
}

// `limit`: of the line's text.
Line NextLine(std::string_view bytes, std::size_t limit) {
  const std::size_t cr = bytes.substr(0, limit).find('\r');
  const bool good = cr != std::string_view::npos && bytes.substr(cr).starts_with("\r\n") && IsClean(bytes.substr(0, cr));
  if (good) return {bytes.substr(0, cr), true, false, std::nullopt};
  // Byte by byte: the first thing that is wrong is what is said.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\r') {
      if (i + 1 == bytes.size()) return {};
      if (bytes[i + 1] != '\n') return {{}, false, false, Malformed("a bare CR in the head")};
      return {bytes.substr(0, i), true, false, std::nullopt};
    }
    if (i >= limit) return {{}, false, true, std::nullopt};
    if (IsControl(c)) return {{}, false, false, BadCharacter(c)};
  }
  return {};
}

constexpr std::string_view kLength = "content-length";
constexpr std::string_view kCoding = "transfer-encoding";

bool IsDisguised(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  for (char& c : dashed) c = c == '_' ? '-' : c;
  return EqualsIgnoreCase(dashed, kLength) || EqualsIgnoreCase(dashed, kCoding);
}

// `line`: one that CheckFieldLine let through.
void NoteFraming(std::string_view line, FramingFields& found) {
  const std::size_t colon = line.find(':');
  if (colon != kLength.size() && colon != kCoding.size()) return;  // nearly all
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = TrimWhitespace(line.substr(colon + 1));
  if (EqualsIgnoreCase(name, kLength) && found.lengths++ == 0) found.length = value;
  if (EqualsIgnoreCase(name, kCoding) && found.codings++ == 0) found.coding = value;
  if (IsDisguised(name)) found.disguised = name;
}

HeadError LineTooLong(const HeadLimits& limits) {
  return {414, "header_too_large",
          "the request line is longer than " + std::to_string(limits.line) + " bytes"};
}
HeadError BlockTooLong(const HeadLimits& limits) {
  return {431, "header_too_large", "the head is longer than " + std::to_string(limits.block) + " bytes"};
}

}  // namespace

bool IsTokenChar(char c) { return kTokenTable[static_cast<unsigned char>(c)]; }

bool IsToken(std::string_view text) {
  for (char c : text) {
    if (!IsTokenChar(c)) return false;
  }
  return !text.empty();
}

std::string_view TrimWhitespace(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

HeadError Malformed(std::string message) { return {400, "parse", std::move(message)}; }
HeadError Smuggling(std::string message) { return {400, "smuggling", std::move(message)}; }

std::optional<HeadError> CheckFieldLine(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') {
    return Malformed("a header line starts with whitespace (folded lines are obsolete and refused)");
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return Malformed("a header line has no colon");
  if (colon == 0) return Malformed("a header has an empty name");
  const std::string_view name = line.substr(0, colon);
  if (name.back() == ' ' || name.back() == '\t') {
    return Malformed("whitespace between a header's name and its colon");
  }
  if (!IsToken(name)) return Malformed("a header's name has a character that names cannot have");
  return std::nullopt;
}

std::variant<NeedMore, ScannedHead, HeadError> ScanHead(std::string_view bytes, const HeadLimits& limits,
                                                        StartLineCheck check_start) {
  std::size_t at = 0;
  FramingFields framing;
  for (std::size_t count = 0;; ++count) {
    const bool start = count == 0;
    const std::size_t block_left = limits.block > at ? limits.block - at : 0;
    const bool by_line = start && limits.line <= block_left;
    const Line line = NextLine(bytes.substr(at), by_line ? limits.line : block_left);
    if (line.too_long) return by_line ? LineTooLong(limits) : BlockTooLong(limits);
    if (line.error) return *line.error;
    if (!line.complete) return NeedMore{};
    at += line.text.size() + 2;
    if (at > limits.block) return BlockTooLong(limits);
    if (start) {
      if (auto error = check_start(line.text)) return *std::move(error);
      continue;
    }
    if (line.text.empty()) return ScannedHead{at, framing};
    if (count > limits.fields) {
      return HeadError{431, "header_too_large",
                       "more than " + std::to_string(limits.fields) + " header fields"};
    }
    if (auto error = CheckFieldLine(line.text)) return *std::move(error);
    NoteFraming(line.text, framing);
  }
}

}  // namespace berth::http
