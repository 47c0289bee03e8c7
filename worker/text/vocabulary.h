// Tokens and their ids, both ways. All token texts lie in one block of memory; the tables hold offsets into
// it. Immutable once built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/tokenizer.h"

namespace berth::text {

// A hash over bytes that is extended byte by byte, so that one pass gives the hashes of all prefixes
// (FNV-1a).
inline constexpr std::uint64_t kHashSeed = 14695981039346656037ULL;
inline std::uint64_t ExtendHash(std::uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
}
std::uint64_t HashOf(std::string_view text);

class Vocabulary {
 public:
  static constexpr TokenId kIdLimit = 1 << 22;  // 16 times the largest published vocabulary
  static constexpr std::size_t kTokenBytesLimit = 1024;

  // Errors (without the name of the file): an id that is negative or too large; an id, or a text, given
  // twice; a text that is too long.
  Status Add(std::string_view text, std::int64_t id);

  std::optional<TokenId> Find(std::string_view text) const;

  // The token that reads `prefix` + `rest`, whose hash the caller has: kNone where there is none.
  static constexpr TokenId kNone = -1;
  TokenId Find(std::string_view prefix, std::string_view rest, std::uint64_t hash) const;

  std::string_view Text(TokenId id) const;  // empty: no such id
  bool Has(TokenId id) const { return !Text(id).empty(); }
  std::size_t size() const { return spans_.size(); }  // largest id + 1
  std::size_t count() const { return count_; }

 private:
  struct Span {
    std::uint32_t offset = 0, size = 0;
  };
  struct Slot {
    std::uint32_t tag = 0;
    TokenId id = kNone;  // kNone: free
  };
  void Insert(std::uint64_t hash, TokenId id);
  void Grow();

  std::string texts_;
  std::vector<Span> spans_;  // by id
  std::vector<Slot> slots_;  // open addressing; a power of two of them, at most half full
  std::size_t count_ = 0;
};

}  // namespace berth::text
