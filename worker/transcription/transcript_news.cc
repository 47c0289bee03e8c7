#include "worker/transcription/transcript_news.h"

#include <utility>

namespace berth::transcription {
namespace {

// Some days of speech.
constexpr std::size_t kMostTokens = 4 * 1024 * 1024;

Segment SegmentOf(speech::Segment&& heard) {
  Segment segment{heard.seek,        heard.start,  heard.end, std::move(heard.text), std::move(heard.tokens), heard.temperature,
                  heard.quality.avg_logprob, heard.quality.compression_ratio, heard.quality.no_speech_prob, {}};
  for (speech::Word& word : heard.words) {
    segment.words.push_back({std::move(word.text), word.start, word.end, word.probability});
  }
  return segment;
}

}  // namespace

bool TranscriptNews::Put(speech::TranscriptionJob::News news) {
  std::unique_lock lock(mutex_);
  for (speech::Segment& heard : news.segments) {
    held_ += heard.tokens.size();
    full_ = full_ || held_ > kMostTokens;
    if (!full_) pending_.segments.push_back(SegmentOf(std::move(heard)));
  }
  pending_.language = std::move(news.language);
  const bool good = !full_;
  Wake(std::move(lock));
  return good;
}

void TranscriptNews::End(engine::JobEnd end, std::string error) {
  std::unique_lock lock(mutex_);
  pending_.end = full_ ? engine::JobEnd::kCancelled : end;
  pending_.error = std::move(error);
  Wake(std::move(lock));
}

TranscriptNews::Taken TranscriptNews::Take() {
  std::lock_guard lock(mutex_);
  Taken taken = pending_;
  pending_.segments.clear();
  held_ = 0;
  return taken;
}

bool TranscriptNews::Ready(std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  if (!pending_.segments.empty() || pending_.end) return true;
  wake_ = std::move(wake);
  return false;
}

void TranscriptNews::Wake(std::unique_lock<std::mutex> lock) {
  const auto wake = std::exchange(wake_, nullptr);
  lock.unlock();
  if (wake) wake();
}

}  // namespace berth::transcription
