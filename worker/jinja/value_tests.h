// The tests: `value is name(arguments)`.
#pragma once

#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

using TestFunction = bool (*)(Interpreter& in, const Value& value, const Arguments& arguments);

// Null where there is none of that name.
const TestFunction* FindTest(std::string_view name);

}  // namespace berth::jinja
