// Heads of HTTP/1.1 messages: Boost.Beast's basic_parser plus our own checks for what it lets through
// (DESIGN §8, PROTOCOL "reverse proxy of record"). One layer for proxy, admin socket and worker. Works on
// bytes already read; reads nothing itself. A head that is ambiguous to any other reader is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace berth::http {

struct Field {
  std::string name;   // as it came
  std::string value;  // without surrounding whitespace
};

// How the bytes after the head are framed.
enum class Framing { kNone, kLength, kChunked, kUntilClose };

struct Head {
  int version = 11;                // 10 or 11
  std::vector<Field> fields;       // in order
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;  // with kLength
  bool keep_alive = true;
  bool expect_continue = false;    // requests
  std::size_t bytes = 0;           // length of the head, final empty line included

  // The first field with this name, case-insensitively; nullptr when there is none.
  const std::string* Find(std::string_view name) const;
};
struct RequestHead : Head {
  std::string method;
  std::string target;              // as it came: origin form, or "*" for OPTIONS
  std::string path;                // up to '?', percent-encoding untouched
  std::string query;               // after '?', or ""
};
struct ResponseHead : Head {
  int status = 0;
  std::string reason;
};

struct HeadLimits {
  std::size_t line = 8 * 1024;     // request line; more: 414
  std::size_t block = 32 * 1024;   // whole head; more: 431
  std::size_t fields = 100;        // more: 431
};
// What a worker accepts: the proxy adds fields of its own to heads that are as long as it allows.
inline constexpr HeadLimits kLimitsBehindProxy{.block = 40 * 1024, .fields = 116};

// The head is not acceptable: answer `status` with `code` and `message`, and close.
struct HeadError {
  int status = 400;                // 400, 414, 417, 431, 501, 505
  std::string code;                // for metrics: "parse", "header_too_large", "smuggling"
  std::string message;
};
struct NeedMore {};

using RequestResult = std::variant<NeedMore, RequestHead, HeadError>;
using ResponseResult = std::variant<NeedMore, ResponseHead, HeadError>;

// `bytes` starts at the message's first byte and may reach into the body. A call with the same bytes and more
// starts over; heads are small, and most arrive whole.
RequestResult ParseRequestHead(std::string_view bytes, const HeadLimits& limits);
// `method`: of the request that this answers (HEAD has no body). 1xx heads are returned like any other.
ResponseResult ParseResponseHead(std::string_view bytes, std::string_view method, const HeadLimits& limits);

// Of texts of one length.
bool EqualLetters(std::string_view a, std::string_view b);
// Inline as far as it mostly gets: heads are asked for many names, and few are as long as the one wanted.
inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && EqualLetters(a, b);
}
// Connection and the fields it nominates, Keep-Alive, Proxy-*, TE, Trailer, Transfer-Encoding, Upgrade.
bool IsHopByHop(const Head& head, std::string_view field_name);

}  // namespace berth::http
