// What the transcriber has told of a request and nobody has taken yet. The compute thread puts, the request's coroutine
// takes: a whole reply at the end, a streamed one whenever its connection has taken what came before. What is held is as
// much text as was said, and has a bound all the same.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "worker/engine/job_end.h"
#include "worker/speech/transcription_job.h"
#include "worker/transcription/transcript.h"

namespace berth::transcription {

class TranscriptNews {
 public:
  // The compute thread. False: too much is untaken; from then on everything is dropped.
  bool Put(speech::TranscriptionJob::News news);
  // After the last Put(); any thread.
  void End(engine::JobEnd end, std::string error);

  struct Taken {
    std::vector<Segment> segments;
    std::string language;  // code; empty: not known yet
    std::optional<engine::JobEnd> end;
    std::string error;
  };
  Taken Take();

  // True: there is something to take. Else `wake` is called, once, when there is, on whatever thread brings it; it replaces
  // an earlier one.
  bool Ready(std::function<void()> wake);

 private:
  void Wake(std::unique_lock<std::mutex> lock);

  std::mutex mutex_;  // guards what follows
  Taken pending_;
  std::size_t held_ = 0;  // tokens of the pending segments
  bool full_ = false;
  std::function<void()> wake_;
};

}  // namespace berth::transcription
