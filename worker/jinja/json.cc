#include "worker/jinja/json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "worker/jinja/compare.h"
#include "worker/jinja/print.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

using Json = nlohmann::ordered_json;

Value FromJsonAt(Heap* heap, const Json& json, int depth);

Value ListFrom(Heap* heap, const Json& json, int depth) {
  std::vector<Value> items;
  items.reserve(json.size());
  for (const Json& item : json) items.push_back(FromJsonAt(heap, item, depth + 1));
  return MakeSequence(heap, std::move(items));
}

Value MappingFrom(Heap* heap, const Json& json, int depth) {
  Mapping::Entries entries;
  entries.reserve(json.size());
  for (const auto& [key, value] : json.items()) {
    entries.emplace_back(MakeText(heap, key), FromJsonAt(heap, value, depth + 1));
  }
  return MakeMapping(heap, std::move(entries));
}

Value IntegerFrom(const Json& json) {
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX) {
    Fail("the number " + json.dump() + " is more than 64 bits hold");
  }
  return json.get<std::int64_t>();
}

Value FromJsonAt(Heap* heap, const Json& json, int depth) {
  if (depth > kMostValueDepth) FailLimit("values nest deeper than " + std::to_string(kMostValueDepth) + " levels");
  switch (json.type()) {
    case Json::value_t::boolean: return json.get<bool>();
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: return IntegerFrom(json);
    case Json::value_t::number_float: return json.get<double>();
    case Json::value_t::string: return MakeText(heap, json.get_ref<const std::string&>());
    case Json::value_t::array: return ListFrom(heap, json, depth);
    case Json::value_t::object: return MappingFrom(heap, json, depth);
    default: return None{};
  }
}

class Writer {
 public:
  Writer(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  void Write(const Value& value) {
    heap_.Step();
    if (out_.size() > noted_ + 65536) heap_.Foresee(noted_ = out_.size());
    switch (value.kind()) {
      case Kind::kNone: out_ += "null"; return;
      case Kind::kBool: out_ += value.boolean() ? "true" : "false"; return;
      case Kind::kInteger: out_ += std::to_string(value.integer()); return;
      case Kind::kFloat: out_ += Number(value.number()); return;
      case Kind::kString: return WriteText(value.bytes());
      case Kind::kSequence:
        if (value.sequence().shape <= Shape::kGroup) return WriteList(value.sequence());
        break;
      case Kind::kMapping: return WriteMapping(value.mapping());
      default: break;
    }
    if (value.is_undefined()) Fail(UndefinedMessage(value.undefined()) + ", and undefined is no JSON");
    Fail("an object of type " + TypeName(value) + " is no JSON");
  }

  std::string Take() { return std::move(out_); }

 private:
  static std::string Number(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return FloatText(number);
  }

  void WriteText(const std::string& utf8) {
    out_ += '"';
    for (std::size_t at = 0; at < utf8.size();) WritePoint(text::DecodeAt(utf8, at));
    out_ += '"';
  }

  void WritePoint(char32_t point) {
    switch (point) {
      case '"': out_ += "\\\""; return;
      case '\\': out_ += "\\\\"; return;
      case '\n': out_ += "\\n"; return;
      case '\r': out_ += "\\r"; return;
      case '\t': out_ += "\\t"; return;
      case '\b': out_ += "\\b"; return;
      case '\f': out_ += "\\f"; return;
      default: break;
    }
    const bool escape = point < 0x20 || (style_.ensure_ascii && point >= 0x7F);
    if (!escape) return text::Append(out_, point);
    if (point < 0x10000) return WriteUnit(point);
    WriteUnit(0xD800 + ((point - 0x10000) >> 10));
    WriteUnit(0xDC00 + ((point - 0x10000) & 0x3FF));
  }

  void WriteUnit(char32_t unit) {
    static constexpr char kDigits[] = "0123456789abcdef";
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out_ += kDigits[(unit >> shift) & 15];
  }

  void BreakLine() {
    if (!style_.indent) return;
    out_ += '\n';
    for (int i = 0; i < depth_; ++i) out_ += *style_.indent;
  }

  void Separate(bool first) {
    if (!first) out_ += style_.item_separator;
    BreakLine();
  }

  void WriteList(const Sequence& sequence) {
    out_ += '[';
    ++depth_;
    bool first = true;
    for (const Value& item : sequence.items) {
      Separate(std::exchange(first, false));
      Write(item);
    }
    --depth_;
    if (!first) BreakLine();
    out_ += ']';
  }

  // Keys as json.dumps makes texts of them.
  std::string KeyText(const Value& key) {
    switch (key.kind()) {
      case Kind::kString: return key.bytes();
      case Kind::kNone: return "null";
      case Kind::kBool: return key.boolean() ? "true" : "false";
      case Kind::kInteger: return std::to_string(key.integer());
      case Kind::kFloat: return Number(key.number());
      default: Fail("a key of type " + TypeName(key) + " is no JSON");
    }
  }

  void WriteMapping(const Mapping& mapping) {
    std::vector<const std::pair<Value, Value>*> entries;
    for (const auto& entry : mapping.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::ranges::stable_sort(entries, [](const auto* a, const auto* b) { return Less(a->first, b->first); });
    }
    out_ += '{';
    ++depth_;
    bool first = true;
    for (const auto* entry : entries) {
      Separate(std::exchange(first, false));
      WriteText(KeyText(entry->first));
      out_ += style_.key_separator;
      Write(entry->second);
    }
    --depth_;
    if (!first) BreakLine();
    out_ += '}';
  }

  Heap& heap_;
  const JsonStyle& style_;
  std::string out_;
  std::size_t noted_ = 0;
  int depth_ = 0;
};

}  // namespace

Value FromJson(Heap* heap, const Json& json) { return FromJsonAt(heap, json, 0); }

std::string ToJson(Heap& heap, const Value& value, const JsonStyle& style) {
  Writer writer(heap, style);
  writer.Write(value);
  return writer.Take();
}

}  // namespace berth::jinja
