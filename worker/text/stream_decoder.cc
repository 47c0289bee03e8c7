#include "worker/text/stream_decoder.h"

#include <algorithm>
#include <utility>

#include "worker/text/pipeline.h"

namespace berth::text {
namespace {

// More than a character has bytes.
constexpr std::size_t kTokensThatMatter = 8;

}  // namespace

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : pipeline_(tokenizer.pipeline_.get()), skip_special_tokens_(skip_special_tokens) {}

void StreamDecoder::GoOnFrom(std::span<const TokenId> before) {
  std::string text;
  for (const TokenId id : before.last(std::min(before.size(), kTokensThatMatter))) Push(id, text);
}

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
