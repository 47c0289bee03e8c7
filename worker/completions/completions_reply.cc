#include "worker/completions/completions_reply.h"

#include <map>
#include <utility>

#include "worker/text/stream_decoder.h"

namespace berth::completions {
namespace {

// Characters, not bytes: continuation bytes begin with 10.
std::int64_t CodePoints(std::string_view text) {
  std::int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

// Where the tokens of one choice begin in its text: what is certain of the text before each of them.
struct Progress {
  Progress(const text::Tokenizer& tokenizer, bool skip_special) : decoder(tokenizer, skip_special) {}

  text::StreamDecoder decoder;
  std::int64_t code_points = 0;
};

class Completions : public ReplyShape {
 public:
  Completions(const text::Tokenizer& tokenizer, ReplyHead head, const CompletionsRequest& request,
              std::vector<std::string> echoes)
      : ReplyShape(tokenizer, std::move(head)),
        echoes_(std::move(echoes)),
        n_(static_cast<std::size_t>(request.n)),
        logprobs_(request.logprobs),
        skip_special_(request.skip_special_tokens) {}

  // The prompt's text, where it is to come back.
  std::string Opening(std::size_t choice) override {
    if (echoes_.empty()) return "";
    return Event(Entry(choice, echoes_[choice / n_], nullptr, nullptr));
  }

  std::string Events(const ChoiceNews& news) override {
    if (news.text.empty() && news.tokens.empty() && news.finish == engine::Delta::Finish::kNone) return "";
    return Event(Entry(news.index, news.text, Logprobs(news), FinishReason(news.finish)));
  }

 protected:
  const char* object(bool) const override { return "text_completion"; }

  Json Choice(const ChoiceNews& choice) override {
    std::string text = echoes_.empty() ? "" : echoes_[choice.index / n_];
    return Entry(choice.index, text + choice.text, Logprobs(choice), FinishReason(choice.finish));
  }

 private:
  static Json Entry(std::size_t index, std::string text, Json logprobs, Json finish) {
    Json entry;
    entry["index"] = index;
    entry["text"] = std::move(text);
    entry["logprobs"] = std::move(logprobs);
    entry["finish_reason"] = std::move(finish);
    return entry;
  }

  Json Logprobs(const ChoiceNews& news) {
    if (logprobs_ < 0) return nullptr;
    Progress& progress = progress_.try_emplace(news.index, tokenizer(), skip_special_).first->second;
    Json tokens = Json::array(), logprobs = Json::array(), tops = Json::array(), offsets = Json::array();
    for (const auto& token : news.tokens) {
      tokens.push_back(CompletionToken(tokenizer(), token.id));
      logprobs.push_back(token.logprob ? Json(Shown(*token.logprob)) : Json());
      tops.push_back(token.logprob ? Top(token) : Json());
      offsets.push_back(progress.code_points);
      progress.code_points += CodePoints(progress.decoder.Push(token.id));
    }
    Json reply;
    reply["tokens"] = std::move(tokens);
    reply["token_logprobs"] = std::move(logprobs);
    reply["top_logprobs"] = std::move(tops);
    reply["text_offset"] = std::move(offsets);
    return reply;
  }

  // The alternatives, and the token itself, which need not be among them.
  Json Top(const engine::Delta::Token& token) const {
    Json top = Json::object();
    for (const auto& other : token.top) top[CompletionToken(tokenizer(), other.id)] = Shown(other.logprob);
    top[CompletionToken(tokenizer(), token.id)] = Shown(*token.logprob);
    return top;
  }

  const std::vector<std::string> echoes_;  // of each prompt; empty: none comes back
  const std::size_t n_;
  const int logprobs_;
  const bool skip_special_;
  std::map<std::size_t, Progress> progress_;
};

// A prompt of tokens comes back as their text.
std::string EchoOf(const std::variant<std::string, PromptTokens>& prompt, bool skip_special,
                   const text::Tokenizer& tokenizer) {
  if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
  return tokenizer.Decode(std::get<PromptTokens>(prompt), skip_special);
}

}  // namespace

std::unique_ptr<ReplyShape> CompletionsShape(const CompletionsRequest& request, const text::Tokenizer& tokenizer,
                                             ReplyHead head) {
  std::vector<std::string> echoes;
  for (const auto& prompt : request.prompts) {
    if (request.echo) echoes.push_back(EchoOf(prompt, request.skip_special_tokens, tokenizer));
  }
  return std::make_unique<Completions>(tokenizer, std::move(head), request, std::move(echoes));
}

}  // namespace berth::completions
