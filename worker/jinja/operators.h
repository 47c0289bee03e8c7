// Python's arithmetic over values. Integers have 64 bits; what leaves them is an error, never wrapped.
#pragma once

#include "worker/jinja/value.h"

namespace berth::jinja {

enum class BinaryOp { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };

Value Calculate(Interpreter& in, BinaryOp op, const Value& a, const Value& b);
Value Negate(const Value& value);
Value Positive(const Value& value);

// Markup and what is added to it: `utf8` with &, <, >, ' and " written as HTML does.
std::string EscapeHtml(std::string_view utf8);

}  // namespace berth::jinja
