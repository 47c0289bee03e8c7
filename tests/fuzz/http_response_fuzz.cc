// Response heads, as a worker may send them: cut anywhere they give the same answer; what the proxy makes of them for
// the client is one head with the same meaning; Boost.Beast's full parser reads the same, or there is a reason in the
// table. And the replies that Berth writes itself read back as what they were. The first byte chooses.
#include <algorithm>

#include "supervisor/route/heads.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_reference.h"
#include "worker/protocol/http_body.h"
#include "worker/protocol/http_message.h"

namespace berth::fuzz {
namespace {

using http::HeadError;
using http::NeedMore;
using http::ResponseHead;
using http::ResponseResult;

void CheckCuts(std::string_view bytes, std::string_view method, const ResponseResult& whole) {
  const auto* head = std::get_if<ResponseHead>(&whole);
  for (const std::size_t cut : Cuts(bytes.size(), head ? head->bytes : bytes.size())) {
    const ResponseResult result = http::ParseResponseHead(bytes.substr(0, cut), method, {});
    if (std::holds_alternative<NeedMore>(result)) {
      Require(head == nullptr || cut < head->bytes, "a whole head needs no more bytes");
      continue;
    }
    Require(result.index() == whole.index(), "a head cut short is not judged otherwise than the whole");
    if (const auto* part = std::get_if<ResponseHead>(&result)) {
      RequireEqual(*part, *head);
      Require(part->status == head->status && part->bytes == head->bytes, "a head ends at the same byte");
    } else {
      Require(std::get<HeadError>(result).message == std::get<HeadError>(whole).message,
              "a head cut short is refused as the whole is");
    }
  }
}

route::BodyFraming FramingFor(const ResponseHead& head) {
  switch (head.framing) {
    case http::Framing::kNone: return route::BodyFraming::kNone;
    case http::Framing::kLength: return route::BodyFraming::kLength;
    case http::Framing::kChunked: return route::BodyFraming::kChunked;
    case http::Framing::kUntilClose: return route::BodyFraming::kUntilClose;
  }
  return route::BodyFraming::kNone;
}

// The client gets one head, with the worker's meaning and the proxy's word on what is the proxy's to say.
void CheckForClient(const ResponseHead& head, std::string_view method) {
  if (head.status == 101) return;  // never relayed
  route::ClientHeadFacts facts;
  facts.framing = FramingFor(head);
  facts.keep_alive = head.keep_alive;
  facts.request_id = "req-1";
  facts.model = "bge";
  const std::string bytes = route::MakeClientHead(head, facts);
  http::HeadLimits limits;
  limits.block += 8 * 1024;
  limits.fields += 16;
  const ResponseResult result = http::ParseResponseHead(bytes, method, limits);
  const auto* error = std::get_if<HeadError>(&result);
  Require(error == nullptr, "what the proxy writes can be read", error ? error->message : "");
  Require(std::holds_alternative<ResponseHead>(result), "the proxy writes whole heads", bytes);
  const auto& seen = std::get<ResponseHead>(result);
  Require(seen.bytes == bytes.size(), "the proxy writes one head", bytes);
  Require(seen.status == head.status, "the client sees the worker's status");
  Require(seen.framing == head.framing, "the client sees the worker's framing", bytes);
  if (head.framing == http::Framing::kLength) {
    Require(seen.content_length == head.content_length, "the client sees the worker's length");
  }
  Require(CountFields(seen, "x-request-id") == 1 && *seen.Find("x-request-id") == "req-1",
          "the request's id is the proxy's", bytes);
}

std::string WhyStricter(std::string_view bytes, const BeastMessage& beast) {
  const std::string_view head = HeadOf(bytes);
  const std::string_view line = head.substr(0, head.find("\r\n"));
  if (line.size() < 13 || line[12] != ' ') return "a status line without the space after its code";
  if (beast.status < 100 || beast.status > 599) return "a status outside 100 to 599";
  return SharedReason(head, beast);
}

void CheckBeside(std::string_view bytes, std::string_view method, const ResponseResult& ours) {
  const BeastMessage beast = ReadResponseWithBeast(bytes, method);
  const bool taken = beast.outcome == BeastMessage::Outcome::kHead;
  if (std::holds_alternative<NeedMore>(ours)) {
    const bool long_line = bytes.find("\r\n") > http::HeadLimits().line;
    return Require(!taken || long_line, "where Berth waits for more of a head, no other reader has it whole");
  }
  if (const auto* error = std::get_if<HeadError>(&ours)) {
    if (taken) Require(!WhyStricter(bytes, beast).empty(), "a refusal has a reason in the table", error->message);
    return;
  }
  const auto& head = std::get<ResponseHead>(ours);
  Require(taken, "what Berth accepts, Beast accepts", beast.error);
  RequireSameHead(head, beast);
  Require(head.status == beast.status, "both readers see the same status");
  if (!head.reason.empty()) Require(head.reason == beast.reason, "both readers see the same reason");
  // Where there is no body, Beast still says what the fields say.
  if (head.framing == http::Framing::kNone) return;
  Require(head.framing == beast.head.framing && head.content_length == beast.head.content_length,
          "both readers frame the body alike");
  RequireSameBody(head, bytes.substr(head.bytes), head.bytes, beast);
}

void Read(std::string_view bytes, std::string_view method) {
  const ResponseResult whole = http::ParseResponseHead(bytes, method, {});
  if (const auto* error = std::get_if<HeadError>(&whole)) RequireGoodError(*error);
  CheckCuts(bytes, method, whole);
  if (const auto* head = std::get_if<ResponseHead>(&whole)) CheckForClient(*head, method);
  CheckBeside(bytes, method, whole);
}

// A reply of Berth's own, with texts from anywhere in it.
void Write(Slices slices) {
  constexpr int kStatuses[] = {200, 202, 204, 304, 400, 404, 408, 413, 429, 500, 503, 504};
  const int status = kStatuses[slices.Byte() % std::size(kStatuses)];
  const bool keep_alive = slices.Byte() % 2 == 0;
  http::Response response = slices.Byte() % 2 == 0
                                ? http::ErrorResponse(status, slices.Until('\n'), slices.Until('\n'), slices.Until('\n'))
                                : http::JsonResponse(status, std::string(slices.Until('\n')));
  while (response.fields.size() < 8 && !slices.empty()) {
    response.fields.push_back({"X-Text", std::string(slices.Until('\0'))});
  }
  const std::string bytes = http::Serialize(response, keep_alive);
  http::HeadLimits limits;
  limits.block = bytes.size();
  limits.line = bytes.size();
  const ResponseResult result = http::ParseResponseHead(bytes, "GET", limits);
  const auto* error = std::get_if<HeadError>(&result);
  Require(error == nullptr, "what Berth writes can be read", (error ? error->message : "") + "\n" + bytes);
  const auto& head = std::get<ResponseHead>(result);
  Require(head.status == status && head.keep_alive == keep_alive, "a reply reads back as what it was", bytes);
  Require(head.fields.size() == response.fields.size() + (head.framing == http::Framing::kNone ? 2u : 3u),
          "a value never becomes a field", bytes);
  http::BodyReader reader(head);
  std::string payload;
  const auto step = reader.Feed(std::string_view(bytes).substr(head.bytes), &payload);
  Require(reader.done() && head.bytes + (head.framing == http::Framing::kNone ? 0 : step.consumed) == bytes.size(),
          "a reply ends where it ends", bytes);
  if (head.framing == http::Framing::kLength) Require(payload == response.body, "a body reads back as what it was");
}

void Run(std::string_view input) {
  Slices slices(input);
  switch (slices.Byte() % 4) {
    case 0: return Write(slices);
    case 1: return Read(slices.Rest(), "HEAD");
    default: return Read(slices.Rest(), "POST");
  }
}

const Registration kRegistration("http_response", Run);

}  // namespace
}  // namespace berth::fuzz
