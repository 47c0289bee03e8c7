// The queue in front of a speech model, and the one thread that computes. Windows of all requests, and of one file, are
// decoded together: each step computes the next tokens of all of them. Whose window is heard next is decided window by
// window, so that a long file does not hold up short ones. Knows nothing of HTTP and of audio: features come from the job.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "supervisor/base/result.h"
#include "worker/speech/decoding/tokens.h"
#include "worker/speech/speech_model.h"
#include "worker/speech/transcription_job.h"
#include "worker/text/tokenizer.h"

namespace berth::speech {

struct TranscriberOptions {
  int max_windows = 8;         // that are decoded at the same time; fewer where the cache has no room
  std::size_t max_jobs = 1024;  // waiting and running; more are refused
  std::int64_t max_initial_timestamp = 50;
  std::function<void()> prepare_thread = {};           // first thing on the compute thread
  std::function<void(const Status&)> after_step = {};  // on the compute thread, how each step ended
};

class Transcriber {
 public:
  // All outlive the transcriber. The model has its cache, of at least CacheBlocks(…, 1).
  Transcriber(SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens,
              TranscriberOptions options);
  ~Transcriber();  // ends what is left as kCancelled
  Transcriber(const Transcriber&) = delete;
  Transcriber& operator=(const Transcriber&) = delete;

  // Blocks of tokens that so many windows need at the same time, with at most `beam` hypotheses each.
  static std::int64_t CacheBlocks(const checkpoint::WhisperConfig& config, int windows, int beam);

  void Submit(std::shared_ptr<TranscriptionJob> job);
  // It has no part in the next step; its `ended` still comes. Also before Submit(). Any thread.
  void Cancel(TranscriptionJob& job);
  // Jobs not begun end as kDraining, now and from now on; begun ones go on.
  void Drain();

  // For beats; any thread.
  struct Gauges {
    std::int64_t jobs = 0;     // submitted and not ended
    std::int64_t windows = 0;  // being decoded
  };
  Gauges gauges() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace berth::speech
