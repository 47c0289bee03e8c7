// host:port as a plan spells it.
#pragma once

#include <string_view>

#include "config/plan.h"
#include "supervisor/base/result.h"

namespace berth::config {

// "127.0.0.1:8080", "localhost:8080", "[::1]:8080". Never resolves a name. Errors: no port, port above 65535, no
// host, an IPv6 address without brackets, digits and dots that are no IPv4 address.
Result<Address> ParseAddress(std::string_view text);

}  // namespace berth::config
