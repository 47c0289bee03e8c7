// Arguments of the functions, filters and tests that come with the language, by position or by name.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

// Throws where there are too many, one is given twice or has an unknown name, or one of the first `required` is missing.
// Refers to `arguments`: lives on the stack of the function that was called.
class Bound {
 public:
  Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> names,
        std::size_t required = 0);

  // Null where it was not given.
  const Value* Find(std::size_t index) const { return values_[index]; }
  const Value& At(std::size_t index) const { return *values_[index]; }  // of those that are required

  // With the type that Python would want, else an error; an absent one is the fallback.
  std::int64_t Integer(std::size_t index, std::int64_t fallback = 0) const;
  std::optional<std::string_view> Text(std::size_t index) const;  // absent, too, where none is given
  bool Flag(std::size_t index, bool fallback) const;              // whatever Python takes for true

 private:
  static constexpr std::size_t kMost = 8;
  [[noreturn]] void FailType(std::size_t index, const char* wanted) const;

  std::string_view function_;
  std::string_view names_[kMost];  // copied: the list lives no longer than the call that made it
  const Value* values_[kMost] = {};
};

}  // namespace berth::jinja
