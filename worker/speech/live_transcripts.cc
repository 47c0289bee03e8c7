#include "worker/speech/live_transcripts.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <numeric>
#include <tuple>

#include "worker/checkpoint/whisper_footprint.h"
#include "worker/speech/decoding/softmax.h"
#include "worker/speech/decoding/words.h"

namespace berth::speech {
namespace {

using engine::JobEnd;

// Above this temperature what was said is no good prompt for the next window.
constexpr double kTrustedTemperature = 0.5;

Duration Since(TimePoint then) { return std::chrono::duration_cast<Duration>(Clock::now() - then); }

DecodeContext ContextOf(const SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens,
                        const TranscriberOptions& options) {
  return {&tokenizer, &tokens, model.config().context, model.config().vocab_size, options.max_initial_timestamp};
}

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

const Turn* NextTurn(std::span<const Turn> turns) {
  const Turn* next = nullptr;
  const auto order = [](const Turn& turn) { return std::tuple(turn.in_flight, turn.served, turn.serial); };
  for (const Turn& turn : turns) {
    if (turn.ready && (next == nullptr || order(turn) < order(*next))) next = &turn;
  }
  return next;
}

LiveTranscripts::LiveTranscripts(SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens,
                                 const TranscriberOptions& options)
    : model_(model),
      tokenizer_(tokenizer),
      tokens_(tokens),
      options_(options),
      context_(ContextOf(model, tokenizer, tokens, options)),
      pool_(model.cache_blocks()),
      mel_(static_cast<std::size_t>(model.config().mels * model.config().frames())) {}

// --- jobs come and go ---

void LiveTranscripts::Add(std::shared_ptr<TranscriptionJob> job, TimePoint since) {
  const auto least_served = std::ranges::min_element(entries_, {}, [](const auto& each) { return each.second.served; });
  const std::int64_t least = least_served != entries_.end() ? least_served->second.served : 0;
  Entry& entry = entries_[++last_serial_];
  entry.since = since;
  entry.served = least;
  entry.language = tokens_.multilingual() ? job->options.language : "en";
  entry.hotwords = EncodePrompt(tokenizer_, job->options.hotwords);
  entry.prompt = EncodePrompt(tokenizer_, job->options.prompt);
  entry.previous = entry.prompt;
  entry.job = std::move(job);
}

std::vector<LiveTranscripts::Ended> LiveTranscripts::Sweep(bool draining, bool stopping) {
  std::vector<Ended> ended;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto entry = each++;
    const bool over = stopping || entry->second.job->cancelled;
    if (!over && !(draining && !entry->second.begun)) continue;
    ended.push_back(Close(entry, over ? JobEnd::kCancelled : JobEnd::kDraining));
  }
  return ended;
}

LiveTranscripts::Ended LiveTranscripts::Close(Entries::iterator position, JobEnd end) {
  std::erase_if(active_, [&](const auto& active) { return active->serial == position->first; });
  Entry& entry = position->second;
  entry.job->language = entry.language;
  if (entry.begun) entry.job->inference = Since(entry.began);
  Ended ended{std::move(entry.job), end};
  entries_.erase(position);
  return ended;
}

LiveTranscripts::Ended LiveTranscripts::Fail(std::uint64_t serial, const Error& error) {
  const auto entry = entries_.find(serial);
  entry->second.job->error = error.message;
  return Close(entry, error.kind == ErrorKind::kUnavailable ? JobEnd::kOverBudget : JobEnd::kFailed);
}

bool LiveTranscripts::AllHeard(const Entry& entry) {
  return Sequential(entry) ? entry.seek >= entry.job->frames : entry.next >= entry.job->pieces.size();
}

std::vector<LiveTranscripts::Ended> LiveTranscripts::Finished() {
  std::vector<Ended> ended;
  for (auto each = entries_.begin(); each != entries_.end();) {
    const auto entry = each++;
    if (entry->second.begun && entry->second.in_flight == 0 && AllHeard(entry->second)) {
      ended.push_back(Close(entry, JobEnd::kDone));
    }
  }
  return ended;
}

// --- a step ---

std::vector<LiveTranscripts::Ended> LiveTranscripts::Step() {
  std::vector<Ended> ended = Admit();
  const auto append = [&ended](std::vector<Ended> more) {
    for (Ended& each : more) ended.push_back(std::move(each));
  };
  if (!active_.empty()) append(Compute());
  append(Finished());
  return ended;
}

// Where a language is to be detected, or windows follow each other, one window at a time.
Turn LiveTranscripts::TurnOf(std::uint64_t serial, const Entry& entry) const {
  const bool alone = Sequential(entry) || entry.language.empty();
  return {serial, entry.in_flight, entry.served, (!AllHeard(entry) || !entry.begun) && (!alone || entry.in_flight == 0)};
}

// Hears one window, if there is room for it and somebody has one.
std::vector<LiveTranscripts::Ended> LiveTranscripts::Admit() {
  if (windows() >= options_.max_windows) return {};
  std::vector<Turn> turns;
  for (const auto& [serial, entry] : entries_) turns.push_back(TurnOf(serial, entry));
  const Turn* turn = NextTurn(turns);
  if (turn == nullptr) return {};
  Entry& entry = entries_.at(turn->serial);
  const SearchOptions search{.beam = entry.job->options.beam, .best_of = entry.job->options.best_of};
  std::int64_t reserved = WindowDecode::BlocksOf(context_, search);
  for (const auto& active : active_) {
    const auto& options = entries_.at(active->serial).job->options;
    reserved += WindowDecode::BlocksOf(context_, {.beam = options.beam, .best_of = options.best_of});
  }
  if (reserved > model_.cache_blocks() && !active_.empty()) return {};
  if (!entry.begun) {
    if (entry.job->begin && !entry.job->begin()) return {Close(entries_.find(turn->serial), JobEnd::kClaimLost)};
    entry.begun = true;
    entry.began = Clock::now();
    entry.job->queued = std::chrono::duration_cast<Duration>(entry.began - entry.since);
  }
  if (AllHeard(entry)) return {};  // no audio at all
  const Status heard = Hear(turn->serial, entry);
  if (options_.after_step) options_.after_step(heard);
  if (!heard) return {Fail(turn->serial, heard.error())};
  return {};
}

Piece LiveTranscripts::NextPiece(const Entry& entry) const {
  if (!Sequential(entry)) return entry.job->pieces[entry.next];
  return {entry.seek, std::min(model_.config().frames(), entry.job->frames - entry.seek)};
}

DecodeRequest LiveTranscripts::RequestOf(const Entry& entry) const {
  const TranscriptionOptions& options = entry.job->options;
  DecodeRequest request;
  request.task = options.task;
  request.language = entry.language;
  request.hotwords = entry.hotwords;
  request.previous = Sequential(entry) ? entry.previous : entry.prompt;
  request.temperatures = TemperatureLadder(options.temperature);
  request.search.beam = options.beam;
  request.search.patience = options.patience;
  request.search.best_of = options.best_of;
  // Windows draw different numbers, whatever order they are heard in.
  const std::uint64_t place = Sequential(entry) ? static_cast<std::uint64_t>(entry.seek) : entry.next;
  request.search.seed = options.seed.value_or(0) + (place << 8);
  request.thresholds = options.thresholds;
  return request;
}

Status LiveTranscripts::Hear(std::uint64_t serial, Entry& entry) {
  const Piece piece = NextPiece(entry);
  if (Status read = entry.job->features(piece, mel_); !read) return read;
  const std::span<const float> mel = mel_;
  auto windows = model_.Hear({&mel, 1});
  if (!windows) return windows.error();
  auto active = std::make_unique<Active>(Active{serial, entry.next, piece, std::move(windows->front()), nullptr});
  active->decode = std::make_unique<WindowDecode>(context_, RequestOf(entry), pool_);
  active_.push_back(std::move(active));
  ++entry.next;
  ++entry.in_flight;
  ++entry.served;
  return Ok();
}

// As many windows as fit into a step, in the order in which they were heard.
std::vector<LiveTranscripts::Ended> LiveTranscripts::Compute() {
  std::vector<Slice> slices;
  std::vector<Active*> stepped;
  std::vector<std::size_t> rows;  // of logits, of each
  std::int64_t tokens = 0, wanted = 0;
  for (const auto& active : active_) {
    const auto some = active->decode->Next(*active->window);
    std::int64_t more_tokens = 0, more_wanted = 0;
    for (const Slice& slice : some) {
      more_tokens += static_cast<std::int64_t>(slice.ids.size());
      more_wanted += static_cast<std::int64_t>(slice.wanted.size());
    }
    if (tokens + more_tokens > checkpoint::kSpeechStepRows || wanted + more_wanted > checkpoint::kSpeechLogitRows) continue;
    tokens += more_tokens;
    wanted += more_wanted;
    slices.insert(slices.end(), some.begin(), some.end());
    stepped.push_back(active.get());
    rows.push_back(static_cast<std::size_t>(more_wanted));
  }
  std::span<const float> logits;
  Status done = Ok();
  try {
    done = model_.Decode(slices, logits);
  } catch (const std::exception& failure) {
    done = MakeError(ErrorKind::kInternal, "the decoder failed: ", failure.what());
  }
  if (options_.after_step) options_.after_step(done);
  if (done) return Evaluate(stepped, rows, logits);
  std::vector<Ended> ended;
  std::vector<std::uint64_t> serials;
  for (const Active* each : stepped) serials.push_back(each->serial);
  for (const std::uint64_t serial : serials) {
    if (entries_.contains(serial)) ended.push_back(Fail(serial, done.error()));
  }
  return ended;
}

std::vector<LiveTranscripts::Ended> LiveTranscripts::Evaluate(std::span<Active* const> stepped,
                                                              std::span<const std::size_t> rows,
                                                              std::span<const float> logits) {
  std::map<std::uint64_t, Error> failed;
  std::vector<Active*> finished;
  const auto copy = [this](BlockId from, BlockId to) { model_.CopyBlock(from, to); };
  for (std::size_t i = 0; i < stepped.size(); ++i) {
    const std::size_t size = rows[i] * static_cast<std::size_t>(context_.vocab_size);
    const Status taken = stepped[i]->decode->Take(logits.first(size), copy);
    logits = logits.subspan(size);
    if (!taken) failed.emplace(stepped[i]->serial, taken.error());
    else if (stepped[i]->decode->finished()) finished.push_back(stepped[i]);
  }
  // Now that the logits are used up: what follows computes, too.
  for (Active* each : finished) {
    if (failed.contains(each->serial)) continue;
    if (const Status done = Conclude(*each); !done) failed.emplace(each->serial, done.error());
  }
  std::erase_if(active_, [&](const auto& active) { return std::ranges::find(finished, active.get()) != finished.end(); });
  std::vector<Ended> ended;
  for (const auto& [serial, error] : failed) ended.push_back(Fail(serial, error));
  return ended;
}

// --- a window is done ---

Status LiveTranscripts::Conclude(Active& active) {
  Entry& entry = entries_.at(active.serial);
  const DecodeOutcome& outcome = active.decode->outcome();
  entry.language = outcome.language;
  --entry.in_flight;
  TranscriptionJob::News news;
  news.language = outcome.language;
  news.attempts = outcome.attempts;
  news.done_frames = active.piece.first_frame + active.piece.frames;
  news.skipped = IsSilence(outcome.quality, entry.job->options.thresholds);
  if (news.skipped) {
    entry.seek = news.done_frames;
    Tell(entry, active.index, std::move(news));
    return Ok();
  }
  const Cut cut = CutSegments(tokens_, outcome.tokens, active.piece.frames,
                              Sequential(entry) ? CutMode::kSequential : CutMode::kPiece);
  news.segments = SegmentsOf(active, cut);
  if (entry.job->options.words) {
    if (Status done = AddWords(active, entry, news.segments); !done) return done;
  }
  if (Sequential(entry)) {
    GoOn(entry, active, cut, news.segments);
    news.done_frames = entry.seek;
  }
  // Where windows follow each other, as in the original, what lasts no time is no speech either.
  const bool sequential = Sequential(entry);
  std::erase_if(news.segments, [sequential](const Segment& each) {
    return IsBlank(each.text) || (sequential && each.start == each.end);
  });
  Tell(entry, active.index, std::move(news));
  return Ok();
}

std::vector<Segment> LiveTranscripts::SegmentsOf(const Active& active, const Cut& cut) const {
  const DecodeOutcome& outcome = active.decode->outcome();
  const double offset = static_cast<double>(active.piece.first_frame) * kFrameSeconds;
  std::vector<Segment> segments;
  for (const Cut::Part& part : cut.parts) {
    Segment segment;
    segment.seek = active.piece.first_frame;
    segment.start = offset + part.start;
    segment.end = offset + part.finish;
    segment.tokens.assign(outcome.tokens.begin() + static_cast<std::ptrdiff_t>(part.begin),
                          outcome.tokens.begin() + static_cast<std::ptrdiff_t>(part.end));
    segment.text = TextOf(tokenizer_, tokens_, segment.tokens);
    segment.temperature = outcome.temperature;
    segment.quality = outcome.quality;
    segments.push_back(std::move(segment));
  }
  return segments;
}

// Where the next window begins, and what it is told of this one's.
void LiveTranscripts::GoOn(Entry& entry, const Active& active, const Cut& cut, std::span<const Segment> segments) {
  std::int64_t next = active.piece.first_frame + cut.advance;
  if (entry.job->options.words && !cut.ends_with_one_timestamp) {
    const double offset = static_cast<double>(active.piece.first_frame) * kFrameSeconds;
    const auto last = std::find_if(segments.rbegin(), segments.rend(), [](const Segment& each) { return !each.words.empty(); });
    if (last != segments.rend() && last->words.back().end > offset) {
      next = static_cast<std::int64_t>(std::llround(last->words.back().end / kFrameSeconds));
    }
  }
  // Always on, whatever the model says.
  entry.seek = next > active.piece.first_frame ? next : active.piece.first_frame + active.piece.frames;
  const bool trusted = active.decode->outcome().temperature <= kTrustedTemperature;
  if (!entry.job->options.condition_on_previous || !trusted) {
    entry.previous.clear();
    return;
  }
  for (const Segment& each : segments) {
    if (each.start == each.end || IsBlank(each.text)) continue;
    entry.previous.insert(entry.previous.end(), each.tokens.begin(), each.tokens.end());
  }
  const auto most = static_cast<std::size_t>(context_.context);
  if (entry.previous.size() > most) entry.previous.erase(entry.previous.begin(), entry.previous.end() - static_cast<std::ptrdiff_t>(most));
}

void LiveTranscripts::Tell(Entry& entry, std::size_t index, TranscriptionJob::News news) {
  entry.untold.emplace(index, std::move(news));
  while (!entry.untold.empty() && entry.untold.begin()->first == entry.told) {
    auto next = entry.untold.extract(entry.untold.begin());
    ++entry.told;
    if (entry.job->deliver) entry.job->deliver(std::move(next.mapped()));
  }
}

// --- words ---

Status LiveTranscripts::AddWords(const Active& active, Entry& entry, std::span<Segment> segments) {
  std::vector<Token> text;
  for (const Token id : active.decode->outcome().tokens) {
    if (tokens_.IsText(id)) text.push_back(id);
  }
  const auto words = SplitWords(tokenizer_, text, entry.language);
  if (words.empty()) return Ok();
  // The same transcript without timestamps.
  Prompt prompt = MakePrompt(tokens_, {}, {}, entry.language, entry.job->options.task, false, context_.context);
  std::vector<Token> ids = prompt.ids;
  const auto room = static_cast<std::size_t>(context_.context) - ids.size() - 1;
  if (text.size() > room) return Ok();
  ids.insert(ids.end(), text.begin(), text.end());
  ids.push_back(tokens_.end);
  std::vector<float> probabilities;
  const auto starts = Align(active, text, prompt.ids.size() - 1, ids, probabilities);
  if (!starts) return starts.error();
  const double offset = static_cast<double>(active.piece.first_frame) * kFrameSeconds;
  PlaceWords(tokens_, TimeWords(words, *starts, probabilities), offset, segments, entry.last_speech);
  return Ok();
}

// `lead`: tokens of `ids` before the one whose logits are the first text token's. The sequence is computed in pieces of as
// many tokens as may want logits.
Result<std::vector<std::int64_t>> LiveTranscripts::Align(const Active& active, std::span<const Token> text,
                                                         std::size_t lead, std::span<const Token> ids,
                                                         std::vector<float>& probabilities) {
  const auto positions = static_cast<std::size_t>(model_.config().positions), rows = ids.size();
  HypothesisBlocks blocks(pool_, kBlockTokens);
  blocks.Begin(static_cast<std::int64_t>(rows));
  std::vector<float> all;
  std::size_t heads = 0;
  std::vector<std::size_t> wanted(static_cast<std::size_t>(checkpoint::kSpeechLogitRows));
  std::iota(wanted.begin(), wanted.end(), std::size_t{0});
  for (std::size_t first = 0; first < rows; first += wanted.size()) {
    const std::size_t count = std::min(wanted.size(), rows - first);
    std::span<const float> scores, logits;
    const Slice slice{ids.subspan(first, count), static_cast<std::int64_t>(first), blocks.of(0), active.window.get(),
                      std::span(wanted).first(count)};
    if (Status done = model_.Align(slice, scores, logits); !done) return done.error();
    heads = scores.size() / (count * positions);
    all.resize(heads * rows * positions);
    for (std::size_t head = 0; head < heads; ++head) {
      std::ranges::copy(scores.subspan(head * count * positions, count * positions),
                        all.begin() + static_cast<std::ptrdiff_t>((head * rows + first) * positions));
    }
    const auto vocab = static_cast<std::size_t>(context_.vocab_size);
    for (std::size_t i = first; i < first + count; ++i) {
      if (i < lead || i - lead >= text.size()) continue;
      const auto row = logits.subspan((i - first) * vocab, vocab).first(static_cast<std::size_t>(tokens_.end));
      const float own = row[static_cast<std::size_t>(text[i - lead])];
      probabilities.push_back(static_cast<float>(std::exp(own - LogSumExp(row))));
    }
  }
  const std::int64_t frames = std::clamp<std::int64_t>(active.piece.frames / 2, 1, model_.config().positions);
  std::vector<float> cost = AttentionMatrix(all, static_cast<std::int64_t>(heads), static_cast<std::int64_t>(rows),
                                            model_.config().positions, frames, model_.config().median_filter);
  for (float& value : cost) value = -value;
  const auto part = std::span(cost).subspan(lead * static_cast<std::size_t>(frames), (text.size() + 1) * static_cast<std::size_t>(frames));
  return AlignRows(part, static_cast<std::int64_t>(text.size()) + 1, frames);
}

}  // namespace berth::speech
