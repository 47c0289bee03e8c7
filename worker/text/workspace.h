// The buffers of one call to the tokenizer: allocated once per call, grown as needed, handed from stage to
// stage so that no stage allocates per word. Lives on the caller's stack; never shared between threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::text {

struct Workspace {
  std::string front, back;                          // a normalizer's steps write them in turn
  std::vector<char32_t> points;                     // a stretch of text outside of ASCII
  std::vector<std::string_view> words, next_words;  // a pre-tokenizer's steps write them in turn
  std::vector<std::uint64_t> hashes;                // of a word's prefixes
};

}  // namespace berth::text
