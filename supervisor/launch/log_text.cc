#include "supervisor/launch/log_text.h"

namespace berth::launch {
namespace {

// Bytes of the well-formed UTF-8 sequence that `text` begins with, or 0 (Unicode 15, table 3-7).
std::size_t SequenceLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return in(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const unsigned low = lead == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = lead == 0xed ? 0x9f : 0xbf;
    return in(1, low, high) && in(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const unsigned low = lead == 0xf0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xf4 ? 0x8f : 0xbf;
    return in(1, low, high) && in(2, 0x80, 0xbf) && in(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

void AppendEscaped(std::string& out, unsigned char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.append("\\x").push_back(digits[byte >> 4]);
  out.push_back(digits[byte & 15]);
}

bool IsControl(unsigned char byte) { return (byte < 0x20 && byte != '\t') || byte == 0x7f; }

}  // namespace

std::string Printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = SequenceLength(bytes);
    const auto first = static_cast<unsigned char>(bytes.front());
    if (length == 0 || IsControl(first)) {
      AppendEscaped(out, first);
      bytes.remove_prefix(1);
      continue;
    }
    out.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  return out;
}

std::vector<std::string> LineCutter::Feed(std::string_view bytes) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    begun_.append(part.substr(0, kMaxLine - begun_.size()));
    if (end == std::string_view::npos) break;
    if (begun_.ends_with('\r')) begun_.pop_back();
    lines.push_back(Printable(begun_));
    begun_.clear();
    bytes.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> LineCutter::Finish() {
  if (begun_.empty()) return {};
  std::vector<std::string> lines = {Printable(begun_)};
  begun_.clear();
  return lines;
}

bool LineBudget::Admit(std::int64_t second, std::size_t bytes) {
  if (second != second_) {
    second_ = second;
    lines_ = 0;
    bytes_ = 0;
  }
  ++lines_;
  bytes_ += bytes;
  return lines_ <= kLinesPerSecond && bytes_ <= kBytesPerSecond;
}

}  // namespace berth::launch
