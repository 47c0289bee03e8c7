#include "worker/text/bert_normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

int CombiningClass(char32_t point) {
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(point))->combining_class;
}

// Unicode's canonical ordering: marks after the same base by their class, equal classes in the order of the
// text.
void OrderMarks(std::vector<char32_t>& points) {
  for (auto begin = points.begin(); begin != points.end();) {
    begin = std::find_if(begin, points.end(), [](char32_t point) { return CombiningClass(point) != 0; });
    const auto end =
        std::find_if(begin, points.end(), [](char32_t point) { return CombiningClass(point) == 0; });
    std::ranges::stable_sort(begin, end, {}, CombiningClass);
    begin = end;
  }
}

// Replaces each character by its full canonical decomposition.
void Decompose(std::vector<char32_t>& points) {
  constexpr int kLongest = 18;  // more than any canonical decomposition has
  std::vector<char32_t> parts;
  parts.reserve(points.size() + points.size() / 2);
  for (const char32_t point : points) {
    utf8proc_int32_t buffer[kLongest];
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point), buffer, kLongest,
                                               UTF8PROC_DECOMPOSE, &boundary);
    if (count < 1 || count > kLongest) {
      parts.push_back(point);
    } else {
      parts.insert(parts.end(), buffer, buffer + count);
    }
  }
  points.swap(parts);
}

}  // namespace

BertNormalizer::BertNormalizer(const BertOptions& options) : options_(options) {
  for (char32_t point = 0; point < 128; ++point) {
    // The other white space of ASCII (vertical tab, form feed) is dropped as control characters are.
    const bool white = point == ' ' || point == '\t' || point == '\n' || point == '\r';
    ascii_keep_[point] = !options.clean_text || white || !IsControl(point);
    const char32_t cleaned = options.clean_text && white ? U' ' : point;
    const bool upper = options.lowercase && cleaned >= 'A' && cleaned <= 'Z';
    ascii_[point] = static_cast<char>(upper ? cleaned + 32 : cleaned);
  }
}

void BertNormalizer::Apply(std::string_view text, std::string& out, std::vector<char32_t>& points) const {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t other = SkipAscii(text, at);
    ApplyAscii(text.substr(at, other - at), out);
    at = SkipNonAscii(text, other);
    // ASCII neither decomposes nor takes part in the ordering of marks: a stretch between two is a world of
    // its own.
    if (at > other) ApplyOther(text.substr(other, at - other), out, points);
  }
}

void BertNormalizer::ApplyAscii(std::string_view text, std::string& out) const {
  const std::size_t before = out.size();
  out.resize(before + text.size());
  char* next = out.data() + before;
  for (const char byte : text) {
    const auto index = static_cast<unsigned char>(byte);
    *next = ascii_[index];
    next += ascii_keep_[index] ? 1 : 0;
  }
  out.resize(static_cast<std::size_t>(next - out.data()));
}

void BertNormalizer::ApplyOther(std::string_view text, std::string& out,
                                std::vector<char32_t>& points) const {
  Clean(text, points);
  if (options_.strip_accents) {
    Decompose(points);
    OrderMarks(points);
    std::erase_if(points, IsNonspacingMark);
  }
  for (const char32_t point : points) {
    if (options_.lowercase) {
      AppendLowercase(out, point);
    } else {
      Append(out, point);
    }
  }
}

void BertNormalizer::Clean(std::string_view text, std::vector<char32_t>& points) const {
  points.clear();
  for (std::size_t at = 0; at < text.size();) {
    char32_t point = DecodeAt(text, at);
    if (options_.clean_text) {
      if (point == 0xFFFD || IsControl(point)) continue;
      if (IsWhitespace(point)) point = U' ';
    }
    const bool split = options_.handle_chinese_chars && IsCjkIdeograph(point);
    if (split) points.push_back(U' ');
    points.push_back(point);
    if (split) points.push_back(U' ');
  }
}

}  // namespace berth::text
