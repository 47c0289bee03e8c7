#include "worker/jinja/iterate.h"

#include "worker/jinja/interpreter.h"
#include "worker/text/utf8.h"

namespace berth::jinja {

bool IsIterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kSequence:
    case Kind::kMapping: return true;
    case Kind::kObject: return value.object().iterable();
    default: return false;
  }
}

Iterator::Iterator(Interpreter& in, Value over) : in_(&in), over_(std::move(over)) {
  if (!IsIterable(over_)) Fail("'" + TypeName(over_) + "' object is not iterable");
}

std::optional<Value> Iterator::NextCharacter() {
  const std::string& bytes = over_.bytes();
  if (at_ >= bytes.size()) return std::nullopt;
  const std::size_t begin = at_;
  text::DecodeAt(bytes, at_);
  return in_->Text(bytes.substr(begin, at_ - begin));  // of Markup, too, plain characters
}

std::optional<Value> Iterator::Next() {
  in_->heap().Step();
  switch (over_.kind()) {
    case Kind::kString: return NextCharacter();
    case Kind::kSequence:
      if (at_ >= over_.sequence().items.size()) return std::nullopt;
      return over_.sequence().items[at_++];
    case Kind::kMapping:
      if (at_ >= over_.mapping().entries.size()) return std::nullopt;
      return over_.mapping().entries[at_++].first;
    case Kind::kObject: return over_.object().Next(*in_);
    default: return std::nullopt;
  }
}

std::vector<Value> ToVector(Interpreter& in, const Value& value) {
  std::vector<Value> items;
  if (value.is(Kind::kSequence)) in.heap().Foresee(value.sequence().items.size() * sizeof(Value));
  Iterator each(in, value);
  while (auto item = each.Next()) {
    if (items.size() % 1024 == 1023) in.heap().Foresee(items.size() * sizeof(Value));
    items.push_back(std::move(*item));
  }
  return items;
}

std::optional<std::int64_t> LengthIfKnown(Interpreter& in, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 0;
    case Kind::kString: return static_cast<std::int64_t>(value.text().points);
    case Kind::kSequence: return static_cast<std::int64_t>(value.sequence().items.size());
    case Kind::kMapping: return static_cast<std::int64_t>(value.mapping().entries.size());
    case Kind::kObject: return value.object().Length(in);
    default: return std::nullopt;
  }
}

std::int64_t Length(Interpreter& in, const Value& value) {
  const auto length = LengthIfKnown(in, value);
  if (!length) Fail("object of type '" + TypeName(value) + "' has no length" +
                    (value.is(Kind::kObject) ? "; put |list before" : ""));
  return *length;
}

std::optional<Value> Generator::Next(Interpreter& in) {
  if (!next_) return std::nullopt;
  const Nesting deeper(in.heap());  // generators can stand on generators
  auto item = next_(in);
  if (!item) next_ = nullptr;
  return item;
}

}  // namespace berth::jinja
