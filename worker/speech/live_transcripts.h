// The jobs that a transcriber has taken in, and one step of them: perhaps a window is heard, then one step of all windows
// that are being decoded is computed together, and what is finished is told. Owned by the transcriber, on its compute thread
// alone; takes no lock. Whoever calls ends the jobs it returns.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "worker/engine/job_end.h"
#include "worker/speech/speech_model.h"
#include "worker/speech/transcriber.h"
#include "worker/speech/transcription_job.h"
#include "worker/speech/window_decode.h"

namespace berth::speech {

// Who is next of those that have a window to be heard: who has the fewest on the way, then who was served least, then who
// came first. Pure; nullptr: nobody.
struct Turn {
  std::uint64_t serial = 0;
  std::int64_t in_flight = 0;
  std::int64_t served = 0;  // windows, counted from those of who was served least when it came
  bool ready = false;
};
const Turn* NextTurn(std::span<const Turn> turns);

class LiveTranscripts {
 public:
  struct Ended {
    std::shared_ptr<TranscriptionJob> job;
    engine::JobEnd end;
  };

  LiveTranscripts(SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens,
                  const TranscriberOptions& options);

  void Add(std::shared_ptr<TranscriptionJob> job, TimePoint since);
  // Takes out the cancelled ones; when draining those not begun; when stopping all.
  std::vector<Ended> Sweep(bool draining, bool stopping);
  // Not empty; after Sweep().
  std::vector<Ended> Step();

  bool empty() const { return entries_.empty(); }
  std::int64_t windows() const { return static_cast<std::int64_t>(active_.size()); }

 private:
  struct Entry {
    std::shared_ptr<TranscriptionJob> job;
    TimePoint since, began;
    bool begun = false;
    std::string language;
    std::vector<Token> hotwords, prompt;  // of the request
    std::vector<Token> previous;          // what was said so far, where windows follow each other
    std::size_t next = 0;                 // piece
    std::size_t told = 0;                 // pieces
    std::int64_t seek = 0;                // frame, where windows follow each other
    std::int64_t in_flight = 0, served = 0;
    double last_speech = 0;
    std::map<std::size_t, TranscriptionJob::News> untold;  // by piece: those whose predecessors are not told
  };
  using Entries = std::map<std::uint64_t, Entry>;

  // A window that was heard.
  struct Active {
    std::uint64_t serial;
    std::size_t index;  // among the job's pieces
    Piece piece;
    std::unique_ptr<Window> window;
    std::unique_ptr<WindowDecode> decode;
  };

  static bool Sequential(const Entry& entry) { return entry.job->pieces.empty(); }
  static bool AllHeard(const Entry& entry);
  Turn TurnOf(std::uint64_t serial, const Entry& entry) const;
  Piece NextPiece(const Entry& entry) const;
  DecodeRequest RequestOf(const Entry& entry) const;

  std::vector<Ended> Admit();
  Status Hear(std::uint64_t serial, Entry& entry);
  std::vector<Ended> Compute();
  std::vector<Ended> Evaluate(std::span<Active* const> stepped, std::span<const std::size_t> rows,
                              std::span<const float> logits);
  Status Conclude(Active& active);
  std::vector<Segment> SegmentsOf(const Active& active, const Cut& cut) const;
  Status AddWords(const Active& active, Entry& entry, std::span<Segment> segments);
  Result<std::vector<std::int64_t>> Align(const Active& active, std::span<const Token> text, std::size_t lead,
                                          std::span<const Token> ids, std::vector<float>& probabilities);
  void GoOn(Entry& entry, const Active& active, const Cut& cut, std::span<const Segment> segments);
  void Tell(Entry& entry, std::size_t index, TranscriptionJob::News news);
  std::vector<Ended> Finished();
  Ended Close(Entries::iterator entry, engine::JobEnd end);
  Ended Fail(std::uint64_t serial, const Error& error);

  SpeechModel& model_;
  const text::Tokenizer& tokenizer_;
  const SpeechTokens& tokens_;
  const TranscriberOptions& options_;
  const DecodeContext context_;
  BlockPool pool_;
  std::vector<float> mel_;
  Entries entries_;  // by serial, which ascends in the order of arrival
  std::vector<std::unique_ptr<Active>> active_;
  std::uint64_t last_serial_ = 0;
};

}  // namespace berth::speech
