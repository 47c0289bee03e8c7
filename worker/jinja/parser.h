// Tokens into a tree, by Jinja's grammar with the loop controls (break, continue) and {% generation %}. What needs other
// templates (include, import, extends) parses and is an error where it is reached; block, autoescape and tags of other
// extensions are errors at once. So are filters and tests that nobody knows, unless they stand in a condition, where the
// template may be asking for a version it does not have.
#pragma once

#include <string_view>

#include "worker/jinja/ast.h"

namespace berth::jinja {

inline constexpr int kMostNesting = 150;    // tags or brackets inside each other
inline constexpr int kMostTreeDepth = 300;  // of one expression

// Throws TemplateError, with `line` set to the place. The source must be UTF-8.
Ast Parse(std::string_view source, int& line);

}  // namespace berth::jinja
