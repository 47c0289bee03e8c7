// A request at the generator as a source of server-sent events: each choice is opened, told, and ended; then the usage,
// where it was asked for, and [DONE]. A request that fails on the way ends with an event of its error, and no [DONE].
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "worker/completions/generation_run.h"
#include "worker/serve/call.h"

namespace berth::completions {

class GenerationEvents : public serve::EventSource {
 public:
  // `choices`: of all prompts.
  GenerationEvents(std::unique_ptr<GenerationRun> run, std::size_t choices, bool usage)
      : run_(std::move(run)), choices_(choices), usage_(usage) {}

  boost::asio::awaitable<Piece> Next(TimePoint deadline) override;

 private:
  std::string Open();
  std::string Tell();
  boost::asio::awaitable<void> Wait(TimePoint deadline);  // for news
  std::string Ending();

  const std::unique_ptr<GenerationRun> run_;
  const std::size_t choices_;
  const bool usage_;
  std::size_t opened_ = 0;  // choices
  News::Taken taken_;       // what is being told,
  std::size_t told_ = 0;    // and how many of its choices were
  std::int64_t generated_ = 0;
};

}  // namespace berth::completions
