#include "worker/text/pre_tokenizer.h"

#include <array>

#include "worker/text/byte_level.h"
#include "worker/text/cut_collector.h"
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

// Cuts at the characters for which `is_cut` holds.
template <class IsCut>
void SplitAt(std::string_view text, IsCut is_cut, Cut cut, Words& words) {
  CutCollector collector(text, cut, words);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    if (!is_cut(DecodeAt(text, at))) continue;
    collector.Add(here, false);
    collector.Add(at, true);
  }
  collector.Add(text.size(), false);
  collector.Finish();
}

void SplitAtText(std::string_view text, const TextSplit& step, Words& words) {
  CutCollector collector(text, step.cut, words);
  std::size_t at = 0;
  for (auto found = text.find(step.pattern); found != std::string_view::npos; found = text.find(step.pattern, at)) {
    collector.Add(found, step.invert);
    at = found + step.pattern.size();
    collector.Add(at, !step.invert);
  }
  collector.Add(text.size(), step.invert);
  collector.Finish();
}

// Empty matches cut nothing. Where the pattern gives up, the rest of the text stays one word.
void SplitAtPattern(std::string_view text, const Regex& pattern, Cut cut, bool invert, Words& words,
                    RegexScratch& scratch) {
  CutCollector collector(text, cut, words);
  Regex::Span found;
  for (std::size_t at = 0; at < text.size();) {
    if (pattern.Find(text, at, scratch, found) != Regex::Outcome::kFound) break;
    collector.Add(found.begin, invert);
    collector.Add(found.end, !invert);
    at = found.end;
    if (found.begin == found.end && at < text.size()) DecodeAt(text, at);
  }
  collector.Add(text.size(), invert);
  collector.Finish();
}

// The text that a step writes anew, and where its words end in it. Views are made at the end: the text grows.
class Rewriter {
 public:
  Rewriter(std::string& text, std::vector<std::size_t>& ends) : text_(text), ends_(ends) {
    text_.clear();
    ends_.clear();
  }
  std::string& text() { return text_; }
  void EndWord() {
    if (text_.size() > (ends_.empty() ? 0 : ends_.back())) ends_.push_back(text_.size());
  }
  void TakeWords(Words& words) const {
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      Put(text_, begin, end, words);
      begin = end;
    }
  }

 private:
  std::string& text_;
  std::vector<std::size_t>& ends_;
};

void RunByteLevel(const ByteLevelStep& step, Workspace& workspace, Rewriter& out) {
  std::string spaced;
  for (std::string_view word : workspace.words) {
    if (step.add_prefix_space && !word.starts_with(' ')) word = spaced.assign(" ").append(word);
    workspace.next_words.clear();
    if (step.pattern) {
      SplitAtPattern(word, *step.pattern, Cut::kIsolated, false, workspace.next_words, workspace.regex);
    } else {
      workspace.next_words.push_back(word);
    }
    for (const std::string_view piece : workspace.next_words) {
      AppendByteLevel(piece, out.text());
      out.EndWord();
    }
  }
}

// `first`: the word is the very beginning of what is encoded.
void PutMetaspaced(const MetaspaceStep& step, std::string_view word, bool first, Rewriter& out) {
  const std::string& blank = step.replacement;
  const bool begins_so = word.starts_with(' ') || word.starts_with(blank);
  const bool wanted = step.scheme == PrependScheme::kAlways || (step.scheme == PrependScheme::kFirst && first);
  if (wanted && (!begins_so || step.even_before_blank)) out.text() += blank;
  for (std::size_t at = 0; at < word.size();) {
    const bool is_replacement = word.substr(at).starts_with(blank);
    if (word[at] != ' ' && !is_replacement) {
      out.text() += word[at++];
      continue;
    }
    if (step.split) out.EndWord();
    out.text() += blank;
    at += is_replacement ? blank.size() : 1;
  }
  out.EndWord();
}

void RunMetaspace(const MetaspaceStep& step, bool at_start, Workspace& workspace, Rewriter& out) {
  for (const std::string_view word : workspace.words) {
    PutMetaspaced(step, word, at_start, out);
    at_start = false;
  }
}

// Appends one word's words.
struct StepRunner {
  std::string_view text;
  Words& words;
  RegexScratch& scratch;

  void operator()(const BertSplit&) const { SplitBert(text, words); }
  void operator()(const WhitespaceSplit&) const { SplitWhitespace(text, words); }
  void operator()(const WordSplit&) const { SplitWords(text, words); }
  void operator()(const PunctuationSplit& step) const { SplitAt(text, IsPunctuation, step.cut, words); }
  void operator()(const DigitSplit& step) const { SplitAt(text, IsNumeric, step.cut, words); }
  void operator()(const TextSplit& step) const { SplitAtText(text, step, words); }
  void operator()(const RegexSplit& step) const {
    SplitAtPattern(text, step.pattern, step.cut, step.invert, words, scratch);
  }
  // Those that rewrite take all words at once.
  void operator()(const ByteLevelStep&) const {}
  void operator()(const MetaspaceStep&) const {}
};

}  // namespace

Regex Gpt2Pattern() {
  static const auto pattern = Regex::Compile(
      R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)", "GPT-2's pattern");
  return *pattern;
}

std::span<const std::string_view> PreTokenizer::Run(std::string_view text, bool at_start,
                                                    Workspace& workspace) const {
  auto& words = workspace.words;
  words.clear();
  Put(text, 0, text.size(), words);
  std::size_t rewrites = 0;
  for (const PreTokenizerStep& step : steps_) {
    const auto* byte_level = std::get_if<ByteLevelStep>(&step);
    const auto* metaspace = std::get_if<MetaspaceStep>(&step);
    workspace.next_words.clear();
    if (byte_level == nullptr && metaspace == nullptr) {
      for (const std::string_view word : words) {
        std::visit(StepRunner{word, workspace.next_words, workspace.regex}, step);
      }
    } else {
      // The words may lie in the other buffer.
      Rewriter out(workspace.rewritten[rewrites++ % 2], workspace.ends);
      // A word that does not begin where the text does is not the first.
      const bool first = at_start && !words.empty() && words[0].data() == text.data();
      if (byte_level != nullptr) RunByteLevel(*byte_level, workspace, out);
      if (metaspace != nullptr) RunMetaspace(*metaspace, first, workspace, out);
      workspace.next_words.clear();
      out.TakeWords(workspace.next_words);
    }
    words.swap(workspace.next_words);
  }
  return words;
}

}  // namespace berth::text
