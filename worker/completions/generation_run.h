// One request at the generator: the job, what it has delivered, and the reply that is made of it. Made on the pool;
// then used by one thread at a time, but for what the generator's callbacks reach.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "worker/completions/generation_request.h"
#include "worker/completions/news.h"
#include "worker/completions/prompts.h"
#include "worker/completions/reply_shape.h"
#include "worker/completions/service.h"
#include "worker/serve/signal.h"

namespace berth::completions {

struct GenerationRun {
  // Whoever is done with the request earlier than the generator gives the job up.
  ~GenerationRun() { cancel(*job); }

  std::function<void(engine::GenerationJob&)> cancel;
  std::shared_ptr<engine::GenerationJob> job = std::make_shared<engine::GenerationJob>();
  std::shared_ptr<News> news;
  // True: the first work begins. False: the job has ended, begun or not.
  std::shared_ptr<serve::Signal<bool>> started = std::make_shared<serve::Signal<bool>>();
  std::shared_ptr<serve::Signal<bool>> ended = std::make_shared<serve::Signal<bool>>();
  std::unique_ptr<ReplyShape> shape;
  std::size_t prompt_tokens = 0;
  int n = 1;             // choices of each prompt in the reply
};

// The likeliest `n` of each prompt's `best_of` choices, by the mean of their tokens' log-probabilities; in the order of
// likelihood, numbered anew. `choices` are all of them, ascending.
std::vector<ChoiceNews> BestOf(std::vector<ChoiceNews> choices, int best_of, int n);

}  // namespace berth::completions
