// The values that templates compute with: Python's, as far as templates meet them. Small, cheap to copy, immutable but
// for objects (namespaces, loops, generators). A container knows how deep it nests, so that neither printing nor
// destroying it runs out of stack. Not shared between threads while a template runs, except for constants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "worker/jinja/heap.h"

namespace berth::jinja {

class Value;
class Interpreter;

inline constexpr int kMostValueDepth = 200;  // containers inside each other

struct Text {
  Text(Heap* heap, std::string utf8, bool is_markup);

  std::string bytes;   // valid UTF-8
  std::size_t points;  // how many characters
  bool markup;         // Python's Markup: escapes what is added to it
  Charge charge;

  bool ascii() const { return points == bytes.size(); }
};

// Everything of Python's that is iterated in a fixed order and knows its length.
enum class Shape { kList, kTuple, kGroup, kRange, kKeys, kValues, kItems };

struct Sequence {
  Sequence(Heap* heap, std::vector<Value> values, Shape form);

  std::vector<Value> items;
  Shape shape;
  std::string range;  // how a range is written, "range(0, 3)"
  int depth;
  Charge charge;

  bool indexable() const { return shape < Shape::kKeys; }
};

struct Mapping {
  using Entries = std::vector<std::pair<Value, Value>>;
  // Of equal keys the first stays, with the last's value. Throws on a key that cannot be one.
  Mapping(Heap* heap, Entries given);

  const Value* Find(const Value& key) const;  // throws on what cannot be a key
  const Value* Find(std::string_view key) const;

  Entries entries;  // in order of insertion
  int depth;
  Charge charge;

 private:
  const Value* FindHashed(std::size_t hash, const Value& key) const;
  std::unordered_multimap<std::size_t, std::size_t> index_;  // of large mappings: hash -> entry
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// What has behaviour: callables, generators, namespaces, loops. The interpreter keeps every object that may hold another
// and drops their contents when it ends, so that references in a circle go, too.
class Object : public std::enable_shared_from_this<Object> {
 public:
  explicit Object(Heap* heap, std::size_t bytes = 256) : charge_(heap, bytes) {}
  virtual ~Object() = default;
  virtual std::string_view type() const = 0;  // Python's name of its class
  // `depth`: inside how many other values it is written.
  virtual std::string Repr(int /*depth*/) const { return "<" + std::string(type()) + ">"; }
  virtual std::optional<Value> Attribute(Interpreter&, std::string_view name);
  virtual bool callable() const { return false; }
  virtual Value Call(Interpreter&, Arguments);
  virtual bool iterable() const { return false; }
  virtual std::optional<Value> Next(Interpreter&);  // where iterable
  virtual std::optional<std::int64_t> Length(Interpreter&);
  virtual void Drop() {}

 private:
  Charge charge_;
};

// A name or attribute that is not there. Keeps what an error about it says.
struct Undefined {
  std::shared_ptr<const std::string> name;  // null where `why` says it all
  const char* holder = nullptr;             // the type that lacks the attribute; null: a variable
  const char* why = nullptr;
};

struct None {};

enum class Kind { kUndefined, kNone, kBool, kInteger, kFloat, kString, kSequence, kMapping, kObject };

class Value {
 public:
  Value() = default;  // undefined
  Value(None) : what_(None{}) {}
  Value(bool value) : what_(value) {}
  Value(std::int64_t value) : what_(value) {}
  Value(double value) : what_(value) {}
  Value(Undefined value) : what_(std::move(value)) {}
  Value(std::shared_ptr<const Text> text) : what_(std::move(text)) {}
  Value(std::shared_ptr<const Sequence> sequence) : what_(std::move(sequence)) {}
  Value(std::shared_ptr<const Mapping> mapping) : what_(std::move(mapping)) {}
  Value(std::shared_ptr<Object> object) : what_(std::move(object)) {}
  Value(const void*) = delete;  // no pointer is a bool

  static Value Missing(const char* why) { return Undefined{nullptr, nullptr, why}; }

  Kind kind() const { return static_cast<Kind>(what_.index()); }
  bool is(Kind kind_asked) const { return kind() == kind_asked; }
  bool is_undefined() const { return is(Kind::kUndefined); }
  bool is_none() const { return is(Kind::kNone); }
  bool is_string() const { return is(Kind::kString); }
  bool is_number() const { return is(Kind::kBool) || is(Kind::kInteger) || is(Kind::kFloat); }
  bool is_integral() const { return is(Kind::kBool) || is(Kind::kInteger); }  // Python's bool is an int

  // Each needs the kind that it names.
  bool boolean() const { return std::get<bool>(what_); }
  std::int64_t integer() const { return is(Kind::kBool) ? boolean() : std::get<std::int64_t>(what_); }
  double number() const { return is(Kind::kFloat) ? std::get<double>(what_) : static_cast<double>(integer()); }
  const Text& text() const { return *std::get<std::shared_ptr<const Text>>(what_); }
  const std::string& bytes() const { return text().bytes; }
  const Sequence& sequence() const { return *std::get<std::shared_ptr<const Sequence>>(what_); }
  const Mapping& mapping() const { return *std::get<std::shared_ptr<const Mapping>>(what_); }
  Object& object() const { return *std::get<std::shared_ptr<Object>>(what_); }
  const std::shared_ptr<Object>& shared_object() const { return std::get<std::shared_ptr<Object>>(what_); }
  const Undefined& undefined() const { return std::get<Undefined>(what_); }

  const void* identity() const;  // of what is shared; null for numbers and the like
  int depth() const;             // 0 for what is no container

 private:
  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const Text>,
               std::shared_ptr<const Sequence>, std::shared_ptr<const Mapping>, std::shared_ptr<Object>>
      what_;
};

// Makers. `heap` may be null for what belongs to the template itself.
Value MakeText(Heap* heap, std::string bytes, bool markup = false);
Value MakeSequence(Heap* heap, std::vector<Value> items, Shape shape = Shape::kList);
Value MakeMapping(Heap* heap, Mapping::Entries entries);

// Python's name of a value's type: "str", "list", "dict", …
std::string TypeName(const Value& value);

// "'x' is undefined", "'dict' has no attribute 'x'"; throws it.
std::string UndefinedMessage(const Undefined& undefined);
[[noreturn]] void FailUndefined(const Undefined& undefined);

}  // namespace berth::jinja
