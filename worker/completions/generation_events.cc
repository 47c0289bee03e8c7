#include "worker/completions/generation_events.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace asio = boost::asio;

namespace berth::completions {

asio::awaitable<serve::EventSource::Piece> GenerationEvents::Next(TimePoint deadline) {
  if (!opened_) {
    auto opening = Open();
    if (!opening.empty()) co_return Piece{std::move(opening), false};
  }
  // News need not be events: a token whose text is withheld says nothing yet.
  Piece piece;
  do {
    auto waiting = Wait(deadline);
    co_await std::move(waiting);
    piece = Told(run_->news->Take());
  } while (piece.events.empty() && !piece.last && Clock::now() < deadline);
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

std::string GenerationEvents::Open() {
  opened_ = true;
  std::string events;
  for (std::size_t choice = 0; choice < choices_; ++choice) events += run_->shape->Opening(choice);
  return events;
}

serve::EventSource::Piece GenerationEvents::Told(News::Taken taken) {
  Piece piece;
  for (const ChoiceNews& news : taken.choices) {
    piece.events += run_->shape->Events(news);
    generated_ += news.generated;
  }
  piece.last = taken.end.has_value();
  if (piece.last) piece.events += Ending(taken);
  return piece;
}

std::string GenerationEvents::Ending(const News::Taken& taken) {
  if (*taken.end != engine::JobEnd::kDone) return DataEvent(serve::Refusal(*taken.end, taken.error).body);
  const Usage usage{run_->prompt_tokens, generated_, run_->job->cached_tokens};
  return (usage_ ? run_->shape->UsageEvent(usage) : "") + DataEvent("[DONE]");
}

}  // namespace berth::completions
