// What a request for a transcript asks of the engine, and what it gets: values that the route makes and reads, and the
// transcriber works on. Everything that a client may set is already checked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"
#include "worker/engine/job_end.h"
#include "worker/metering/budget.h"
#include "worker/speech/decoding/quality.h"
#include "worker/speech/decoding/segments.h"
#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

struct TranscriptionOptions {
  Task task = Task::kTranscribe;
  std::string language;    // code; empty: detected in the first window
  std::string prompt;      // text before the audio
  std::string hotwords;    // words that may come
  std::optional<double> temperature;  // absent and 0: the ladder
  bool words = false;      // when each word was said
  int beam = 5;
  double patience = 1;
  int best_of = 5;
  Thresholds thresholds;
  std::optional<std::uint64_t> seed;  // absent: 0; a transcript is to be the same again
  bool condition_on_previous = true;  // where windows follow each other
};

// One HTTP request. The caller fills the first part before Submit().
struct TranscriptionJob {
  TranscriptionOptions options;
  std::int64_t frames = 0;  // of 10 ms, that the audio has
  // What is heard at once, each by itself, in any order and at the same time, at most a window long. Empty: windows follow
  // each other, each beginning where the last one's segments end, with its text as prompt (openai/whisper's way).
  std::vector<Piece> pieces;
  // Fills `mel`, float32 [mels, window frames], with the features of the piece and zeros behind them. On the compute thread,
  // once for each window.
  std::function<Status(const Piece& piece, std::span<float> mel)> features;
  std::function<bool()> begin;  // once, on the compute thread, just before the first work; false: claim lost

  struct News {
    std::vector<Segment> segments;  // in order; none where nobody spoke
    std::string language;           // code
    std::int64_t done_frames = 0;   // of the audio, all that is before it is told
    bool skipped = false;           // taken for silence
    int attempts = 1;
  };
  // On the compute thread, which must not be held up: each window's, in the order of the audio.
  std::function<void(News&&)> deliver;
  std::function<void(engine::JobEnd)> ended;  // exactly once, after the last News; on the compute thread or in Submit()

  // Readable after `ended`.
  std::string language;
  Duration queued{};     // from Submit() to the first work
  Duration inference{};  // from there to the end
  std::string error;
  engine::Charge charge;  // for the request's own buffers

  std::atomic<bool> cancelled{false};  // set by Transcriber::Cancel
};

}  // namespace berth::speech
