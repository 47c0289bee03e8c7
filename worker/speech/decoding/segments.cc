#include "worker/speech/decoding/segments.h"

#include <algorithm>

namespace berth::speech {
namespace {

double SecondsOf(std::int64_t frames) { return static_cast<double>(frames) * kFrameSeconds; }

std::int64_t PlaceOf(const SpeechTokens& tokens, Token timestamp) {
  return tokens.IsTimestamp(timestamp) ? timestamp - tokens.first_timestamp : 0;
}

double TimeOf(const SpeechTokens& tokens, Token timestamp) {
  return static_cast<double>(PlaceOf(tokens, timestamp)) * kTimestampSeconds;
}

// No pair: all of it, to the last timestamp, if there is one that says anything.
Cut Whole(const SpeechTokens& tokens, std::span<const Token> ids, std::int64_t frames) {
  Cut cut;
  cut.advance = frames;
  double duration = SecondsOf(frames);
  const auto last = std::ranges::find_if(ids.rbegin(), ids.rend(), [&](Token id) { return tokens.IsTimestamp(id); });
  if (last != ids.rend() && *last != tokens.first_timestamp) duration = TimeOf(tokens, *last);
  if (!ids.empty()) cut.parts.push_back({0, ids.size(), 0, duration});
  return cut;
}

void ClampTo(double most, Cut& cut) {
  for (Cut::Part& part : cut.parts) {
    part.start = std::min(part.start, most);
    part.finish = std::min(part.finish, most);
  }
}

Cut CutSequence(const SpeechTokens& tokens, std::span<const Token> ids, std::int64_t frames) {
  const auto is_timestamp = [&](std::size_t i) { return tokens.IsTimestamp(ids[i]); };
  std::vector<std::size_t> ends;  // between two timestamps
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (is_timestamp(i - 1) && is_timestamp(i)) ends.push_back(i);
  }
  const bool one = ids.size() >= 2 && is_timestamp(ids.size() - 1) && !is_timestamp(ids.size() - 2);
  if (ends.empty()) {
    Cut cut = Whole(tokens, ids, frames);
    cut.ends_with_one_timestamp = one;
    return cut;
  }
  Cut cut;
  cut.ends_with_one_timestamp = one;
  const std::size_t last_pair = ends.back();
  if (one) ends.push_back(ids.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    cut.parts.push_back({begin, end, TimeOf(tokens, ids[begin]), TimeOf(tokens, ids[end - 1])});
    begin = end;
  }
  cut.advance = one ? frames : PlaceOf(tokens, ids[last_pair - 1]) * kTimestampFrames;
  return cut;
}

}  // namespace

Cut CutSegments(const SpeechTokens& tokens, std::span<const Token> ids, std::int64_t frames, CutMode mode) {
  Cut cut = CutSequence(tokens, ids, frames);
  if (mode == CutMode::kSequential) return cut;
  const std::size_t told = cut.parts.empty() ? 0 : cut.parts.back().end;
  if (told < ids.size()) cut.parts.push_back({told, ids.size(), TimeOf(tokens, ids[told]), SecondsOf(frames)});
  ClampTo(SecondsOf(frames), cut);
  cut.advance = frames;
  return cut;
}

}  // namespace berth::speech
