// Values as Python's str() and repr() write them.
#pragma once

#include <string>
#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

// What `{{ value }}` prints: strings as they are, nothing for undefined, everything else as Repr(). Throws for a generator,
// of which Python would print an address.
std::string Str(const Value& value);

// The same without a copy of what is a string; `storage` holds what had to be made.
std::string_view StrView(const Value& value, std::string& storage);

std::string Repr(const Value& value, int depth = 0);
std::string ReprText(std::string_view utf8);

// The shortest digits that read back as the same double: "1.0", "1e+16", "nan".
std::string FloatText(double number);

}  // namespace berth::jinja
