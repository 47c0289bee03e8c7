// What stands behind a dot or in brackets, as the sandboxed environment finds it: attributes of the language's own types
// first after a dot, items first in brackets; undefined where there is neither. Nothing that would change a value or
// reach into Python is there.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "worker/jinja/methods.h"
#include "worker/jinja/value.h"

namespace berth::jinja {

Value GetAttribute(Interpreter& in, const Value& object, const std::shared_ptr<const std::string>& name);
// An attribute in Python's sense; absent where the type has none of that name.
std::optional<Value> FindAttribute(Interpreter& in, const Value& object, std::string_view name);
Value GetItem(Interpreter& in, const Value& object, const Value& key);

// object[begin:end:step]; none for what is left out.
Value GetSlice(Interpreter& in, const Value& object, const Value& begin, const Value& end, const Value& step);

// "a.b.0" of an object, as the filters' `attribute` argument means it: items before attributes, numbers as indices.
Value GetPath(Interpreter& in, const Value& object, const Value& path);

}  // namespace berth::jinja
