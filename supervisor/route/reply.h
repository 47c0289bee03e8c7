// The terminal reply of one request: whoever serves the request ends it exactly once, and everything that is
// counted about a request is counted here. Ending twice, or never, is a broken invariant and ends the program
// (R1). Lives on the io thread of its connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "supervisor/route/shared.h"

namespace berth::route {

enum class Outcome { kOk, kClientError, kRejected, kCancelled, kDeadline, kWorkerLost, kInternal };
std::string_view Name(Outcome outcome);

class Reply {
 public:
  Reply(IoThread& thread, const http::RequestHead& head, const Route* route, TimePoint arrived);
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // From here on it counts as a request to this model (nullptr: to one that does not exist).
  void ForModel(const config::Model* model);
  void RequestBytes(std::uint64_t bytes) { request_bytes_ = bytes; }
  // `status` 499: the client left before it got one.
  void End(int status, Outcome outcome, std::uint64_t response_bytes);
  bool ended() const { return ended_; }

  const std::string& request_id() const { return request_id_; }
  TimePoint arrived() const { return arrived_; }
  const Route* route() const { return route_; }

 private:
  IoThread& thread_;
  const Route* route_;
  std::string_view method_;
  TimePoint arrived_;
  std::string request_id_;
  const config::Model* model_ = nullptr;
  bool for_model_ = false;
  bool ended_ = false;
  std::uint64_t request_bytes_ = 0;
};

// How a reply with this status counts.
Outcome OutcomeOf(int status);

}  // namespace berth::route
