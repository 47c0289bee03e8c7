#include "worker/completions/completions_reply.h"

#include <algorithm>
#include <map>
#include <utility>

#include "worker/serve/json_text.h"
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
    std::string entry;
    AppendEntry(choice, {echoes_[choice / n_], ""}, nullptr, engine::Delta::Finish::kNone, entry);
    return Event(entry);
  }

  std::string Events(const ChoiceNews& news) override {
    const bool tells = !news.text.empty() || !news.tokens.empty() || news.prompt_tokens;
    if (!tells && news.finish == engine::Delta::Finish::kNone) return "";
    std::string entry;
    AppendEntry(news.index, {"", news.text}, &news, news.finish, entry);
    return Event(entry);
  }

 protected:
  const char* object(bool) const override { return "text_completion"; }

  void AppendChoice(const ChoiceNews& choice, std::string& out) override {
    const std::string_view echo = echoes_.empty() ? std::string_view() : echoes_[choice.index / n_];
    AppendEntry(choice.index, {echo, choice.text}, &choice, choice.finish, out);
  }

 private:
  struct Told {
    std::string_view echo, text;
  };

  // `of`: whose tokens are told; may be null.
  void AppendEntry(std::size_t index, Told told, const ChoiceNews* of, engine::Delta::Finish finish, std::string& out) {
    out += R"({"index":)" + std::to_string(index) + R"(,"text":)";
    serve::AppendJsonString(told.echo, out);
    out.pop_back();  // the one quote
    const std::size_t at = out.size();
    serve::AppendJsonString(told.text, out);
    out.erase(at, 1);  // and the other: both are one string
    out += R"(,"logprobs":)";
    if (of == nullptr || logprobs_ < 0) out += "null";
    else AppendLogprobs(*of, out);
    out.append(R"(,"finish_reason":)").append(FinishReason(finish)).append("}");
  }

  // Four lists side by side.
  struct Lists {
    std::string tokens, logprobs, tops, offsets;
  };

  void AppendLogprobs(const ChoiceNews& news, std::string& out) {
    Progress& progress = progress_.try_emplace(news.index, tokenizer(), skip_special_).first->second;
    Lists lists;
    if (news.prompt_tokens) {
      for (const auto& token : *news.prompt_tokens) Add(token, progress, lists);
    }
    for (const auto& token : news.tokens) Add(token, progress, lists);
    out.append(R"({"tokens":[)").append(lists.tokens).append(R"(],"token_logprobs":[)").append(lists.logprobs);
    out.append(R"(],"top_logprobs":[)").append(lists.tops).append(R"(],"text_offset":[)").append(lists.offsets);
    out += "]}";
  }

  void Add(const engine::Delta::Token& token, Progress& progress, Lists& lists) const {
    if (!lists.tokens.empty()) {
      for (std::string* list : {&lists.tokens, &lists.logprobs, &lists.tops, &lists.offsets}) *list += ',';
    }
    lists.tokens += JsonOf(CompletionToken(tokenizer(), token.id));
    lists.logprobs += token.logprob ? JsonOf(Shown(*token.logprob)) : "null";
    lists.tops += token.logprob ? JsonOf(Top(token)) : "null";
    lists.offsets += std::to_string(progress.code_points);
    progress.code_points += CodePoints(progress.decoder.Push(token.id));
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

std::uint64_t EchoBytes(const CompletionsRequest& request, const text::Tokenizer& tokenizer) {
  if (!request.echo) return 0;
  std::uint64_t held = 0, written = 0;
  for (const auto& prompt : request.prompts) {
    std::uint64_t bytes = 0;
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      bytes = serve::JsonStringBytes(*text);
    } else {
      for (const std::int32_t id : std::get<PromptTokens>(prompt)) bytes += tokenizer.TokenText(id).size();
    }
    held += bytes;
    written = request.stream ? std::max(written, bytes) : written + bytes * static_cast<std::uint64_t>(request.n);
  }
  return held + written;
}

std::unique_ptr<ReplyShape> CompletionsShape(const CompletionsRequest& request, const text::Tokenizer& tokenizer,
                                             ReplyHead head) {
  std::vector<std::string> echoes;
  for (const auto& prompt : request.prompts) {
    if (request.echo) echoes.push_back(EchoOf(prompt, request.skip_special_tokens, tokenizer));
  }
  return std::make_unique<Completions>(tokenizer, std::move(head), request, std::move(echoes));
}

}  // namespace berth::completions
