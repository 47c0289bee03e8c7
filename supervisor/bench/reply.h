// Takes the measures out of a reply's bytes as they arrive: whole JSON, or server-sent events (WHATWG HTML, section
// 9.2, as far as OpenAI's API uses them). Pure: the times are arguments.
#pragma once

#include <string>
#include <string_view>

#include "supervisor/bench/sample.h"

namespace berth::bench {

class ReplyMeter {
 public:
  // `since`: what the sample's times count from. `streams`: the content is an event stream.
  ReplyMeter(int status, bool streams, TimePoint since) : status_(status), streams_(streams), since_(since) {}

  // Payload that arrived at `now`.
  void Take(std::string_view payload, TimePoint now);
  // The reply ended at `now`; `whole`: as its framing says.
  Sample Finish(bool whole, TimePoint now);

 private:
  void TakeEvent(std::string_view data, TimePoint now);
  void TakeUsage(std::string_view json);

  const int status_;
  const bool streams_;
  const TimePoint since_;
  TimePoint last_;
  std::string bytes_;   // a line that is not complete, or the body
  bool done_ = false;   // [DONE] was seen
  std::int64_t pieces_ = 0;
  Sample sample_;
};

}  // namespace berth::bench
