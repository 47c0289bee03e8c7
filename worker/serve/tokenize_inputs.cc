#include "worker/serve/tokenize_inputs.h"

#include <utf8proc.h>

#include <string>
#include <utility>

namespace berth::serve {
namespace {

ApiError TooLong(const EmbeddingsRequest& request, std::size_t index, std::size_t tokens,
                 const ModelFacts& model) {
  const std::string param = request.single ? request.input_key : request.input_key + "[" + std::to_string(index) + "]";
  return {.message = "This model's maximum context length is " + std::to_string(model.max_tokens) +
                     " tokens, but '" + param + "' has " + std::to_string(tokens) +
                     " (special tokens included). Shorten it, or send \"truncate\": true.",
          .param = param,
          .code = "context_length_exceeded"};
}

// For models whose side files ask for it, before the tokenizer: code point by code point, bytes that are no
// UTF-8 unchanged.
std::string Lowercase(const std::string& text) {
  std::string lower;
  lower.reserve(text.size());
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (std::size_t i = 0; i < text.size();) {
    utf8proc_int32_t code = 0;
    const auto size = utf8proc_iterate(bytes + i, static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    if (size <= 0) {
      lower += text[i++];
      continue;
    }
    utf8proc_uint8_t encoded[4];
    const auto written = utf8proc_encode_char(utf8proc_tolower(code), encoded);
    lower.append(reinterpret_cast<const char*>(encoded), static_cast<std::size_t>(written));
    i += static_cast<std::size_t>(size);
  }
  return lower;
}

class InputTokenizer {
 public:
  InputTokenizer(EmbeddingsRequest& request, const ModelFacts& model, const text::Tokenizer& tokenizer)
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
    const std::size_t alone = tokenizer_.Encode(Prepare(request_.prompt), false).size();
    return alone + (tokenizer_.special_tokens() > 0 ? 1 : 0);
  }

  std::string Prepare(std::string text) const {
    return model_.sentence.lowercase ? Lowercase(text) : std::move(text);
  }

  text::Encoding EncodeText(std::size_t index) const {
    const std::string text = Prepare(request_.prompt + request_.texts[index]);
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
  const ModelFacts& model_;
  const text::Tokenizer& tokenizer_;
  std::size_t limit_;
};

}  // namespace

Parsed<TokenizedInputs> TokenizeInputs(EmbeddingsRequest& request, const ModelFacts& model,
                                       const text::Tokenizer& tokenizer) {
  return InputTokenizer(request, model, tokenizer).Run();
}

}  // namespace berth::serve
