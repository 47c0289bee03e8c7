// Walks over the raw bytes of a head, before any parser sees them: line ends, control characters, obs-fold,
// field names, limits. Everything is refused at the first byte that is wrong, so that a head cut anywhere
// gives either "more" or the answer that the whole would give. Private to the HTTP heads and body trailers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "worker/protocol/http_head.h"

namespace berth::http {

bool IsTokenChar(char c);
bool IsToken(std::string_view text);  // not empty
std::string_view TrimWhitespace(std::string_view text);

HeadError Malformed(std::string message);  // 400 "parse"
HeadError Smuggling(std::string message);  // 400 "smuggling"

// What is wrong with a field line (without its CRLF), if anything.
std::optional<HeadError> CheckFieldLine(std::string_view line);

using StartLineCheck = std::optional<HeadError> (*)(std::string_view line);
// The length of the head that `bytes` start with, its empty line included; the first line is passed to
// `check_start` as soon as it is complete.
std::variant<NeedMore, std::size_t, HeadError> ScanHead(std::string_view bytes, const HeadLimits& limits,
                                                        StartLineCheck check_start);

}  // namespace berth::http
