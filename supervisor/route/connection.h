// One client's connection: reads heads and bodies under limits and deadlines, answers what is malformed or the
// daemon's own, hands the rest to a Dispatch, and goes on with the next request while both sides keep the
// connection alive. Requests on one connection are served one after the other.
// Lives on one io thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/route/alarm.h"
#include "supervisor/route/reply.h"
#include "supervisor/route/shared.h"
#include "supervisor/route/stream.h"

namespace berth::route {

struct BodyIntake;
struct Job;

class Connection {
 public:
  // `metrics_only`: it came to the separate metrics listener, which serves /metrics and /health.
  Connection(IoThread& thread, std::shared_ptr<Stream> stream, std::string peer, bool metrics_only);
  ~Connection();

  boost::asio::awaitable<void> Run();
  void CloseIfIdle();
  void Abort() { stream_->Abort(); }

 private:
  std::optional<http::RequestHead> HeadAtHand() const;
  boost::asio::awaitable<std::optional<http::RequestHead>> ReadHead();
  boost::asio::awaitable<bool> WaitForRequest();
  boost::asio::awaitable<void> RefuseHead(int status, std::string code, std::string message);
  boost::asio::awaitable<bool> Serve();
  boost::asio::awaitable<bool> Scrape(Reply& reply, const http::RequestHead& head);
  boost::asio::awaitable<bool> RelayRequest(Reply& reply, const http::RequestHead& head, Target target);
  std::optional<http::Response> RefuseEarly(const http::RequestHead& head, const Target& target, Job& job) const;
  Bytes MostBody(const Target& target) const;
  http::Response TooLarge(Bytes most) const;
  bool TakeBodyAtHand(const http::RequestHead& head, ByteQueue* body);
  boost::asio::awaitable<std::optional<http::Response>> ReadModel(BodyIntake& intake, Job& job, BodyModel& in_body);
  boost::asio::awaitable<std::optional<http::Response>> ReadBody(BodyIntake& intake);
  boost::asio::awaitable<bool> Answer(Reply& reply, const http::RequestHead& head, http::Response response,
                                      bool body_read);
  bool IsServedHere(const Target& target) const;
  void SetState(std::string_view state);

  IoThread& thread_;
  std::shared_ptr<Stream> stream_;
  Alarm limit_;  // of the request being relayed
  const std::string peer_;
  const bool metrics_only_;
  std::string_view state_ = "idle";
  TimePoint arrived_{};  // of the first byte of the request being read
};

}  // namespace berth::route
