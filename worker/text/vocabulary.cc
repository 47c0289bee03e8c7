#include "worker/text/vocabulary.h"

#include <utility>

namespace berth::text {
namespace {

// FNV's low bits are weak for short keys: the table's index comes from the mixed high half.
std::uint64_t Mix(std::uint64_t hash) {
  hash ^= hash >> 32;
  return hash * 0x9E3779B97F4A7C15ULL;
}

}  // namespace

std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = kHashSeed;
  for (const char byte : text) hash = ExtendHash(hash, byte);
  return hash;
}

Status Vocabulary::Add(std::string_view text, std::int64_t id) {
  const std::string name = "token \"" + std::string(text.substr(0, 80)) + "\"";
  if (text.empty()) return Invalid("the token of id ", id, " is empty");
  if (text.size() > kTokenBytesLimit) {
    return Invalid(name, " has ", text.size(), " bytes, more than ", kTokenBytesLimit);
  }
  if (id < 0 || id >= kIdLimit)
    return Invalid(name, " has the id ", id, "; ids are from 0 to ", kIdLimit - 1);
  if (const auto other = Find(text)) return Invalid(name, " has two ids, ", *other, " and ", id);
  const auto index = static_cast<std::size_t>(id);
  if (index < spans_.size() && spans_[index].size > 0) {
    return Invalid(name, " and token \"", Text(static_cast<TokenId>(id)), "\" have the same id ", id);
  }
  if (index >= spans_.size()) spans_.resize(index + 1);
  spans_[index] = {static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size())};
  texts_ += text;
  ++count_;
  if (2 * count_ > slots_.size()) {
    Grow();  // takes in the new token too
  } else {
    Insert(HashOf(text), static_cast<TokenId>(id));
  }
  return Ok();
}

std::optional<TokenId> Vocabulary::Find(std::string_view text) const {
  const TokenId id = Find({}, text, HashOf(text));
  return id == kNone ? std::nullopt : std::optional(id);
}

TokenId Vocabulary::Find(std::string_view prefix, std::string_view rest, std::uint64_t hash) const {
  if (slots_.empty()) return kNone;
  const std::uint64_t mixed = Mix(hash);
  const auto tag = static_cast<std::uint32_t>(mixed);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = mixed >> 32 & mask; slots_[at].id != kNone; at = (at + 1) & mask) {
    if (slots_[at].tag != tag) continue;
    const std::string_view text = Text(slots_[at].id);
    if (text.size() == prefix.size() + rest.size() && text.starts_with(prefix) && text.ends_with(rest)) {
      return slots_[at].id;
    }
  }
  return kNone;
}

void Vocabulary::Insert(std::uint64_t hash, TokenId id) {
  const std::uint64_t mixed = Mix(hash);
  std::size_t at = mixed >> 32 & (slots_.size() - 1);
  while (slots_[at].id != kNone) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {static_cast<std::uint32_t>(mixed), id};
}

void Vocabulary::Grow() {
  slots_.assign(slots_.empty() ? 64 : 2 * slots_.size(), Slot{});
  for (std::size_t id = 0; id < spans_.size(); ++id) {
    const auto token = static_cast<TokenId>(id);
    if (Has(token)) Insert(HashOf(Text(token)), token);
  }
}

std::string_view Vocabulary::Text(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= spans_.size()) return {};
  const Span span = spans_[static_cast<std::size_t>(id)];
  return std::string_view(texts_).substr(span.offset, span.size);
}

}  // namespace berth::text
