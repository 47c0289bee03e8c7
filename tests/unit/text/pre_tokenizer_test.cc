#include "worker/text/pre_tokenizer.h"

#include <gmock/gmock.h>

namespace berth::text {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Words = std::vector<std::string>;

struct Case {
  std::string pre_tokenizer;
  std::string text;
  Words expected;
};

const std::string kBert = R"({"type": "BertPreTokenizer"})";
const std::string kWhitespace = R"({"type": "Whitespace"})";
const std::string kWhitespaceSplit = R"({"type": "WhitespaceSplit"})";

std::string Punctuation(const std::string& behavior) {
  return R"({"type": "Punctuation", "behavior": ")" + behavior + "\"}";
}

// As Qwen2 and Llama 3 cut, with one more contraction.
const std::string kContractions =
    R"json({"type": "Split", "behavior": "Isolated", "pattern": {"Regex":
    "(?i:'s|'ll|'k)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}})json";

// At what the pattern does not match.
std::string Split(const std::string& behavior) {
  return R"({"type": "Split", "pattern": {"Regex": "\\w+|[^\\w\\s]+"}, "invert": true, "behavior": ")" + behavior + "\"}";
}

std::vector<Case> Cases() {
  return {
      {"null", "a b", {"a b"}},
      {"null", "", {}},
      {kBert, "", {}},
      {kBert, "   ", {}},
      {kBert, "Hey friend!     How are you?!?", {"Hey", "friend", "!", "How", "are", "you", "?", "!", "?"}},
      {kBert, "y'all it's $5.00", {"y", "'", "all", "it", "'", "s", "$", "5", ".", "00"}},
      {kBert, "a\u00A0b\u3000c", {"a", "b", "c"}},
      {kBert,
       "\u00BFqu\u00E9? \u201Cx\u201D \u2014 \u3002",
       {"\u00BF", "qu\u00E9", "?", "\u201C", "x", "\u201D", "\u2014", "\u3002"}},
      {kBert, "1\u20AC+2^3~`|<>=", {"1\u20AC", "+", "2", "^", "3", "~", "`", "|", "<", ">", "="}},
      {kBert, "[MASK]##ing_", {"[", "MASK", "]", "#", "#", "ing", "_"}},
      {kWhitespace,
       "Hey man! it's a_b, caf\u00E9\u0301...",
       {"Hey", "man", "!", "it", "'", "s", "a_b", ",", "caf\u00E9\u0301", "..."}},
      {kWhitespace, "\u20AC5 \u24D0b \u00BD", {"\u20AC", "5", "\u24D0b", "\u00BD"}},
      {kWhitespaceSplit, " Hey  man!\tit's\n", {"Hey", "man!", "it's"}},
      {R"({"type": "Punctuation"})", "a, b--c!", {"a", ",", " b", "-", "-", "c", "!"}},
      {Punctuation("Isolated"), "--a", {"-", "-", "a"}},
      {Punctuation("Removed"), "-a--b.", {"a", "b"}},
      {Punctuation("Contiguous"), "a--b!?", {"a", "--", "b", "!?"}},
      {Punctuation("MergedWithPrevious"), "-a--b", {"-", "a-", "-", "b"}},
      {Punctuation("MergedWithNext"), "a--b-", {"a", "-", "-b", "-"}},
      {R"({"type": "Digits", "individual_digits": true})", "ab12c3", {"ab", "1", "2", "c", "3"}},
      {R"({"type": "Digits", "individual_digits": false})", "ab12c3", {"ab", "12", "c", "3"}},
      {R"({"type": "Digits"})", "x\u0664\u0665y\u00BD", {"x", "\u0664\u0665", "y", "\u00BD"}},
      {R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation"},
        {"type": "Digits", "individual_digits": true}]})",
       "Call 911!",
       {"Call", "9", "1", "1", "!"}},
      {R"({"type": "Sequence", "pretokenizers": []})", "a b", {"a b"}},
      {Split("Removed"), "How are you doing?", {"How", "are", "you", "doing", "?"}},
      {Split("Isolated"), "How are you doing?", {"How", " ", "are", " ", "you", " ", "doing", "?"}},
      {Split("MergedWithPrevious"), "How are you doing?", {"How ", "are ", "you ", "doing", "?"}},
      {Split("MergedWithNext"), "How are you doing?", {"How", " are", " you", " doing", "?"}},
      {Split("Contiguous"), "How are you doing?", {"How", " ", "are", " ", "you", " ", "doing?"}},
      {R"({"type": "Split", "pattern": {"String": "--"}, "behavior": "Removed", "invert": false})",
       "a--b---",
       {"a", "b", "-"}},
      {R"({"type": "Split", "pattern": {"Regex": "x*"}, "behavior": "Isolated", "invert": false})", "axxb", {"a", "xx", "b"}},
      // Case folding is Unicode's: U+017F is an s, U+212A a k.
      {kContractions, "It'S it'\u017Fx we'\u212A'll", {"It", "'S", " it", "'\u017F", "x", " we", "'\u212A", "'ll"}},
      {kContractions, "a  b\r\n\n  c", {"a", " ", " b", "\r\n\n", " ", " c"}},
      {kContractions, "x\u0085\u180E y12\uFEFF", {"x", "\u0085", "\u180E", " y", "1", "2", "\uFEFF"}},
      {kContractions, "it \uFEFF[MASK", {"it", " \uFEFF[", "MASK"}},
      {R"({"type": "ByteLevel", "add_prefix_space": true, "use_regex": true})",
       "Hello my friend, it's \u00E9",
       {"\u0120Hello", "\u0120my", "\u0120friend", ",", "\u0120it", "'s", "\u0120\u00C3\u00A9"}},
      {R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})", " a b", {"\u0120a\u0120b"}},
      {R"({"type": "ByteLevel", "add_prefix_space": false})", "a  \n b", {"a", "\u0120\u0120\u010A", "\u0120b"}},
      {R"({"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": true})",
       "Hey my  friend",
       {"\u2581Hey", "\u2581my", "\u2581", "\u2581friend"}},
      {R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": false})", "a b", {"_a_b"}},
      {R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"})", " a", {"_a"}},
      {R"({"type": "Metaspace", "replacement": "_", "add_prefix_space": false})", "a b", {"a", "_b"}},
      {R"({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace",
        "replacement": "_", "prepend_scheme": "first"}]})",
       "a b",
       {"_a", "b"}},
      {R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "use_regex": false, "add_prefix_space": false},
        {"type": "Digits"}, {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"}]})",
       "a1",
       {"_a", "_1"}},
  };
}

TEST(PreTokenizer, CutsATextIntoWords) {
  const auto table = Cases();
  Workspace workspace;
  for (const Case& item : table) {
    const auto splitter = PreTokenizer::Parse(json::parse(item.pre_tokenizer), "pre_tokenizer");
    ASSERT_TRUE(splitter) << splitter.error().message;
    const auto words = splitter->Run(item.text, true, workspace);
    EXPECT_EQ(Words(words.begin(), words.end()), item.expected) << item.pre_tokenizer << " of " << item.text;
  }
  std::printf("%zu cuts\n", table.size());
}

TEST(PreTokenizer, APatternThatNeverEndsLeavesTheRestOfTheTextWhole) {
  const auto splitter = PreTokenizer::Parse(
      json::parse(R"({"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "x|(?:a+)+c"}})"), "p");
  ASSERT_TRUE(splitter) << splitter.error().message;
  Workspace workspace;
  const std::string rest = std::string(3000, 'a') + "bc";
  const std::string text = "x" + rest;
  const auto words = splitter->Run(text, true, workspace);
  EXPECT_EQ(Words(words.begin(), words.end()), (Words{"x", rest}));
}

TEST(PreTokenizer, RunsOfAnyLengthAreCutAsPublishedPatternsSay) {
  const auto splitter = PreTokenizer::Parse(json::parse(kContractions), "p");
  ASSERT_TRUE(splitter) << splitter.error().message;
  Workspace workspace;
  const std::string blanks(1 << 20, ' ');
  const std::string letters(1 << 20, 'a');
  const std::string text = blanks + letters + blanks;
  const auto words = splitter->Run(text, true, workspace);
  EXPECT_EQ(Words(words.begin(), words.end()),
            (Words{blanks.substr(1), " " + letters, blanks}));
}

TEST(PreTokenizer, RefusesByName) {
  const std::pair<std::string, std::string> table[] = {
      {"[]", "p: is array"},
      {"{}", "\"type\" is missing"},
      {R"({"type": "UnicodeScripts"})",
       "pre-tokenizer \"UnicodeScripts\" is not supported; supported: BertPreTokenizer"},
      {R"({"type": "Metaspace", "replacement": "ab"})", "\"replacement\" must be one character"},
      {R"({"type": "Metaspace", "prepend_scheme": "last"})", "prepend_scheme \"last\" is not supported"},
      {R"({"type": "Metaspace", "add_prefix_space": false, "prepend_scheme": "first"})", "contradicts"},
      {R"({"type": "Split"})", "\"pattern\" is missing"},
      {R"({"type": "Split", "pattern": {"String": ""}})", "p.pattern: \"String\" is empty"},
      {R"({"type": "Split", "pattern": {"Regex": "a("}})", "p.pattern: the pattern is wrong near"},
      {R"({"type": "Split", "pattern": {"Regex": "[a&&b]"}})", "\"&&\" in a class at byte 2, which is not supported"},
      {R"({"type": "Punctuation", "behavior": "Sideways"})", "behavior \"Sideways\" is not supported"},
      {R"({"type": "Digits", "individual_digits": 1})", "\"individual_digits\" is number"},
      {R"({"type": "Sequence"})", "\"pretokenizers\" is missing"},
      {R"({"type": "Sequence", "pretokenizers": [{"type": "No"}]})",
       "p.pretokenizers[0]: pre-tokenizer \"No\""},
  };
  for (const auto& [text, message] : table) {
    const auto splitter = PreTokenizer::Parse(json::parse(text), "p");
    ASSERT_FALSE(splitter) << text;
    EXPECT_THAT(splitter.error().message, HasSubstr(message));
  }
}

}  // namespace
}  // namespace berth::text
