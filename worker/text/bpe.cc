#include "worker/text/bpe.h"

#include <algorithm>
#include <utility>

#include "worker/text/byte_token.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

constexpr std::uint32_t kEnd = ~0U;  // of the list
constexpr TokenId kMerged = -2;      // the id of a symbol that its neighbour has swallowed

// The heap's order: the least rank first, then the leftmost.
bool GoesLater(const BpeCandidate& a, const BpeCandidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
}

}  // namespace

Result<Bpe> Bpe::Create(Vocabulary vocabulary, MergeTable merges, BpeOptions options, const std::string& where) {
  TokenId unknown = Vocabulary::kNone;
  if (!options.unk_token.empty()) {
    const auto found = vocabulary.Find(options.unk_token);
    if (!found) {
      return Invalid(where, ": the vocabulary of ", vocabulary.count(), " tokens lacks the unknown token \"",
                     options.unk_token.substr(0, 80), "\"; correct unk_token");
    }
    unknown = *found;
  }
  return Bpe(std::move(vocabulary), std::move(merges), std::move(options), unknown);
}

Bpe::Bpe(Vocabulary vocabulary, MergeTable merges, BpeOptions options, TokenId unknown)
    : vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      options_(std::move(options)),
      unknown_(unknown) {
  for (char32_t point = 0; point < characters_.size(); ++point) {
    std::string character;
    Append(character, point);
    characters_[point] = vocabulary_.Find(character).value_or(Vocabulary::kNone);
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary_.Find(TokenOfByte(static_cast<unsigned char>(byte)));
    bytes_[byte] = options_.byte_fallback ? id.value_or(Vocabulary::kNone) : Vocabulary::kNone;
  }
}

void Bpe::Encode(std::string_view word, std::vector<TokenId>& ids, Workspace& workspace) const {
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.Find(word)) return ids.push_back(*id);
  }
  PutCharacters(word, workspace);
  Merge(workspace);
  for (const BpeSymbol& symbol : workspace.symbols) {
    if (symbol.id != kMerged) ids.push_back(symbol.id);
  }
}

void Bpe::PutCharacters(std::string_view word, Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  symbols.clear();
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    const char32_t point = DecodeAt(word, at);
    const std::string_view character = word.substr(begin, at - begin);
    const bool plain = options_.prefix.empty() && options_.suffix.empty();
    const TokenId id = plain && point < characters_.size() ? characters_[point]
                                                           : FindCharacter(character, begin == 0, at == word.size());
    if (id != Vocabulary::kNone) {
      symbols.push_back({id, 0, 0});
    } else {
      PutUnknown(character, symbols);
    }
  }
  for (std::uint32_t i = 0; i < symbols.size(); ++i) {
    symbols[i].previous = i == 0 ? kEnd : i - 1;
    symbols[i].next = i + 1 == symbols.size() ? kEnd : i + 1;
  }
}

TokenId Bpe::FindCharacter(std::string_view character, bool first, bool last) const {
  if (options_.prefix.empty() && options_.suffix.empty()) {
    return vocabulary_.Find({}, character, HashOf(character));
  }
  std::string token = first ? std::string() : options_.prefix;
  token += character;
  if (last) token += options_.suffix;
  return vocabulary_.Find(token).value_or(Vocabulary::kNone);
}

void Bpe::PutUnknown(std::string_view character, std::vector<BpeSymbol>& symbols) const {
  const auto id_of = [this](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
  if (std::ranges::none_of(character, [&](char byte) { return id_of(byte) == Vocabulary::kNone; })) {
    for (const char byte : character) symbols.push_back({id_of(byte), 0, 0});
    return;
  }
  if (unknown_ == Vocabulary::kNone) return;
  const bool fused = options_.fuse_unk && !symbols.empty() && symbols.back().id == unknown_;
  if (!fused) symbols.push_back({unknown_, 0, 0});
}

// Offers the symbol at `at` and the one after it.
void Bpe::Offer(const std::vector<BpeSymbol>& symbols, std::uint32_t at, std::vector<BpeCandidate>& heap) const {
  const MergeTable::Merge merge = merges_.Find(symbols[at].id, symbols[symbols[at].next].id);
  if (merge.id == MergeTable::kNone) return;
  heap.push_back({merge.rank, at, merge.id});
}

void Bpe::Merge(Workspace& workspace) const {
  auto& symbols = workspace.symbols;
  auto& heap = workspace.heap;
  heap.clear();
  for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) Offer(symbols, i, heap);
  std::ranges::make_heap(heap, GoesLater);
  const auto offer = [&](std::uint32_t at) {
    const std::size_t before = heap.size();
    Offer(symbols, at, heap);
    if (heap.size() > before) std::ranges::push_heap(heap, GoesLater);
  };
  while (!heap.empty()) {
    std::ranges::pop_heap(heap, GoesLater);
    const BpeCandidate top = heap.back();
    heap.pop_back();
    BpeSymbol& left = symbols[top.left];
    // One of the two may have merged with another since, or have no neighbour any more.
    if (left.id == kMerged || left.next == kEnd) continue;
    BpeSymbol& right = symbols[left.next];
    if (merges_.Find(left.id, right.id).id != top.id) continue;
    left.id = top.id;
    right.id = kMerged;
    left.next = right.next;
    if (left.next != kEnd) symbols[left.next].previous = top.left;
    if (left.previous != kEnd) offer(left.previous);
    if (left.next != kEnd) offer(top.left);
  }
}

}  // namespace berth::text
