// Ids' texts put together again: tokens that continue a word lose their prefix, the others get a blank in
// front, and the blanks that a tokenizer puts before punctuation and English contractions are taken back.
// Immutable.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth::text {

struct Decoder {
  std::string prefix;  // "": no token continues a word
  bool cleanup = false;

  // tokenizer.json's "decoder"; null puts blanks between the tokens. Errors begin with `where`.
  static Result<Decoder> Parse(const nlohmann::json& value, const std::string& where);

  // Appends one token; `first` when nothing came before it.
  void Append(std::string_view token, bool first, std::string& text) const;
};

}  // namespace berth::text
