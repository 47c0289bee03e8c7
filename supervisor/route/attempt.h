// One try of one request at one replica: offer the claim, connect, send, read the response head, relay. It
// knows at every moment whether the request may be tried elsewhere: as long as the connection was refused, or
// as long as the claim can be taken back before the worker has begun it (R2).
// Lives on the io thread of the request's connection; owned by its dispatch, which may call TakeBack(),
// Interrupt() and Hurry() while Run() waits.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/launch/endpoint.h"
#include "supervisor/route/pace.h"
#include "supervisor/route/relay.h"
#include "supervisor/route/shared.h"
#include "supervisor/route/stream.h"
#include "worker/protocol/http_body.h"

namespace berth::route {

// What is sent, and to whom the answer goes. The same for every try.
struct Errand {
  const http::RequestHead* head = nullptr;
  ByteQueue body;                           // when buffered; of an upload, what was read to find out its model
  std::unique_ptr<http::BodyReader> upload;  // when not: what follows is still to be read from the client
  UpstreamHeadFacts facts;                  // claim and body_bytes are filled in per try
  RelayTerms terms;
  std::shared_ptr<Stream> client;
  Duration body_timeout{};
  std::uint64_t max_body = 0;               // of an upload
  bool expects_continue = false;            // the client sends its upload only when told to
  bool upload_begun = false;                // bytes of an unbuffered body are gone: no second try
};

// What is wrong with an upload.
enum class UploadFault { kNone, kSlow, kMalformed, kTooLarge };

enum class AttemptEnd {
  kReplied,   // the client has its whole answer
  kCut,       // the answer began and broke; the client was told as far as possible
  kClientGone,
  kNoEntry,   // the replica takes no connection now: its backlog is full, or its process just ended
  kAgain,     // nothing was begun: may be tried elsewhere
  kLost,      // begun, and no answer will come
  kGarbage,   // the worker's answer is not HTTP
  kBadUpload,  // the client's body is not acceptable: `fault`
};

struct AttemptResult {
  AttemptEnd end = AttemptEnd::kLost;
  int status = 0;                  // of the reply, with kReplied and kCut
  std::uint64_t bytes = 0;
  bool keep_client = false;
  std::string_view reason;         // with kAgain and kNoEntry: for metrics
  bool counts = true;              // with kAgain: against the retry budget
  UploadFault fault = UploadFault::kNone;  // with kBadUpload
};

class Attempt {
 public:
  Attempt(IoThread& thread, std::shared_ptr<launch::Endpoint> endpoint, Errand& errand);
  ~Attempt();  // releases the claim
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  boost::asio::awaitable<AttemptResult> Run();

  // True: the worker will never begin this request; Run() ends with kAgain.
  bool TakeBack();
  // Ends every wait on the worker now. A worker that has begun sees its connection close, and cancels.
  void Interrupt();
  // The process is gone: what it wrote before may still be read, nothing more is waited for.
  void Hurry();
  bool responding() const { return responding_; }
  bool may_keep = true;  // set false when the endpoint is closing: its connections are not kept

 private:
  std::optional<AttemptResult> Enter();
  boost::asio::awaitable<bool> Upload(UploadFault* fault);
  boost::asio::awaitable<UploadFault> MoreUpload(Pace& pace);
  boost::asio::awaitable<std::optional<http::ResponseHead>> ReadHead(bool sent, bool* garbage);
  boost::asio::awaitable<AttemptResult> RelayAnswer(http::ResponseHead head);
  AttemptResult Failed(bool garbage);
  static AttemptResult NoEntry(std::string_view reason);
  static AttemptResult Again(std::string_view reason, bool counts);

  IoThread& thread_;
  std::shared_ptr<launch::Endpoint> endpoint_;
  Errand& errand_;
  std::shared_ptr<Stream> upstream_;
  std::optional<protocol::Claim> claim_;
  bool reused_ = false;
  bool wrote_ = false;       // a byte of this request was sent on this try
  bool revoked_ = false;
  bool responding_ = false;  // the first byte of the response is here
  bool interrupted_ = false;
};

}  // namespace berth::route
