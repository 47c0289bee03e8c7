#include "worker/text/pre_tokenizer.h"

#include <array>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

using Words = std::vector<std::string_view>;

// What a character is to a splitter: part of a word, a cut that is dropped, a cut that is a word by itself.
enum class Role : char { kWord, kDropped, kAlone };

Role BertRole(char32_t point) {
  if (IsWhitespace(point)) return Role::kDropped;
  return IsPunctuation(point) ? Role::kAlone : Role::kWord;
}

const std::array<Role, 128>& BertAsciiRoles() {
  static const auto roles = [] {
    std::array<Role, 128> table{};
    for (char32_t point = 0; point < 128; ++point) table[point] = BertRole(point);
    return table;
  }();
  return roles;
}

void Put(std::string_view text, std::size_t begin, std::size_t end, Words& words) {
  if (begin < end) words.push_back(text.substr(begin, end - begin));
}

void SplitBert(std::string_view text, Words& words) {
  const auto& ascii = BertAsciiRoles();
  std::size_t word = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const Role role =
        IsAscii(text[at]) ? ascii[static_cast<unsigned char>(text[at++])] : BertRole(DecodeAt(text, at));
    if (role == Role::kWord) continue;
    Put(text, word, here, words);
    if (role == Role::kAlone) Put(text, here, at, words);
    word = at;
  }
  Put(text, word, text.size(), words);
}

void SplitWhitespace(std::string_view text, Words& words) {
  std::size_t word = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    if (!IsWhitespace(DecodeAt(text, at))) continue;
    Put(text, word, here, words);
    word = at;
  }
  Put(text, word, text.size(), words);
}

void SplitWords(std::string_view text, Words& words) {
  enum class Class { kSpace, kWord, kOther };
  std::size_t begin = 0;
  Class current = Class::kSpace;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const char32_t point = DecodeAt(text, at);
    const Class next = IsWhitespace(point) ? Class::kSpace : IsWord(point) ? Class::kWord : Class::kOther;
    if (next == current) continue;
    if (current != Class::kSpace) Put(text, begin, here, words);
    begin = here;
    current = next;
  }
  if (current != Class::kSpace) Put(text, begin, text.size(), words);
}

// Cuts at the characters for which `is_cut` holds. A boundary falls between two characters (or the text's
// ends) by what they are and what `cut` makes of that.
bool IsBoundary(bool before, bool after, Cut cut) {
  switch (cut) {
    case Cut::kRemoved:
    case Cut::kIsolated:
      return before || after;
    case Cut::kContiguous:
      return before != after;
    case Cut::kMergedWithPrevious:
      return before;
    case Cut::kMergedWithNext:
      return after;
  }
  return false;
}

template <class IsCut>
void SplitAt(std::string_view text, IsCut is_cut, Cut cut, Words& words) {
  std::size_t begin = 0;
  bool before = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const bool after = is_cut(DecodeAt(text, at));
    if (here > begin && IsBoundary(before, after, cut)) {
      if (!before || cut != Cut::kRemoved) Put(text, begin, here, words);
      begin = here;
    }
    before = after;
  }
  if (!before || cut != Cut::kRemoved) Put(text, begin, text.size(), words);
}

struct StepRunner {
  std::string_view text;
  Words& words;

  void operator()(const BertSplit&) const { SplitBert(text, words); }
  void operator()(const WhitespaceSplit&) const { SplitWhitespace(text, words); }
  void operator()(const WordSplit&) const { SplitWords(text, words); }
  void operator()(const PunctuationSplit& step) const { SplitAt(text, IsPunctuation, step.cut, words); }
  void operator()(const DigitSplit& step) const { SplitAt(text, IsNumeric, step.cut, words); }
};

}  // namespace

std::span<const std::string_view> PreTokenizer::Run(std::string_view text, Workspace& workspace) const {
  workspace.words.clear();
  Put(text, 0, text.size(), workspace.words);
  for (const PreTokenizerStep& step : steps_) {
    workspace.next_words.clear();
    for (const std::string_view word : workspace.words)
      std::visit(StepRunner{word, workspace.next_words}, step);
    workspace.words.swap(workspace.next_words);
  }
  return workspace.words;
}

}  // namespace berth::text
