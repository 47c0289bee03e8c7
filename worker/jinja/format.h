// The two old ways of Python to put values into a text: `%` and str.format.
#pragma once

#include <string>
#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

// `pattern % argument`: a tuple gives the values one after another, a mapping those of "%(name)s", else it is the value.
Value FormatPercent(Interpreter& in, const Text& pattern, const Value& argument);

// `pattern.format(*args, **kwargs)`, with attributes, items, conversions (!r, !s) and specifications.
Value FormatBraces(Interpreter& in, const Text& pattern, const Arguments& arguments);

// format(value, spec): "[[fill]align][sign][#][0][width][,][.precision][type]".
std::string FormatSpec(Interpreter& in, const Value& value, std::string_view spec);

// A double with that many digits behind the point; `type` is one of e, E, f, F, g, G; `alternate` keeps zeros ("%#g").
std::string FormatDouble(double number, char type, int precision, bool alternate);

}  // namespace berth::jinja
