// What the generator has delivered of a request and nobody has taken yet, by choice. The compute thread puts, the
// request's coroutine takes; what comes between two takes is merged, so that a reader who is slow gets fewer and larger
// pieces, and a reply that is sent whole is one take at the end. What is held, and what the reply will write of it, is
// taken from the memory budget; what is held has a bound where the reply is streamed: whoever does not read for so long
// is given up.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "worker/generation/generation.h"
#include "worker/metering/budget.h"

namespace berth::completions {

// What became known of one choice.
struct ChoiceNews {
  std::size_t index = 0;  // of the choice in the reply: prompt × choices + choice
  std::string text;
  // Where log-probabilities are asked for; the prompt's, which all its choices show, come first.
  std::shared_ptr<const std::vector<engine::Delta::Token>> prompt_tokens;  // may be null
  std::vector<engine::Delta::Token> tokens;
  std::int64_t generated = 0;                // tokens of the choice, the one that ended it among them
  double logprob_sum = 0;                    // of those, where known
  engine::Delta::Finish finish = engine::Delta::Finish::kNone;
};

class News {
 public:
  struct Options {
    int choices = 1;           // of each prompt
    bool keep_tokens = false;
    std::uint64_t bound = 0;   // bytes held untaken; 0: as many as the budget allows
    std::function<std::uint64_t(const engine::Delta::Token&)> written = {};  // about what a choice's reply has of a kept token
  };
  // `budget` outlives this.
  News(engine::Budget& budget, Options options);

  // The compute thread. False: too much is untaken, or the budget refuses it; from then on everything is dropped.
  bool Put(engine::Delta delta);
  // After the last Put(); any thread.
  void End(engine::JobEnd end, std::string error);

  struct Taken {
    engine::Charge charge;            // what they hold, and what will be written of them
    std::vector<ChoiceNews> choices;  // ascending
    std::optional<engine::JobEnd> end;
    std::string error;
  };
  Taken Take();

  // True: there is something to take. Else `wake` is called, once, when there is, on whatever thread brings it;
  // it replaces an earlier one.
  bool Ready(std::function<void()> wake);

 private:
  void Merge(engine::Delta delta);
  void ShareOfPrompt(std::size_t prompt, engine::Delta::Token token);
  bool Grow(const engine::Delta& delta);
  void Wake(std::unique_lock<std::mutex> lock);

  engine::Budget& budget_;
  const Options options_;
  std::mutex mutex_;  // guards what follows
  std::map<std::size_t, ChoiceNews> pending_;
  std::map<std::size_t, std::shared_ptr<std::vector<engine::Delta::Token>>> of_prompts_;  // those of `pending_`
  std::uint64_t held_ = 0;
  std::uint64_t written_ = 0;
  engine::Charge charge_;
  std::optional<engine::JobEnd> failed_;  // why everything is dropped
  std::optional<engine::JobEnd> end_;
  std::string error_;
  std::function<void()> wake_;
};

}  // namespace berth::completions
