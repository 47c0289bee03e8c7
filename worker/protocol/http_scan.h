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

// The raw values of the fields that frame a message, taken before any parser judges them with errors of its own.
struct FramingFields {
  std::string_view length;     // of the first Content-Length
  std::size_t lengths = 0;     // how many there are
  std::string_view coding;     // of the first Transfer-Encoding
  std::size_t codings = 0;
  std::string_view disguised;  // a name that a CGI-like reader would take for one of them: "content_length"
};

struct ScannedHead {
  std::size_t bytes = 0;  // its length, the empty line included
  FramingFields framing;  // views into it
};

using StartLineCheck = std::optional<HeadError> (*)(std::string_view line);
// The head that `bytes` start with; the first line is passed to `check_start` as soon as it is complete.
std::variant<NeedMore, ScannedHead, HeadError> ScanHead(std::string_view bytes, const HeadLimits& limits,
                                                        StartLineCheck check_start);

}  // namespace berth::http
