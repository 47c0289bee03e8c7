#include "worker/speech/window_decode.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "worker/generation/logprobs.h"

namespace berth::speech {
namespace {

constexpr std::size_t kFirst = 0;  // the only token of a slice

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

WindowDecode::WindowDecode(const DecodeContext& context, DecodeRequest request, BlockPool& pool)
    : context_(context), request_(std::move(request)), blocks_(pool, kBlockTokens) {
  outcome_.language = request_.language;
  if (!context_.tokens->multilingual()) outcome_.language = "en";
  if (!outcome_.language.empty()) {
    Attempt();
    return;
  }
  phase_ = Phase::kDetecting;
  prompt_.ids = {context_.tokens->start};
  prompt_wanted_ = {0};
  blocks_.Begin(1);
}

std::int64_t WindowDecode::BlocksOf(const DecodeContext& context, const SearchOptions& search) {
  return HypothesisBlocks::Most(std::max({1, search.beam, search.best_of}), 0, context.context, kBlockTokens);
}

void WindowDecode::Attempt() {
  prompt_ = MakePrompt(*context_.tokens, request_.hotwords, request_.previous, outcome_.language, request_.task, true,
                       context_.context);
  prompt_wanted_ = {prompt_.start};
  if (prompt_.start + 1 < prompt_.ids.size()) prompt_wanted_.push_back(prompt_.ids.size() - 1);
  SearchOptions options = request_.search;
  options.temperature = outcome_.temperature = request_.temperatures[attempt_];
  options.seed = request_.search.seed + attempt_;
  options.max_tokens = std::min(context_.context / 2, context_.context - static_cast<std::int64_t>(prompt_.ids.size()));
  search_.emplace(FilterRules{context_.tokens, true, context_.max_initial_timestamp}, options);
  blocks_.Begin(static_cast<std::int64_t>(prompt_.ids.size()));
  phase_ = Phase::kPrompting;
}

std::vector<Slice> WindowDecode::Next(const Window& window) const {
  if (phase_ != Phase::kSearching) return {{prompt_.ids, 0, blocks_.of(0), &window, prompt_wanted_}};
  std::vector<Slice> slices;
  const auto position = static_cast<std::int64_t>(prompt_.ids.size() + search_->live()[0].tokens.size()) - 1;
  for (std::size_t i = 0; i < last_.size(); ++i) {
    slices.push_back({{&last_[i], 1}, position, blocks_.of(i), &window, {&kFirst, 1}});
  }
  return slices;
}

Status WindowDecode::Take(std::span<const float> logits, const std::function<void(BlockId, BlockId)>& copy) {
  if (!engine::AllFinite(logits)) {
    return MakeError(ErrorKind::kInternal, "the model's output for this audio is not a finite number");
  }
  const auto vocab = static_cast<std::size_t>(context_.vocab_size);
  if (phase_ == Phase::kDetecting) {
    outcome_.language = DetectLanguage(logits, *context_.tokens).code;
    Attempt();
    return Ok();
  }
  if (phase_ == Phase::kPrompting) {
    const auto& no_speech = context_.tokens->no_speech;
    outcome_.quality.no_speech_prob = no_speech ? NoSpeechProbability(logits.first(vocab), *no_speech) : 0;
    logits = logits.last(vocab);
    phase_ = Phase::kSearching;
  }
  Search(logits, copy);
  return Ok();
}

void WindowDecode::Search(std::span<const float> logits, const std::function<void(BlockId, BlockId)>& copy) {
  std::vector<float> rows(logits.begin(), logits.end());
  const auto vocab = static_cast<std::size_t>(context_.vocab_size);
  std::vector<std::span<float>> spans;
  for (std::size_t at = 0; at < rows.size(); at += vocab) spans.push_back(std::span(rows).subspan(at, vocab));
  const auto sources = search_->Take(spans);
  if (search_->finished()) return Judge();
  last_.clear();
  for (const Hypothesis& each : search_->live()) last_.push_back(each.tokens.back());
  const std::size_t cached = prompt_.ids.size() + search_->live()[0].tokens.size() - 1;
  for (const auto& [from, to] : blocks_.GoOn(sources, static_cast<std::int64_t>(cached))) copy(from, to);
}

void WindowDecode::Judge() {
  blocks_.Clear();
  const Hypothesis& best = search_->best();
  outcome_.tokens = best.tokens;
  outcome_.quality.avg_logprob = best.avg_logprob();
  outcome_.quality.compression_ratio =
      CompressionRatio(Trimmed(TextOf(*context_.tokenizer, *context_.tokens, best.tokens)));
  outcome_.attempts = static_cast<int>(attempt_) + 1;
  if (attempt_ + 1 < request_.temperatures.size() && NeedsFallback(outcome_.quality, request_.thresholds)) {
    ++attempt_;
    return Attempt();
  }
  finished_ = true;
}

}  // namespace berth::speech
