#include "worker/embeddings/tokenize_inputs.h"

#include <string>
#include <utility>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::serve {
namespace {

ApiError TooLong(const EmbeddingsRequest& request, std::size_t index, std::size_t tokens,
                 const EncoderFacts& model) {
  const std::string param =
      request.single ? request.input_key : request.input_key + "[" + std::to_string(index) + "]";
  return {.message = "This model's maximum context length is " + std::to_string(model.max_tokens) +
                     " tokens, but '" + param + "' has " + std::to_string(tokens) +
                     " (special tokens included). Shorten it, or send \"truncate\": true.",
          .param = param,
          .code = "context_length_exceeded"};
}

class InputTokenizer {
 public:
  InputTokenizer(EmbeddingsRequest& request, const EncoderFacts& model, const text::Tokenizer& tokenizer)
      : request_(request),
        model_(model),
        tokenizer_(tokenizer),
        limit_(static_cast<std::size_t>(model.max_tokens)) {}

  Parsed<TokenizedInputs> Run() {
    TokenizedInputs result;
    if (!model_.sentence.include_prompt && !request_.prompt.empty()) result.skip = PromptTokens();
    for (std::size_t i = 0; i < request_.inputs(); ++i) {
      text::Encoding encoding = request_.tokens.empty() ? EncodeText(i) : CutTokens(i);
      if (encoding.truncated() && !request_.truncate) return TooLong(request_, i, encoding.full_size, model_);
      result.total += encoding.ids.size();
      if (result.total > kMaxRequestTokens) return TooMany();
      result.ids.push_back(std::move(encoding.ids));
    }
    return result;
  }

 private:
  // The prompt's share of an encoded text: its own encoding without the special tokens that end it.
  std::size_t PromptTokens() const {
    const std::size_t alone = tokenizer_.Encode(PrepareText(request_.prompt, model_), false).size();
    return alone + (tokenizer_.special_tokens() > 0 ? 1 : 0);
  }

  text::Encoding EncodeText(std::size_t index) const {
    const std::string text = PrepareText(request_.prompt + std::exchange(request_.texts[index], {}), model_);
    return tokenizer_.EncodeTruncated(text, limit_, request_.truncation);
  }

  text::Encoding CutTokens(std::size_t index) const {
    text::Encoding encoding{std::move(request_.tokens[index]), 0};
    auto& ids = encoding.ids;
    encoding.full_size = ids.size();
    if (ids.size() <= limit_) return encoding;
    const auto extra = static_cast<std::ptrdiff_t>(ids.size() - limit_);
    if (request_.truncation == text::Truncation::kLeft) {
      ids.erase(ids.begin(), ids.begin() + extra);
    } else {
      ids.erase(ids.end() - extra, ids.end());
    }
    return encoding;
  }

  ApiError TooMany() const {
    return {.message = "The inputs have more than " + std::to_string(kMaxRequestTokens) +
                       " tokens in all; spread them over several requests.",
            .param = request_.input_key,
            .code = "max_tokens_per_request"};
  }

  EmbeddingsRequest& request_;
  const EncoderFacts& model_;
  const text::Tokenizer& tokenizer_;
  std::size_t limit_;
};

}  // namespace

std::string PrepareText(std::string text, const EncoderFacts& model) {
  if (!model.sentence.lowercase) return text;
  std::string repaired;
  return text::Lowercase(text::Repair(text, repaired));
}

Parsed<TokenizedInputs> TokenizeInputs(EmbeddingsRequest& request, const EncoderFacts& model,
                                       const text::Tokenizer& tokenizer) {
  return InputTokenizer(request, model, tokenizer).Run();
}

}  // namespace berth::serve
