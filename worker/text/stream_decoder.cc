#include "worker/text/stream_decoder.h"

#include <utility>

#include "worker/text/pipeline.h"

namespace berth::text {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : pipeline_(tokenizer.pipeline_.get()), skip_special_tokens_(skip_special_tokens) {}

std::string StreamDecoder::Push(TokenId id) {
  std::string text;
  Push(id, text);
  return text;
}

void StreamDecoder::Push(TokenId id, std::string& text) {
  const AddedToken* added = pipeline_->added.Find(id);
  if (skip_special_tokens_ && added != nullptr && added->special) return;
  const std::string_view token = pipeline_->TokenText(id);
  if (!token.empty()) pipeline_->decoder.Push(token, state_, text);
}

std::string StreamDecoder::Finish() {
  std::string text;
  pipeline_->decoder.Finish(state_, text);
  state_ = {};
  return text;
}

}  // namespace berth::text
