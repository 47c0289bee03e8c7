// Text from tokens while they are being generated: what Push() returns is final and whole characters, and all of it
// together is Tokenizer::Decode of all ids, at the same cost. Kept back is what later tokens may change: the bytes of a
// character that is not complete (they become U+FFFD only when nothing can complete them), and blanks that the
// tokenizer's decoder takes from the end of a text. One per sequence, on one thread; refers to the tokenizer, which
// must outlive it.
#pragma once

#include <span>
#include <string>

#include "worker/text/decoder.h"
#include "worker/text/tokenizer.h"

namespace berth::text {

class StreamDecoder {
 public:
  StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens);

  // What follows goes on with the text of these ids, which is not returned: a blank before its first word stays. The
  // last few of them decide.
  void GoOnFrom(std::span<const TokenId> before);

  // The text that is certain now and was not before; often empty. Ids that the vocabulary does not have are skipped.
  std::string Push(TokenId id);
  void Push(TokenId id, std::string& text);  // appends it

  // The rest; after it the decoder is at a text's beginning again.
  std::string Finish();

 private:
  const Pipeline* pipeline_;
  bool skip_special_tokens_;
  DecoderState state_;
};

}  // namespace berth::text
