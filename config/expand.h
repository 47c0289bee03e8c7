// ${VAR}, ${VAR:-default} and $${ in a scalar's text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth::config {

// `${VAR:-default}` is the default where VAR is unset or empty; `$${` stands for `${`; any other `$` for itself.
// What a variable holds is not expanded again. Errors: an unset variable without a default, a name that is none,
// no closing brace, more than 64 KiB of text.
Result<std::string> Expand(std::string_view text,
                           const std::function<std::optional<std::string>(const std::string&)>& getenv);

}  // namespace berth::config
