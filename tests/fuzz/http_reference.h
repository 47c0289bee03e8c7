// Boost.Beast's full parser as a second reader of a message, and what both readers' results have in common. Beast is
// more lenient than Berth; the tables of reasons in the fuzzers say where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/protocol/http_head.h"

namespace berth::fuzz {

// What Beast made of some bytes.
struct BeastMessage {
  enum class Outcome { kRefused, kNeedMore, kHead };  // kHead: the head is whole, whatever follows
  Outcome outcome = Outcome::kRefused;
  std::string error;
  http::Head head;  // version, fields, framing, length, keep-alive
  std::string method;
  std::string target;
  int status = 0;
  std::string reason;
  bool whole = false;          // the body has ended, too, with …
  std::size_t consumed = 0;    // … this many bytes of the message
  std::string body;
  std::string body_error;
};

// With Berth's limit for a head. `method`: of the request that a response answers.
BeastMessage ReadRequestWithBeast(std::string_view bytes);
BeastMessage ReadResponseWithBeast(std::string_view bytes, std::string_view method);

// Field by field, framing, version: aborts where the two differ.
void RequireSameHead(const http::Head& ours, const BeastMessage& beast);
// Our body reader's verdict on what follows the head, beside Beast's.
void RequireSameBody(const http::Head& ours, std::string_view after_head, std::size_t head_bytes,
                     const BeastMessage& beast);

// The same head, whatever it was read from.
void RequireEqual(const http::Head& a, const http::Head& b);

// Reasons that requests and responses share: why Berth refuses a head that Beast takes. "" when there is none.
std::string SharedReason(std::string_view head_bytes, const BeastMessage& beast);
// The bytes up to and with the first empty line, or all.
std::string_view HeadOf(std::string_view bytes);
std::size_t CountFields(const http::Head& head, std::string_view name);

void RequireGoodError(const http::HeadError& error);

}  // namespace berth::fuzz
