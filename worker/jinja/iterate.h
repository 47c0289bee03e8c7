// Walking through what a template can loop over.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "worker/jinja/value.h"

namespace berth::jinja {

// Items one by one: of sequences, characters of strings, keys of mappings, what generators make. Nothing of undefined.
class Iterator {
 public:
  Iterator(Interpreter& in, Value over);  // throws where nothing can be iterated
  std::optional<Value> Next();

 private:
  std::optional<Value> NextCharacter();

  Interpreter* in_;
  Value over_;
  std::size_t at_ = 0;
};

bool IsIterable(const Value& value);
std::vector<Value> ToVector(Interpreter& in, const Value& value);

// Python's len(); throws for what has none.
std::int64_t Length(Interpreter& in, const Value& value);
std::optional<std::int64_t> LengthIfKnown(Interpreter& in, const Value& value);

// Items that are made when they are asked for, once.
class Generator final : public Object {
 public:
  using Source = std::function<std::optional<Value>(Interpreter&)>;
  Generator(Heap* heap, Source next) : Object(heap), next_(std::move(next)) {}
  std::string_view type() const override { return "generator"; }
  bool iterable() const override { return true; }
  std::optional<Value> Next(Interpreter& in) override;
  void Drop() override { next_ = nullptr; }

 private:
  Source next_;
};

}  // namespace berth::jinja
