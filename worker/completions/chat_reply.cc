#include "worker/completions/chat_reply.h"

#include <utility>

namespace berth::completions {
namespace {

class Chat : public ReplyShape {
 public:
  Chat(const text::Tokenizer& tokenizer, ReplyHead head, bool logprobs)
      : ReplyShape(tokenizer, std::move(head)), logprobs_(logprobs) {}

  std::string Opening(std::size_t choice) override {
    return Chunk(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }

  // The reason why a choice ended has a chunk of its own.
  std::string Events(const ChoiceNews& news) override {
    std::string events;
    if (!news.text.empty() || !news.tokens.empty()) {
      events = Chunk(news.index, {{"content", news.text}}, Logprobs(news), nullptr);
    }
    Json finish = FinishReason(news.finish);
    if (!finish.is_null()) events += Chunk(news.index, Json::object(), nullptr, std::move(finish));
    return events;
  }

 protected:
  const char* object(bool event) const override { return event ? "chat.completion.chunk" : "chat.completion"; }

  Json Choice(const ChoiceNews& choice) override {
    return {{"index", choice.index},
            {"message", {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}},
            {"logprobs", Logprobs(choice)},
            {"finish_reason", FinishReason(choice.finish)}};
  }

 private:
  std::string Chunk(std::size_t choice, Json delta, Json logprobs, Json finish) const {
    Json entry;
    entry["index"] = choice;
    entry["delta"] = std::move(delta);
    entry["logprobs"] = std::move(logprobs);
    entry["finish_reason"] = std::move(finish);
    return Event(std::move(entry));
  }

  Json Logprobs(const ChoiceNews& news) const {
    if (!logprobs_) return nullptr;
    Json content = Json::array();
    for (const auto& token : news.tokens) {
      Json entry = ChatToken(tokenizer(), token.id, token.logprob.value_or(0));
      Json& top = entry["top_logprobs"] = Json::array();
      for (const auto& other : token.top) top.push_back(ChatToken(tokenizer(), other.id, other.logprob));
      content.push_back(std::move(entry));
    }
    Json logprobs;
    logprobs["content"] = std::move(content);
    logprobs["refusal"] = nullptr;
    return logprobs;
  }

  const bool logprobs_;
};

}  // namespace

std::unique_ptr<ReplyShape> ChatShape(const ChatRequest& request, const text::Tokenizer& tokenizer, ReplyHead head) {
  return std::make_unique<Chat>(tokenizer, std::move(head), request.logprobs >= 0);
}

}  // namespace berth::completions
