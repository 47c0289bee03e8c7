#include "worker/completions/chat_reply.h"

#include <utility>

#include "worker/serve/json_text.h"

namespace berth::completions {
namespace {

class Chat : public ReplyShape {
 public:
  Chat(const text::Tokenizer& tokenizer, ReplyHead head, bool logprobs)
      : ReplyShape(tokenizer, std::move(head)), logprobs_(logprobs) {}

  std::string Opening(std::size_t choice) override {
    return Chunk(choice, R"({"role":"assistant","content":""})", "null", "null");
  }

  // The reason why a choice ended has a chunk of its own.
  std::string Events(const ChoiceNews& news) override {
    std::string events;
    if (!news.text.empty() || !news.tokens.empty()) {
      std::string delta = R"({"content":)", logprobs;
      serve::AppendJsonString(news.text, delta);
      AppendLogprobs(news, logprobs);
      events = Chunk(news.index, delta + "}", logprobs, "null");
    }
    if (news.finish != engine::Delta::Finish::kNone) events += Chunk(news.index, "{}", "null", FinishReason(news.finish));
    return events;
  }

 protected:
  const char* object(bool event) const override { return event ? "chat.completion.chunk" : "chat.completion"; }

  void AppendChoice(const ChoiceNews& choice, std::string& out) override {
    out += R"({"index":)" + std::to_string(choice.index) + R"(,"message":{"role":"assistant","content":)";
    serve::AppendJsonString(choice.text, out);
    out += R"(,"refusal":null},"logprobs":)";
    AppendLogprobs(choice, out);
    out.append(R"(,"finish_reason":)").append(FinishReason(choice.finish)).append("}");
  }

 private:
  // All but the index as JSON.
  std::string Chunk(std::size_t choice, std::string_view delta, std::string_view logprobs, std::string_view finish) const {
    std::string entry = R"({"index":)" + std::to_string(choice);
    entry.append(R"(,"delta":)").append(delta).append(R"(,"logprobs":)").append(logprobs);
    entry.append(R"(,"finish_reason":)").append(finish).append("}");
    return Event(entry);
  }

  void AppendLogprobs(const ChoiceNews& news, std::string& out) const {
    if (!logprobs_) {
      out += "null";
      return;
    }
    out += R"({"content":[)";
    for (std::size_t i = 0; i < news.tokens.size(); ++i) {
      const auto& token = news.tokens[i];
      Json entry = ChatToken(tokenizer(), token.id, token.logprob.value_or(0));
      Json& top = entry["top_logprobs"] = Json::array();
      for (const auto& other : token.top) top.push_back(ChatToken(tokenizer(), other.id, other.logprob));
      out += (i > 0 ? "," : "") + JsonOf(entry);
    }
    out += R"(],"refusal":null})";
  }

  const bool logprobs_;
};

}  // namespace

std::unique_ptr<ReplyShape> ChatShape(const ChatRequest& request, const text::Tokenizer& tokenizer, ReplyHead head) {
  return std::make_unique<Chat>(tokenizer, std::move(head), request.logprobs >= 0);
}

}  // namespace berth::completions
