#include "supervisor/route/body_model.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <bitset>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "supervisor/route/heads.h"

namespace berth::route {
namespace {

// Finds what ends plain text inside a JSON string: quotes, backslashes, control characters. Nearly all of a body is
// inside strings, so this is most of what reading it costs: 64 characters are looked at together, and what they hold
// is kept as bits, so that the text behind an escape isn't looked at again.
class PlainText {
 public:
  explicit PlainText(std::string_view text) : text_(text) {}

  // Where plain text that begins at `at` ends; the size of the text when nothing ends it.
  std::size_t EndFrom(std::size_t at) {
    for (; at < text_.size(); at = block_ + kBlock) {
      if (at < block_ || at >= block_ + kBlock) Look(at);
      const std::uint64_t ends = ends_ >> (at - block_);
      if (ends != 0) return std::min(at + static_cast<std::size_t>(std::countr_zero(ends)), text_.size());
    }
    return text_.size();
  }

 private:
  static constexpr std::size_t kBlock = 64;

  void Look(std::size_t at) {
    block_ = at;
    if (text_.size() - at >= kBlock) {
      ends_ = EndsOf(text_.data() + at);
      return;
    }
    char last[kBlock] = {};  // the zeroes end what is there
    text_.copy(last, kBlock, at);
    ends_ = EndsOf(last);
  }

#ifdef __SSE2__
  static std::uint64_t EndsOf(const char* block) {
    std::uint64_t ends = 0;
    for (std::size_t i = 0; i < kBlock; i += 16) {
      const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + i));
      const __m128i quote = _mm_cmpeq_epi8(part, _mm_set1_epi8('"'));
      const __m128i backslash = _mm_cmpeq_epi8(part, _mm_set1_epi8('\\'));
      const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(part, _mm_set1_epi8(0x1f)), part);
      const int found = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
      ends |= static_cast<std::uint64_t>(static_cast<unsigned>(found)) << i;
    }
    return ends;
  }
#else
  static std::uint64_t EndsOf(const char* block) {
    std::uint64_t ends = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      const char c = block[i];
      const bool end = c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
      ends |= std::uint64_t{end} << i;
    }
    return ends;
  }
#endif

  std::string_view text_;
  std::size_t block_ = std::string_view::npos - kBlock;  // where the 64 characters begin; none yet
  std::uint64_t ends_ = 0;
};

// A validating scanner of RFC 8259. Containers are a stack of bits: true is an object.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text), plain_(text) {}

  BodyModel Run() {
    SkipSpace();
    if (at_ == text_.size()) return Bad("the body is empty; a JSON object is expected");
    if (text_[at_] != '{') return Bad("the body must be a JSON object");
    if (Document()) return std::move(result_);
    if (result_.error.empty()) {
      result_.error = "the body is not valid JSON: unexpected input at byte " + std::to_string(at_);
    }
    return std::move(result_);
  }

 private:
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kCommaOrEnd };
  enum class Member { kOther, kModel, kTimeout };  // of the top level

  BodyModel Bad(std::string message) {
    result_.error = std::move(message);
    return std::move(result_);
  }

  bool Document() {
    Expect expect = Expect::kValue;
    do {
      SkipSpace();
      if (at_ == text_.size()) return false;
      if (!Token(text_[at_], expect)) return false;
    } while (depth_ > 0);
    SkipSpace();
    return at_ == text_.size();
  }

  bool Token(char c, Expect& expect) {
    if (expect == Expect::kCommaOrEnd) {
      if (c != ',') return Close(c, expect);
      ++at_;
      expect = InObject() ? Expect::kKey : Expect::kValue;
      return true;
    }
    if (expect == Expect::kKey || expect == Expect::kKeyOrEnd) {
      if (c == '}' && expect == Expect::kKeyOrEnd) return Close(c, expect);
      return c == '"' && Key(expect);
    }
    if (c == ']' && expect == Expect::kValueOrEnd) return Close(c, expect);
    return Value(c, expect);
  }

  bool Value(char c, Expect& expect) {
    const Member member = std::exchange(next_, Member::kOther);
    if (member == Member::kModel && c != '"') return Wrong("model", "\"model\" must be a string");
    if (member == Member::kTimeout) return Timeout(c, expect);
    if (c == '{' || c == '[') return Open(c, expect);
    expect = Expect::kCommaOrEnd;
    if (c != '"') return IsNumber(c) ? Number() : Literal();
    std::string_view raw;
    if (!String(&raw)) return false;
    return member != Member::kModel || Model(raw);
  }

  bool Model(std::string_view raw) {
    std::string decoded;
    if (!Decode(raw, &decoded)) return Wrong("model", "\"model\" is not a valid string");
    result_.model = std::move(decoded);
    return true;
  }

  bool Timeout(char c, Expect& expect) {
    expect = Expect::kCommaOrEnd;
    if (c == 'n') return Literal();
    const std::size_t begin = at_;
    if (IsNumber(c) && !Number()) return false;
    const std::string_view text = text_.substr(begin, at_ - begin);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || value < 1 || value > kMaxDeadlineMs) {
      return Wrong("timeout_ms", "\"timeout_ms\" must be a whole number from 1 to " + std::to_string(kMaxDeadlineMs));
    }
    result_.timeout_ms = value;
    return true;
  }

  bool Wrong(std::string param, std::string message) {
    result_.error = std::move(message);
    result_.param = std::move(param);
    return false;
  }

  bool Open(char c, Expect& expect) {
    if (depth_ == kMaxJsonDepth) {
      result_.error = "the body is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
      return false;
    }
    objects_[depth_++] = c == '{';
    expect = c == '{' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
    ++at_;
    return true;
  }

  bool Close(char c, Expect& expect) {
    if (c != (InObject() ? '}' : ']')) return false;
    ++at_;
    --depth_;
    expect = Expect::kCommaOrEnd;
    return true;
  }

  bool Key(Expect& expect) {
    std::string_view raw;
    if (!String(&raw)) return false;
    SkipSpace();
    if (at_ == text_.size() || text_[at_] != ':') return false;
    ++at_;
    expect = Expect::kValue;
    return depth_ > 1 || TopLevelKey(raw);
  }

  bool TopLevelKey(std::string_view raw) {
    std::string decoded;
    // "mod\u0065l" is the same key to the worker.
    if (!Decode(raw, &decoded)) return false;
    if (decoded == "model") return Once(Member::kModel, seen_model_, decoded);
    if (decoded == "timeout_ms") return Once(Member::kTimeout, seen_timeout_, decoded);
    return true;
  }

  bool Once(Member member, bool& seen, const std::string& key) {
    if (seen) return Wrong(key, "\"" + key + "\" occurs twice");
    seen = true;
    next_ = member;
    return true;
  }

  // `raw`: what is between the quotes.
  bool String(std::string_view* raw) {
    const std::size_t begin = ++at_;
    for (;; ++at_) {
      at_ = plain_.EndFrom(at_);
      if (at_ == text_.size()) return false;
      const char c = text_[at_];
      if (c == '"') {
        *raw = text_.substr(begin, at_++ - begin);
        return true;
      }
      if (c != '\\' || !Escape()) return false;
    }
  }

  // Leaves at_ on the escape's last character.
  bool Escape() {
    if (++at_ >= text_.size()) return false;
    if (text_[at_] != 'u') return IsEscaped(text_[at_]);
    for (int i = 0; i < 4; ++i) {
      ++at_;
      if (at_ >= text_.size() || !IsHex(text_[at_])) return false;
    }
    return true;
  }

  bool Number() {
    if (text_[at_] == '-') ++at_;
    if (at_ < text_.size() && text_[at_] == '0') {
      ++at_;
    } else if (!Digits()) {
      return false;
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      if (!Digits()) return false;
    }
    if (at_ >= text_.size() || (text_[at_] | 0x20) != 'e') return true;
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    return Digits();
  }

  bool Digits() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > begin;
  }

  bool Literal() {
    for (std::string_view word : {"true", "false", "null"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return true;
    }
    return false;
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  static bool IsNumber(char c) { return c == '-' || (c >= '0' && c <= '9'); }
  static bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  static bool IsEscaped(char c) {
    switch (c) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't': return true;
      default: return false;
    }
  }
  static bool IsHex(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
  }

  static bool Decode(std::string_view raw, std::string* decoded) {
    if (raw.find('\\') == std::string_view::npos) {
      *decoded = raw;
      return true;
    }
    std::string quoted = "\"";
    quoted.append(raw).append("\"");
    const auto value = nlohmann::json::parse(quoted, nullptr, false);
    if (!value.is_string()) return false;
    *decoded = value.get<std::string>();
    return true;
  }

  bool InObject() const { return objects_[depth_ - 1]; }

  std::string_view text_;
  PlainText plain_;
  std::size_t at_ = 0;
  std::bitset<kMaxJsonDepth> objects_;
  int depth_ = 0;
  bool seen_model_ = false;
  bool seen_timeout_ = false;
  Member next_ = Member::kOther;
  BodyModel result_;
};

}  // namespace

BodyModel ReadBodyModel(std::string_view body) { return Scanner(body).Run(); }

}  // namespace berth::route
