#include "worker/text/utf8.h"

#include <cstdint>
#include <cstring>

namespace berth::text {
namespace {

unsigned Byte(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// What the standard's table of well-formed sequences (Unicode, table 3-7) asks of a character by its first
// byte.
struct Lead {
  unsigned length = 0;  // 0: no character begins so
  unsigned low = 0x80;  // bounds of the second byte
  unsigned high = 0xBF;
};

Lead LeadOf(unsigned byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

// How many bytes at `at` belong together, whether they are a character, and whether the text ends before they could
// become one.
struct Sequence {
  std::size_t length;
  bool valid;
  bool cut = false;
};

Sequence SequenceAt(std::string_view text, std::size_t at) {
  const Lead lead = LeadOf(Byte(text, at));
  if (lead.length == 0) return {1, false};
  for (unsigned i = 1; i < lead.length; ++i) {
    if (at + i == text.size()) return {i, false, true};
    const unsigned byte = Byte(text, at + i);
    const unsigned low = i == 1 ? lead.low : 0x80;
    const unsigned high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {i, false};
  }
  return {lead.length, true};
}

// The index of the first ill-formed sequence, or the size of the text.
std::size_t FindInvalid(std::string_view text) {
  for (std::size_t at = SkipAscii(text, 0); at < text.size(); at = SkipAscii(text, at)) {
    const Sequence sequence = SequenceAt(text, at);
    if (!sequence.valid) return at;
    at += sequence.length;
  }
  return text.size();
}

}  // namespace

char32_t DecodeAt(std::string_view text, std::size_t& at) {
  const unsigned first = Byte(text, at++);
  if (first < 0x80) return first;
  char32_t point = first < 0xE0 ? first & 0x1F : first < 0xF0 ? first & 0x0F : first & 0x07;
  for (unsigned left = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3; left > 0; --left) {
    point = point << 6 | (Byte(text, at++) & 0x3F);
  }
  return point;
}

char32_t DecodeBefore(std::string_view text, std::size_t at) {
  do {
    --at;
  } while (IsContinuation(text[at]));
  return DecodeAt(text, at);
}

void Append(std::string& text, char32_t point) {
  const auto put = [&text](char32_t bits) { text.push_back(static_cast<char>(bits)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18);
      put(0x80 | (point >> 12 & 0x3F));
    }
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

std::size_t SkipAscii(std::string_view text, std::size_t at) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  for (std::uint64_t eight = 0; at + sizeof eight <= text.size(); at += sizeof eight) {
    std::memcpy(&eight, text.data() + at, sizeof eight);
    if ((eight & kHighBits) != 0) break;
  }
  while (at < text.size() && IsAscii(text[at])) ++at;
  return at;
}

std::size_t SkipNonAscii(std::string_view text, std::size_t at) {
  while (at < text.size() && !IsAscii(text[at])) ++at;
  return at;
}

std::size_t AppendCertain(std::string_view bytes, Replacement replacement, std::string& text) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const Sequence sequence = SequenceAt(bytes, at);
    if (sequence.cut) break;
    if (sequence.valid) text.append(bytes, at, sequence.length);
    const std::size_t wrong = replacement == Replacement::kPerByte ? sequence.length : 1;
    for (std::size_t i = 0; !sequence.valid && i < wrong; ++i) Append(text, kReplacementCharacter);
    at += sequence.length;
  }
  return at;
}

bool IsValidUtf8(std::string_view text) { return FindInvalid(text) == text.size(); }

std::string_view Repair(std::string_view text, std::string& storage) {
  std::size_t at = FindInvalid(text);
  if (at == text.size()) return text;
  storage.assign(text.substr(0, at));
  while (at < text.size()) {
    const Sequence sequence = SequenceAt(text, at);
    if (sequence.valid) storage.append(text, at, sequence.length);
    if (!sequence.valid) Append(storage, kReplacementCharacter);
    at += sequence.length;
  }
  return storage;
}

}  // namespace berth::text
