// What a template looks at, told from its tree without running it.
#pragma once

#include <string_view>

#include "worker/jinja/ast.h"

namespace berth::jinja {

// Whether some loop may go over what stands in an attribute or item of that name (`message.content`, `message['content']`),
// also through variables, filters, slices, conditions and macros' parameters.
bool LoopsOver(const Ast& ast, std::string_view attribute);

// Whether a string of the template contains that text; comments and plain text do not count.
bool SpeaksOf(const Ast& ast, std::string_view text);

}  // namespace berth::jinja
