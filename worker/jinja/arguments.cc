#include "worker/jinja/arguments.h"

#include <algorithm>

#include "worker/jinja/compare.h"

namespace berth::jinja {

Bound::Bound(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> names,
             std::size_t required)
    : function_(function) {
  std::ranges::copy(names, names_);
  const std::string who(function);
  if (arguments.positional.size() > names.size()) {
    Fail(who + " takes at most " + std::to_string(names.size()) + " arguments, not " +
         std::to_string(arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto* found = std::ranges::find(names, name);
    if (found == names.end()) Fail(who + " has no argument \"" + name + "\"");
    const Value*& place = values_[found - names.begin()];
    if (place != nullptr) Fail(who + " is given the argument \"" + name + "\" twice");
    place = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (values_[i] == nullptr) Fail(who + " needs the argument \"" + std::string(names.begin()[i]) + "\"");
  }
}

void Bound::FailType(std::size_t index, const char* wanted) const {
  Fail(std::string(function_) + ": the argument \"" + std::string(names_[index]) + "\" must be " + wanted +
       ", not '" + TypeName(*values_[index]) + "'");
}

std::int64_t Bound::Integer(std::size_t index, std::int64_t fallback) const {
  if (values_[index] == nullptr) return fallback;
  if (!values_[index]->is_integral()) FailType(index, "an integer");
  return values_[index]->integer();
}

std::optional<std::string_view> Bound::Text(std::size_t index) const {
  if (values_[index] == nullptr || values_[index]->is_none()) return std::nullopt;
  if (!values_[index]->is_string()) FailType(index, "a string");
  return values_[index]->bytes();
}

bool Bound::Flag(std::size_t index, bool fallback) const {
  return values_[index] == nullptr ? fallback : Truthy(*values_[index]);
}

}  // namespace berth::jinja
