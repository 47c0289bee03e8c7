#include "worker/completions/token_words.h"

#include <cmath>
#include <cstdio>

#include "worker/text/utf8.h"

namespace berth::completions {
namespace {

constexpr double kImpossible = -9999.0;  // JSON has no infinity; OpenAI's API writes this

// {"token":"…","logprob":-12.345678901234567,"bytes":[…]}: a byte is a character, and in the list up to four; what is
// escaped is rare, and longer in the vocabulary, too.
constexpr std::uint64_t kAroundToken = 64;
constexpr std::uint64_t kBytesPerByte = 6;

}  // namespace

std::uint64_t WrittenBytes(const text::Tokenizer& tokenizer, const engine::Delta::Token& token) {
  const auto shown = [&](std::int32_t id) { return kAroundToken + kBytesPerByte * tokenizer.TokenText(id).size(); };
  std::uint64_t bytes = 2 * shown(token.id);  // as itself, and among the alternatives
  for (const auto& other : token.top) bytes += shown(other.id);
  return bytes;
}

double Shown(float logprob) { return std::isfinite(logprob) ? static_cast<double>(logprob) : kImpossible; }

Json ChatToken(const text::Tokenizer& tokenizer, std::int32_t id, float logprob) {
  const std::string bytes = tokenizer.TokenBytes(id);
  std::string repaired;
  Json token = {{"token", std::string(text::Repair(bytes, repaired))}, {"logprob", Shown(logprob)}};
  Json& list = token["bytes"] = Json::array();
  for (const unsigned char byte : bytes) list.push_back(byte);
  return token;
}

std::string CompletionToken(const text::Tokenizer& tokenizer, std::int32_t id) {
  const std::string bytes = tokenizer.TokenBytes(id);
  std::string repaired;
  if (text::Repair(bytes, repaired) == bytes) return bytes;
  std::string shown = "bytes:";
  for (const unsigned char byte : bytes) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", byte);
    shown += escape;
  }
  return shown;
}

}  // namespace berth::completions
