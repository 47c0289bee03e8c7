// Brings one request to a replica and its one terminal reply to the client: waits for a place, tries, tries
// again where nothing has begun, and answers itself when there is nowhere to go. Meanwhile it listens to all
// that may end the request early: the client leaves, its deadline passes, its replica closes or dies.
// Lives on the io thread of the connection; the connection keeps it alive while Run() runs, and news that
// come later find it gone.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/route/attempt.h"
#include "supervisor/route/reply.h"
#include "supervisor/route/shared.h"

namespace berth::route {

struct Job {
  const http::RequestHead* head = nullptr;
  Target target;
  Decision decision;
  ByteQueue body;
  std::unique_ptr<http::BodyReader> upload;  // what follows `body` is not buffered
  std::shared_ptr<Stream> client;
  std::string client_address;
  std::optional<TimePoint> deadline;
  bool expects_continue = false;             // the client waits to be told before it sends `upload`
  Alarm* limit = nullptr;                    // for the deadline, and the longest wait for a worker to begin
};

class Dispatch : public std::enable_shared_from_this<Dispatch> {
 public:
  Dispatch(IoThread& thread, Reply& reply, Job job);
  ~Dispatch();

  // Ends the reply. True: the client's connection may serve another request.
  boost::asio::awaitable<bool> Run();

 private:
  enum class Stop { kNone, kGone, kDeadline, kWaited };

  void Prepare();
  boost::asio::awaitable<Standing> AwaitPlace();
  std::optional<http::Response> WhyNot(const Standing& standing);
  void NoteQueued();
  boost::asio::awaitable<AttemptResult> TryHere(Standing standing);
  boost::asio::awaitable<void> Pause(int times);
  boost::asio::awaitable<bool> Loop();
  std::optional<http::Response> Conclude(const AttemptResult& result);
  bool MayTryAgain(const AttemptResult& result);
  bool Expired() const { return job_.deadline && Clock::now() >= *job_.deadline; }

  void Raise(Stop stop);
  void OnTicket();
  void OnLimit();
  void ArmLimit();
  void WatchTicket();

  http::Response WhyStopped() const;
  http::Response WhyRefused(Refusal refusal);
  http::Response NowhereToGo();
  http::Response BadUpload(UploadFault fault);
  http::Response Lost(bool garbage);
  boost::asio::awaitable<bool> Answer(http::Response response);
  bool EndReplied(const AttemptResult& result);
  std::string CutEvent() const;
  bool ServesRoute(const protocol::Capabilities& capabilities) const;

  IoThread& thread_;
  Reply& reply_;
  Job job_;
  ModelDoor& door_;
  Errand errand_;
  std::shared_ptr<Ticket> ticket_;
  boost::asio::steady_timer wake_;   // cancelled when the ticket changed or Stop was raised
  const TimePoint wait_until_;
  Attempt* attempt_ = nullptr;       // the one that runs now
  Stop stop_ = Stop::kNone;
  int attempts_ = 0;
  bool on_budget_ = false;           // counted as a retry
  bool queued_ = false;              // the queue time is known
  bool may_load_ = true;             // it waits for a model that would have to be loaded
};

}  // namespace berth::route
