#include "supervisor/route/body_model.h"

#include <bitset>
#include <nlohmann/json.hpp>

namespace berth::route {
namespace {

// A validating scanner of RFC 8259. Containers are a stack of bits: true is an object.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

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
      if (c == ',') return ++at_, expect = InObject() ? Expect::kKey : Expect::kValue, true;
      return Close(c, expect);
    }
    if (expect == Expect::kKey || expect == Expect::kKeyOrEnd) {
      if (c == '}' && expect == Expect::kKeyOrEnd) return Close(c, expect);
      return c == '"' && Key(expect);
    }
    if (c == ']' && expect == Expect::kValueOrEnd) return Close(c, expect);
    return Value(c, expect);
  }

  bool Value(char c, Expect& expect) {
    const bool is_model = std::exchange(model_next_, false);
    if (is_model && c != '"') return BadModel("\"model\" must be a string");
    if (c == '{' || c == '[') return Open(c, expect);
    expect = Expect::kCommaOrEnd;
    if (c != '"') return c == '-' || (c >= '0' && c <= '9') ? Number() : Literal();
    std::string_view raw;
    if (!String(&raw)) return false;
    if (!is_model) return true;
    std::string decoded;
    if (!Decode(raw, &decoded)) return BadModel("\"model\" is not a valid string");
    result_.model = std::move(decoded);
    return true;
  }

  bool BadModel(std::string message) {
    result_.error = std::move(message);
    result_.param = "model";
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
    if (decoded != "model") return true;
    if (seen_) return BadModel("\"model\" occurs twice");
    seen_ = model_next_ = true;
    return true;
  }

  // `raw`: what is between the quotes.
  bool String(std::string_view* raw) {
    const std::size_t begin = ++at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        *raw = text_.substr(begin, at_++ - begin);
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }

  // Leaves at_ on the escape's last character.
  bool Escape() {
    if (++at_ >= text_.size()) return false;
    if (text_[at_] != 'u') return std::string_view("\"\\/bfnrt").find(text_[at_]) != std::string_view::npos;
    for (int i = 0; i < 4; ++i) {
      if (++at_ >= text_.size() || !IsHex(text_[at_])) return false;
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
    if (at_ < text_.size() && text_[at_] == '.' && (++at_, !Digits())) return false;
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
      if (text_.substr(at_, word.size()) == word) return at_ += word.size(), true;
    }
    return false;
  }

  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
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
  std::size_t at_ = 0;
  std::bitset<kMaxJsonDepth> objects_;
  int depth_ = 0;
  bool seen_ = false;
  bool model_next_ = false;
  BodyModel result_;
};

}  // namespace

BodyModel ReadBodyModel(std::string_view body) { return Scanner(body).Run(); }

}  // namespace berth::route
