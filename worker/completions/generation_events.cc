#include "worker/completions/generation_events.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace asio = boost::asio;

namespace berth::completions {

namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;  // at least, where more is to be told

}  // namespace

asio::awaitable<serve::EventSource::Piece> GenerationEvents::Next(TimePoint deadline) {
  Piece piece{Open(), false};
  // News need not be events: a token whose text is withheld says nothing yet.
  while (piece.events.empty() && !piece.last) {
    if (told_ == taken_.choices.size()) {
      auto waiting = Wait(deadline);
      co_await std::move(waiting);
      taken_ = run_->news->Take();
      told_ = 0;
    }
    piece.events = Tell();
    piece.last = told_ == taken_.choices.size() && taken_.end;
    if (piece.last) piece.events += Ending();
    if (Clock::now() >= deadline) break;
  }
  co_return piece;
}

asio::awaitable<void> GenerationEvents::Wait(TimePoint deadline) {
  const auto executor = co_await asio::this_coro::executor;
  auto timer = std::make_shared<asio::steady_timer>(executor);
  const auto wake = [timer, executor] { asio::post(executor, [timer] { timer->cancel(); }); };
  while (!run_->news->Ready(wake) && Clock::now() < deadline) {
    boost::system::error_code ignored;
    timer->expires_at(deadline);
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// A prompt that comes back does so with each of its choices: not all at once.
std::string GenerationEvents::Open() {
  std::string events;
  while (opened_ < choices_ && events.size() < kPieceBytes) events += run_->shape->Opening(opened_++);
  return events;
}

std::string GenerationEvents::Tell() {
  std::string events;
  while (told_ < taken_.choices.size() && events.size() < kPieceBytes) {
    const ChoiceNews& news = taken_.choices[told_++];
    events += run_->shape->Events(news);
    generated_ += news.generated;
  }
  return events;
}

std::string GenerationEvents::Ending() {
  if (*taken_.end != engine::JobEnd::kDone) return DataEvent(serve::Refusal(*taken_.end, taken_.error).body);
  const Usage usage{run_->prompt_tokens, generated_, run_->job->cached_tokens};
  return (usage_ ? run_->shape->UsageEvent(usage) : "") + DataEvent("[DONE]");
}

}  // namespace berth::completions
