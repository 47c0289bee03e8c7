#include "worker/completions/news.h"

#include <utility>

#include "worker/serve/json_text.h"

namespace berth::completions {
namespace {

using engine::Delta;
using engine::JobEnd;

// What one delta adds, about.
std::uint64_t BytesOf(const Delta& delta, bool keep_tokens) {
  std::uint64_t bytes = delta.text.size();
  if (!keep_tokens) return bytes;
  for (const Delta::Token& token : delta.tokens) {
    bytes += sizeof token + token.top.size() * sizeof(engine::TokenLogprob);
  }
  return bytes;
}

}  // namespace

News::News(engine::Budget& budget, Options options) : budget_(budget), options_(std::move(options)) {}

bool News::Put(Delta delta) {
  std::unique_lock lock(mutex_);
  if (failed_) return false;
  if (!Grow(delta)) {
    pending_.clear();
    of_prompts_.clear();
    charge_.Reset();
    return false;
  }
  Merge(std::move(delta));
  Wake(std::move(lock));
  return true;
}

bool News::Grow(const Delta& delta) {
  const std::uint64_t held = BytesOf(delta, options_.keep_tokens);
  std::uint64_t written = serve::JsonStringBytes(delta.text);
  for (const Delta::Token& token : delta.tokens) {
    if (!options_.keep_tokens || !options_.written) break;
    written += options_.written(token) * (token.of_prompt ? static_cast<std::uint64_t>(options_.choices) : 1);
  }
  if (options_.bound > 0 && held_ + held > options_.bound) {
    failed_ = JobEnd::kCancelled;
    error_ = "the client has not read " + std::to_string(held_) + " bytes of its reply";
  } else if (!charge_.Hold(budget_, held_ + held + written_ + written)) {
    failed_ = JobEnd::kOverBudget;
    error_ = budget_.Refusal(held + written);
  }
  held_ += held;
  written_ += written;
  return !failed_;
}

void News::Merge(Delta delta) {
  const std::size_t index = delta.prompt * static_cast<std::size_t>(options_.choices) +
                            static_cast<std::size_t>(delta.choice);
  ChoiceNews& news = pending_[index];
  news.index = index;
  news.text += delta.text;
  for (Delta::Token& token : delta.tokens) {
    if (token.of_prompt) {
      ShareOfPrompt(delta.prompt, std::move(token));
      continue;
    }
    ++news.generated;
    news.logprob_sum += token.logprob.value_or(0);
    if (options_.keep_tokens && !token.is_end) news.tokens.push_back(std::move(token));
  }
  if (delta.finish != Delta::Finish::kNone) news.finish = delta.finish;
}

// They are computed once and told with the first choice; each choice shows them.
void News::ShareOfPrompt(std::size_t prompt, Delta::Token token) {
  if (!options_.keep_tokens) return;
  auto& shared = of_prompts_[prompt];
  if (!shared) {
    shared = std::make_shared<std::vector<Delta::Token>>();
    const auto choices = static_cast<std::size_t>(options_.choices);
    for (std::size_t index = prompt * choices; index < (prompt + 1) * choices; ++index) {
      pending_[index].index = index;
      pending_[index].prompt_tokens = shared;
    }
  }
  shared->push_back(std::move(token));
}

void News::End(JobEnd end, std::string error) {
  std::unique_lock lock(mutex_);
  end_ = failed_.value_or(end);
  if (!failed_) error_ = std::move(error);
  Wake(std::move(lock));
}

News::Taken News::Take() {
  std::lock_guard lock(mutex_);
  Taken taken{std::exchange(charge_, {}), {}, end_, end_ ? error_ : std::string()};
  taken.choices.reserve(pending_.size());
  for (auto& [index, news] : pending_) taken.choices.push_back(std::move(news));
  pending_.clear();
  of_prompts_.clear();
  held_ = written_ = 0;
  return taken;
}

bool News::Ready(std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  if (!pending_.empty() || end_) return true;
  wake_ = std::move(wake);
  return false;
}

void News::Wake(std::unique_lock<std::mutex> lock) {
  const auto wake = std::exchange(wake_, nullptr);
  lock.unlock();
  if (wake) wake();
}

}  // namespace berth::completions
