#include "config/value.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "config/address.h"
#include "config/expand.h"
#include "supervisor/base/suggest.h"

namespace berth::config {
namespace {

Result<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || rest != end) return Invalid("expected a whole number, got ", Quoted(text));
  return number;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// "5 in 10m"
Result<Value> ParseRate(std::string_view text) {
  const Error wrong = Invalid("expected a count in a time such as 5 in 10m, got ", Quoted(text));
  const std::size_t in = text.find(" in ");
  if (in == std::string_view::npos) return wrong;
  const Result<std::int64_t> count = ParseInteger(text.substr(0, in));
  const Result<Duration> window = ParseDuration(text.substr(in + 4));
  if (!count || !window || *window == Duration::zero()) return wrong;
  Value value;
  value.number = *count;
  value.time = *window;
  return value;
}

// Reads the nodes of one key; every message begins with the key's label.
class Reader {
 public:
  Reader(const Key& key, const std::string& label, Reading& reading)
      : key_(key), label_(label), reading_(reading) {}

  std::optional<Value> Read(const Node& node) {
    switch (key_.type) {
      case Type::kChoices: return ReadList(node, std::string("[").append(Join(Choices(key_))).append("]"));
      case Type::kNames: return ReadList(node, key_.example.empty() ? "[a, b]" : std::string(key_.example));
      case Type::kGroups: return ReadGroups(node);
      case Type::kTimeRange: return ReadRange(node);
      default: return ReadScalar(node);
    }
  }

 private:
  std::nullopt_t Wrong(const Node& at, std::string_view what) {
    reading_.complaints.Add(at.line, at.column, label_ + ": " + std::string(what));
    return std::nullopt;
  }
  std::nullopt_t Wrong(const Node& at, const Error& error) { return Wrong(at, error.message); }

  std::string Expected() const {
    switch (key_.type) {
      case Type::kSize: return "expected a size such as 2GiB";
      case Type::kTime: return "expected a time such as 10ms";
      case Type::kTimeRange: return "expected [least, most] such as " + std::string(key_.preset);
      case Type::kChoice: return "expected one of " + Join(Choices(key_));
      case Type::kAddress: return "expected host:port such as 127.0.0.1:8080";
      case Type::kRate: return "expected a count in a time such as " + std::string(key_.preset);
      case Type::kInteger:
        return (key_.least == key_.most ? "expected " : "expected a whole number, ") + BoundsText(key_);
      default: return "expected " + std::string(TypeName(key_.type));
    }
  }

  // The scalar's text, variables expanded.
  std::optional<std::string> Text(const Node& node, const std::string& expected) {
    switch (node.type) {
      case Node::Type::kNull: return Wrong(node, expected + "; got nothing");
      case Node::Type::kList: return Wrong(node, expected + "; got a list");
      case Node::Type::kMap: return Wrong(node, expected + "; got a section");
      case Node::Type::kScalar: break;
    }
    Result<std::string> text = Expand(node.text, reading_.host.getenv);
    if (!text) return Wrong(node, text.error());
    return std::move(*text);
  }

  std::optional<Value> ReadScalar(const Node& node) {
    const std::optional<std::string> text = Text(node, Expected());
    if (!text) return std::nullopt;
    Result<Value> value = Interpret(*text);
    if (!value) return Wrong(node, value.error());
    if (!InBounds(*value)) {
      return Wrong(node, *text + " is out of range: expected " + BoundsText(key_));
    }
    return std::move(*value);
  }

  Result<Value> Interpret(const std::string& text) const {
    Value value;
    const auto keep = [&value](auto&& result, auto& field) -> Result<Value> {
      if (!result) return result.error();
      field = *result;
      return value;
    };
    switch (key_.type) {
      case Type::kFlag: return keep(Flag(text), value.flag);
      case Type::kInteger:
        if (!ParseInteger(text)) return Invalid(Expected(), "; got ", Quoted(text));
        return keep(ParseInteger(text), value.number);
      case Type::kSize: return keep(ParseBytes(text), value.bytes);
      case Type::kTime: return keep(ParseDuration(text), value.time);
      case Type::kText: return keep(Word(text), value.text);
      case Type::kPath: return keep(Path(text), value.path);
      case Type::kAddress: return keep(ParseAddress(text), value.address);
      case Type::kChoice: return keep(Choice(text), value.text);
      case Type::kRate: return ParseRate(text);
      default: throw std::logic_error("a list was read as a scalar: " + label_);
    }
  }

  static Result<bool> Flag(const std::string& text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return Invalid("expected true or false, got ", Quoted(text));
  }

  static Result<std::string> Word(const std::string& text) {
    const auto fits = [](char c) { return c > ' ' && c < 0x7f; };
    if (!text.empty() && text.size() <= 128 && std::ranges::all_of(text, fits)) return text;
    return Invalid("expected a word of at most 128 visible ASCII characters, got ", Quoted(text));
  }

  Result<std::string> Choice(const std::string& text) const {
    const std::vector<std::string> choices = Choices(key_);
    if (std::ranges::find(choices, text) != choices.end()) return text;
    const std::string near = Nearest(text, choices);
    return Invalid("expected one of ", Join(choices), "; got ", Quoted(text),
                   near.empty() ? "" : "; did you mean " + near + "?");
  }

  Result<std::filesystem::path> Path(const std::string& text) const {
    if (text.empty()) return Invalid("expected a path, got \"\"");
    if (text.find('\0') != std::string::npos) return Invalid("a path cannot hold a NUL byte");
    if (text == "~" || text.starts_with("~/")) {
      return Invalid("a plan does not expand ~; write ${HOME}", text.substr(1));
    }
    return (reading_.folder / text).lexically_normal();
  }

  bool InBounds(const Value& value) const {
    if (key_.least.empty()) return true;
    switch (key_.type) {
      case Type::kInteger:
      case Type::kRate: return Within(value.number, ParseInteger);
      case Type::kSize: return Within(value.bytes, ParseBytes);
      case Type::kTime: return Within(value.time, ParseDuration);
      default: return Within(value.time, ParseDuration) && Within(value.time_most, ParseDuration);
    }
  }
  template <class T, class Parser>
  bool Within(T value, Parser parse) const {
    return value >= parse(key_.least).value() && value <= parse(key_.most).value();
  }

  std::optional<Value> ReadList(const Node& node, const std::string& example) {
    if (node.type != Node::Type::kList) {
      const std::string got = node.type == Node::Type::kScalar ? Quoted(node.text)
                              : node.type == Node::Type::kMap  ? "a section"
                                                               : "nothing";
      return Wrong(node, "expected a list such as " + example + ", got " + got);
    }
    Value value;
    for (const Node& item : node.items) ReadItem(item, value.items);
    if (value.items.empty() && !node.items.empty()) return std::nullopt;
    return value;  // without its bad entries, so that the cross checks see the good ones
  }

  void ReadItem(const Node& item, std::vector<Item>& items) {
    const bool choices = key_.type == Type::kChoices;
    const std::string expected = choices ? "expected one of " + Join(Choices(key_)) : "expected a name";
    std::optional<std::string> text = Text(item, expected);
    if (!text) return;
    const Result<std::string> choice = choices ? Choice(*text) : Result<std::string>(*text);
    if (!choice) {
      Wrong(item, choice.error());
    } else if (std::ranges::find(items, *text, &Item::text) != items.end()) {
      Wrong(item, Quoted(*text) + " is listed twice");
    } else {
      items.push_back({std::move(*text), item.line, item.column});
    }
  }

  std::optional<Value> ReadGroups(const Node& node) {
    constexpr std::string_view kExample = "expected lists of at least two names, such as [[a, b]]";
    if (node.type != Node::Type::kList) return Wrong(node, kExample);
    Value value;
    for (const Node& group : node.items) {
      std::vector<Item> items;
      if (group.type != Node::Type::kList || group.items.size() < 2) {
        Wrong(group, kExample);
        continue;
      }
      for (const Node& item : group.items) ReadItem(item, items);
      value.groups.push_back(std::move(items));
    }
    return value;  // without its bad entries, so that the cross checks see the good ones
  }

  std::optional<Value> ReadRange(const Node& node) {
    if (node.type != Node::Type::kList || node.items.size() != 2) {
      return Wrong(node, Expected());
    }
    const std::optional<Duration> least = ReadTime(node.items[0]);
    const std::optional<Duration> most = ReadTime(node.items[1]);
    if (!least || !most) return std::nullopt;
    if (*least > *most) {
      return Wrong(node, "the first wait, " + FormatDuration(*least) + ", is longer than the longest, " +
                             FormatDuration(*most) + "; expected [least, most]");
    }
    Value value;
    value.time = *least;
    value.time_most = *most;
    return value;
  }

  std::optional<Duration> ReadTime(const Node& node) {
    const std::optional<std::string> text = Text(node, "expected a time such as 10ms");
    if (!text) return std::nullopt;
    const Result<Duration> time = ParseDuration(*text);
    if (!time) return Wrong(node, time.error());
    if (!Within(*time, ParseDuration)) return Wrong(node, *text + " is out of range: expected " + BoundsText(key_));
    return *time;
  }

  const Key& key_;
  const std::string& label_;
  Reading& reading_;
};

}  // namespace

std::optional<Value> ReadValue(const Key& key, const Node& node, const std::string& label, Reading& reading) {
  return Reader(key, label, reading).Read(node);
}

Value PresetOf(const Key& key) {
  const Host nobody{{}, 1, {}, [](const std::string&) { return std::nullopt; }};
  Complaints complaints;
  Reading reading{nobody, {}, complaints};
  const std::variant<Node, Mistake> node = ParseDocument(key.preset);
  std::optional<Value> value;
  if (const Node* tree = std::get_if<Node>(&node)) value = ReadValue(key, *tree, std::string(key.path), reading);
  if (!value) throw std::logic_error("the default of " + std::string(key.path) + " cannot be read");
  for (Item& item : value->items) item.line = item.column = 0;
  return std::move(*value);
}

}  // namespace berth::config
