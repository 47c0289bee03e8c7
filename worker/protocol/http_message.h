// Buffered requests and responses, and the OpenAI error envelope: what handlers (worker routes, admin routes,
// the proxy's own answers) consume and make.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/protocol/http_head.h"

namespace berth::http {

// What the body of a request takes while it arrives, in whatever its owner counts memory by; given back when this goes.
class BodyMemory {
 public:
  virtual ~BodyMemory() = default;
  // So many bytes more. False: there is no room for them, and nothing more is taken.
  virtual bool Grow(std::uint64_t bytes) = 0;
};

struct Request {
  RequestHead head;
  std::string body;      // decoded payload
  std::unique_ptr<BodyMemory> memory = nullptr;  // of the body; null: nobody counts
  std::uint64_t unkept = 0;  // not 0: a body of so many bytes had no room, and `body` is empty
};

struct Response {
  int status = 200;
  std::vector<Field> fields;  // without Content-Length, Connection and Date
  std::string body;
  bool close = false;         // send Connection: close and close
};

// {"error":{"message","type","param","code"}}; an empty param or code becomes null. `type` follows from the
// status as PROTOCOL.md lists it.
Response ErrorResponse(int status, std::string_view code, std::string_view message, std::string_view param = {});
Response JsonResponse(int status, std::string body);

std::string_view ReasonPhrase(int status);
// Head and body as bytes to send. `head_only`: the answer to a HEAD request.
std::string Serialize(const Response& response, bool keep_alive, bool head_only = false);
// Status line, `fields` and Date, without the empty line that ends a head: for answers that are streamed.
std::string SerializeHead(int status, const std::vector<Field>& fields);

// Percent-decodes a path or query component; false when an escape is malformed or gives a control character.
bool PercentDecode(std::string_view text, std::string* decoded);
// The first value of a query parameter, decoded; "" when absent or malformed. A "+" stays a "+".
std::string QueryParameter(std::string_view query, std::string_view name);

}  // namespace berth::http
