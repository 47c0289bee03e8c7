// What the replies of chat and completions have in common, and what they differ in: the JSON of a whole reply and of
// the events of a streamed one. Pure but for the tokenizer, which spells tokens; one per request, used by one thread at
// a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/completions/news.h"
#include "worker/completions/token_words.h"

namespace berth::completions {

// Stands on a reply, and on every event of a streamed one, the same.
struct ReplyHead {
  std::string id;
  std::int64_t created = 0;  // Unix time, seconds
  std::string model;         // as the client called it
  std::string fingerprint;
  bool usage_in_events = false;  // `usage` is there, and null on all events but its own
};

struct Usage {
  std::size_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;
};

class ReplyShape {
 public:
  ReplyShape(const text::Tokenizer& tokenizer, ReplyHead head) : tokenizer_(tokenizer), head_(std::move(head)) {}
  virtual ~ReplyShape() = default;

  // The whole reply, written choice by choice: a tree of it would hold many times its text. `choices` are as many as there
  // are, in order, each with all that became known of it.
  std::string Whole(const std::vector<ChoiceNews>& choices, const Usage& usage);

  // The events that open a choice; may be "".
  virtual std::string Opening(std::size_t choice) = 0;
  // The events of what became known of a choice.
  virtual std::string Events(const ChoiceNews& news) = 0;
  // The event of the usage.
  std::string UsageEvent(const Usage& usage);

 protected:
  virtual const char* object(bool event) const = 0;
  virtual void AppendChoice(const ChoiceNews& choice, std::string& out) = 0;  // of a whole reply, as JSON

  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  std::string Event(std::string_view choice) const;  // as JSON

 private:
  std::string Begin(bool event) const;  // up to the list of choices

  const text::Tokenizer& tokenizer_;
  const ReplyHead head_;
};

// "\"stop\"", "\"length\"", or "null" while there is none.
const char* FinishReason(engine::Delta::Finish finish);
// A header or a vocabulary may have what is no UTF-8.
std::string JsonOf(const Json& value);
// "data: {…}", and the empty line that ends an event.
std::string DataEvent(const std::string& json);

}  // namespace berth::completions
