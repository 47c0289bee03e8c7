#include "worker/generation/choice.h"

#include <algorithm>
#include <utility>

#include "worker/generation/logprobs.h"

namespace berth::engine {
namespace {

constexpr std::uint64_t kMapNode = 48;           // of a std::map, as the C library's heap rounds it
constexpr std::uint64_t kAroundAllocation = 64;  // pointers to a choice, and what the heap keeps beside its pieces

std::vector<std::int32_t> EndsOf(const Stopping& stopping, std::span<const std::int32_t> eos) {
  std::vector<std::int32_t> ends = stopping.stop_token_ids;
  if (!stopping.ignore_eos) ends.insert(ends.end(), eos.begin(), eos.end());
  return ends;
}

}  // namespace

ChoiceRules::ChoiceRules(const GenerationJob& job, std::span<const std::int32_t> eos)
    : stops(job.stopping.stop), ends(EndsOf(job.stopping, eos)) {}

std::uint64_t HeldBytes(const GenerationJob& job) {
  std::uint64_t ids = 2 * job.stopping.stop_token_ids.size();
  for (const auto& prompt : job.prompts) ids += prompt.size() * (job.sampling.repetition_penalty == 1 ? 1 : 2);
  std::uint64_t stops = 0;
  for (const std::string& stop : job.stopping.stop) stops += stop.size() * (2 + sizeof(std::uint32_t));
  const std::uint64_t choice = sizeof(Choice) + job.stopping.stop.size() * sizeof(std::uint32_t) + kAroundAllocation;
  const std::uint64_t choices = job.prompts.size() * static_cast<std::uint64_t>(job.choices);
  return ids * sizeof(std::int32_t) + stops + job.sampling.logit_bias.size() * kMapNode + job.cache_salt.size() +
         choices * choice;
}

Choice::Choice(const GenerationJob& job, const ChoiceRules& rules, std::size_t prompt, const Sampler::Place& place,
               const ChoiceContext& context)
    : job_(job),
      rules_(rules),
      prompt_(prompt),
      choice_(place.choice),
      sampled_vocab_(context.sampled_vocab),
      most_outputs_(std::min(job.stopping.max_tokens,
                             context.context - static_cast<std::int64_t>(job.prompts[prompt].size()))),
      sampler_(job.sampling, place, context.sampled_vocab),
      stream_(*context.tokenizer, job.skip_special_tokens),
      stops_(rules.stops, job.stopping.include_stop) {
  stream_.GoOnFrom(job.prompts[prompt]);
  sequence.prompt = job.prompts[prompt];
  sequence.prompt_rows = job.prompt_logprobs && place.choice == 0;
}

Delta Choice::Take(const Piece& piece, std::span<const float> rows, int vocab) {
  Delta delta;
  delta.prompt = prompt_;
  delta.choice = choice_;
  const auto width = static_cast<std::size_t>(vocab);
  for (std::int64_t position = piece.rows_from; position < piece.end; ++position) {
    const auto row = rows.subspan(static_cast<std::size_t>(position - piece.rows_from) * width, width);
    if (sequence.prompt_rows) TakePromptRow(position, row, delta);
    if (position + 1 == static_cast<std::int64_t>(sequence.ids.size())) GoOn(row, delta);
  }
  return delta;
}

// The logits at one token of the prompt say how probable the next one was; nothing says it of the first.
void Choice::TakePromptRow(std::int64_t position, std::span<const float> row, Delta& delta) const {
  if (position == 0) {
    Delta::Token first;
    first.id = sequence.prompt.front();
    first.of_prompt = true;
    delta.tokens.push_back(std::move(first));
  }
  const auto next = static_cast<std::size_t>(position) + 1;
  if (next >= sequence.prompt.size()) return;
  delta.tokens.push_back(TokenOf(sequence.prompt[next], true, row));
  delta.tokens.back().of_prompt = true;
}

// A choice of no tokens ends with its prompt, whose text is not its own.
void Choice::GoOn(std::span<const float> row, Delta& delta) {
  if (most_outputs_ > 0) return Draw(row, delta);
  finish_ = delta.finish = Delta::Finish::kLength;
}

void Choice::Draw(std::span<const float> row, Delta& delta) {
  const bool may_end = outputs_ >= job_.stopping.min_tokens;
  const auto masked = may_end ? std::span<const std::int32_t>() : std::span<const std::int32_t>(rules_.ends);
  const std::int32_t id = sampler_.Draw(row, static_cast<std::int64_t>(sequence.ids.size()), masked);
  ++outputs_;
  delta.tokens.push_back(TokenOf(id, job_.logprobs >= 0, row));
  if (may_end && IsEnd(id)) {
    delta.tokens.back().is_end = true;
    return End(Delta::Finish::kStop, delta);
  }
  Accept(id, delta);
}

Delta::Token Choice::TokenOf(std::int32_t id, bool with_logprobs, std::span<const float> row) const {
  Delta::Token token;
  token.id = id;
  if (!with_logprobs) return token;
  TokenLogprobs logprobs = LogprobsOf(row, id, job_.logprobs, sampled_vocab_);
  token.logprob = logprobs.own;
  token.top = std::move(logprobs.top);
  return token;
}

void Choice::Accept(std::int32_t id, Delta& delta) {
  sampler_.SeeOutput(id);
  std::string text = stream_.Push(id);
  // Text from before min_tokens stops nothing, nor does it begin what would.
  delta.text += outputs_ < job_.stopping.min_tokens ? std::move(text) : stops_.Push(text);
  if (stops_.stopped()) {
    finish_ = delta.finish = Delta::Finish::kStop;
  } else if (outputs_ >= most_outputs_) {
    End(Delta::Finish::kLength, delta);
  }
}

// No more tokens: what was withheld is text after all, unless it completes a stop string.
void Choice::End(Delta::Finish finish, Delta& delta) {
  delta.text += stops_.Push(stream_.Finish());
  if (stops_.stopped()) finish = Delta::Finish::kStop;
  delta.text += stops_.Finish();
  finish_ = delta.finish = finish;
}

bool Choice::IsEnd(std::int32_t id) const { return std::ranges::find(rules_.ends, id) != rules_.ends.end(); }

}  // namespace berth::engine
