// tokenizer-probe DIR: our tokenizer for tests that compare it with another. One JSON object a line comes in on
// stdin, {"text": …, "pair": …}, both as hexadecimal bytes, since not all of them are UTF-8; one a line goes
// out: the ids of the text with and without special tokens, both kinds decoded, the ids of the pair, and where
// its second segment begins.
#include <cstdio>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "worker/text/tokenizer.h"

namespace berth {
namespace {

using nlohmann::json;

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

json Answer(const text::Tokenizer& tokenizer, const json& question) {
  const std::string text = FromHex(question.at("text"));
  const std::string other = FromHex(question.at("pair"));
  const auto ids = tokenizer.Encode(text, true);
  const auto pair = tokenizer.EncodePair(text, other, std::numeric_limits<std::size_t>::max());
  return {{"ids", ids},
          {"plain", tokenizer.Encode(text, false)},
          {"decoded", tokenizer.Decode(ids, false)},
          {"decoded_plain", tokenizer.Decode(ids, true)},
          {"pair", pair.ids},
          {"second", pair.second}};
}

int Main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: tokenizer-probe DIR\n");
    return 64;
  }
  const auto tokenizer = text::Tokenizer::Load(argv[1]);
  if (!tokenizer) {
    std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str());
    return 65;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const json answer = Answer(**tokenizer, json::parse(line));
    std::puts(answer.dump(-1, ' ', true, json::error_handler_t::replace).c_str());
  }
  return 0;
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) { return berth::Main(argc, argv); }
