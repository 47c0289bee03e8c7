// The buffers of one call to the tokenizer: allocated once per call, grown as needed, handed from stage to
// stage so that no stage allocates per word. Lives on the caller's stack; never shared between threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/text/regex.h"

namespace berth::text {

// A token of a word that is being merged, in a doubly linked list by index.
struct BpeSymbol {
  std::int32_t id;
  std::uint32_t previous, next;
};

// A pair that may merge: the symbol at `left` and the one after it.
struct BpeCandidate {
  std::uint32_t rank, left;
  std::int32_t id;  // what they become
};

struct Workspace {
  std::string front, back;                          // a normalizer's steps write them in turn
  std::vector<char32_t> points;                     // a stretch of text outside of ASCII
  std::vector<std::string_view> words, next_words;  // a pre-tokenizer's steps write them in turn
  std::array<std::string, 2> rewritten;             // … and those that change the text these
  std::vector<std::size_t> ends;                    // of the words in the text that is being written
  std::vector<std::uint64_t> hashes;                // of a word's prefixes
  std::vector<BpeSymbol> symbols;
  std::vector<BpeCandidate> heap;
  RegexScratch regex;
};

}  // namespace berth::text
