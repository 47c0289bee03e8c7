// Python's ==, <, in, truth and hash over values.
#pragma once

#include <compare>
#include <cstddef>
#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

bool Truthy(const Value& value);
bool Equal(const Value& a, const Value& b);

// a < b, for sorting and the operators. Throws where Python has no order between the two types; `op` is named then.
bool Less(const Value& a, const Value& b, const char* op = "<");

// `item in container`. Strings search strings alone, mappings their keys.
bool Contains(Interpreter& in, const Value& container, const Value& item);

// Equal values have equal hashes: 1, 1.0 and true are one key. Throws for lists and mappings, which are no keys.
std::size_t Hash(const Value& value);
std::size_t HashText(std::string_view text);

}  // namespace berth::jinja
