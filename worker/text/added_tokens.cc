#include "worker/text/added_tokens.h"

#include <algorithm>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

bool IsWordBefore(std::string_view text, std::size_t at) { return at > 0 && IsWord(DecodeBefore(text, at)); }

bool IsWordAt(std::string_view text, std::size_t at) {
  return at < text.size() && IsWord(DecodeAt(text, at));
}

// Where the white space that ends at `at` begins, not before `floor`.
std::size_t SkipSpaceBack(std::string_view text, std::size_t floor, std::size_t at) {
  while (at > floor && IsWhitespace(DecodeBefore(text, at))) {
    do {
      --at;
    } while (IsContinuation(text[at]));
  }
  return at;
}

std::size_t SkipSpace(std::string_view text, std::size_t at) {
  for (std::size_t next = at; next < text.size() && IsWhitespace(DecodeAt(text, next));) at = next;
  return at;
}

}  // namespace

void AddedTokenMatcher::Add(const AddedToken& token, std::string_view pattern) {
  if (pattern.empty()) return;
  int node = 0;
  for (const char byte : pattern) {
    int child = Child(node, byte);
    if (child == kNothing) {
      child = static_cast<int>(trie_.size());
      trie_.emplace_back();
      auto& next = trie_[static_cast<std::size_t>(node)].next;
      next.insert(std::ranges::upper_bound(next, byte, {}, &std::pair<char, int>::first), {byte, child});
    }
    node = child;
  }
  if (trie_[static_cast<std::size_t>(node)].token != kNothing)
    return;  // the first of two equal patterns wins
  trie_[static_cast<std::size_t>(node)].token = static_cast<int>(tokens_.size());
  tokens_.push_back({token.id, token.single_word, token.lstrip, token.rstrip, token.special});
  begins_[static_cast<unsigned char>(pattern.front())] = true;
}

int AddedTokenMatcher::Child(int node, char byte) const {
  const auto& next = trie_[static_cast<std::size_t>(node)].next;
  const auto found = std::ranges::lower_bound(next, byte, {}, &std::pair<char, int>::first);
  return found == next.end() || found->first != byte ? kNothing : found->second;
}

std::pair<int, std::size_t> AddedTokenMatcher::LongestAt(std::string_view text, std::size_t at) const {
  std::pair<int, std::size_t> longest{kNothing, at};
  for (int node = 0; at < text.size();) {
    node = Child(node, text[at++]);
    if (node == kNothing) break;
    const int token = trie_[static_cast<std::size_t>(node)].token;
    if (token != kNothing) longest = {token, at};
  }
  return longest;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::Next(std::string_view text, std::size_t from,
                                                                bool special) const {
  if (tokens_.empty()) return std::nullopt;
  for (std::size_t at = from; at < text.size();) {
    if (!begins_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const auto [token, end] = LongestAt(text, at);
    if (token == kNothing) {
      ++at;
      continue;
    }
    const Rules& rules = tokens_[static_cast<std::size_t>(token)];
    if (rules.special && !special) {  // its characters are text, and may hold another token
      ++at;
      continue;
    }
    if (rules.single_word && (IsWordBefore(text, at) || IsWordAt(text, end))) {
      at = end;
      continue;
    }
    return Match{rules.lstrip ? SkipSpaceBack(text, from, at) : at, rules.rstrip ? SkipSpace(text, end) : end,
                 rules.id};
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens,
                         const std::function<std::string(std::string_view)>& normalize)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    by_id_.emplace(token.id, i);
    by_content_.emplace(token.content, i);
    size_ = std::max(size_, static_cast<std::size_t>(token.id) + 1);
    if (token.normalized) {
      normalized_.Add(token, normalize(token.content));
    } else {
      raw_.Add(token, token.content);
    }
  }
}

const AddedToken* AddedTokens::Find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::Find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace berth::text
