#include "worker/text/normalizer.h"

#include <gmock/gmock.h>

#include "worker/text/unicode.h"

namespace berth::text {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Case {
  std::string normalizer;
  std::string text;
  std::string expected;
};

const std::string kUncased = R"({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
  "strip_accents": null, "lowercase": true})";
const std::string kCased = R"({"type": "BertNormalizer", "lowercase": false})";
const std::string kAccents = R"({"type": "BertNormalizer", "lowercase": true, "strip_accents": false})";
const std::string kOnlyStrip =
    R"({"type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": false,
  "lowercase": false, "strip_accents": true})";

std::vector<Case> Cases() {
  return {
      {"null", "As It \t Is", "As It \t Is"},
      {kUncased, "", ""},
      {kUncased, "Hello, World!", "hello, world!"},
      {kUncased, std::string("a\0b\x01 c\x7F\x0B\x0C|", 10), "ab c|"},
      {kUncased, "a\tb\nc\rd", "a b c d"},
      {kUncased, "a\u00A0b\u2003c\u3000d", "a b c d"},
      {kUncased, "a\u2028b\u2029c", "a b c"},
      {kUncased, "zero\u200Bwidth\uFEFF \u200Djoined\u00AD", "zerowidth joined"},
      {kUncased, "x\uFFFDy\uE000z", "xyz"},
      {kUncased, "H\u00E9llo F\u00FChrer \u00C5ngstr\u00F6m", "hello fuhrer angstrom"},
      {kUncased, "C\u1EEDa Vi\u1EC7t", "cua viet"},
      {kUncased, "e\u0301 E\u0301\u0327", "e e"},
      {kUncased, "\u4F60\u597Dok", " \u4F60  \u597D ok"},
      {kUncased, "\u3042\uAC00", "\u3042\u1100\u1161"},
      {kUncased, "\u0130stanbul", "istanbul"},
      {kUncased, "\u03A3\u0391\u03A3", "\u03C3\u03B1\u03C3"},
      {kUncased, "\u0416\u0419", "\u0436\u0438"},
      {kUncased, "\u00DF\u1E9E", "\u00DF\u00DF"},
      {kUncased, "\u0301abc", "abc"},
      {kCased, "H\u00E9llo W\u00F6rld \u4F60", "H\u00E9llo W\u00F6rld  \u4F60 "},
      {kAccents, "\u00C9t\u00E9 \u0130", "\u00E9t\u00E9 i\u0307"},
      {kOnlyStrip, "\u00C9\t\u4F60\x01", "E\t\u4F60\x01"},
      {R"({"type": "Lowercase"})", "ABC \u00C9\u0130\u03A3", "abc \u00E9i\u0307\u03C3"},
      {R"({"type": "NFC"})", "e\u0301\u1100\u1161", "\u00E9\uAC00"},
      {R"({"type": "NFD"})", "\u00E9\uAC00", "e\u0301\u1100\u1161"},
      {R"({"type": "NFKC"})", "\uFB01\u2460\uFF21e\u0301", "fi1A\u00E9"},
      {R"({"type": "NFKD"})", "\uFB01\u00E9", "fie\u0301"},
      {R"({"type": "NFC"})", "a\u0323\u0307 a\u0307\u0323", "\u1EA1\u0307 \u1EA1\u0307"},
      {R"({"type": "NFD"})", std::string("a\0\u00E9", 4), std::string("a\0e\u0301", 5)},
      {R"({"type": "StripAccents"})", "e\u0301 \u00E9", "e \u00E9"},
      {R"({"type": "Strip", "strip_left": true, "strip_right": true})", " \u3000 a b\u00A0 ", "a b"},
      {R"({"type": "Strip", "strip_left": true, "strip_right": false})", "  a ", "a "},
      {R"({"type": "Strip", "strip_left": false, "strip_right": true})", "  a ", "  a"},
      {R"({"type": "Strip", "strip_left": true, "strip_right": true})", " \t ", ""},
      {R"({"type": "Replace", "pattern": {"String": "``"}, "content": "\""})", "``a`` `b```", "\"a\" `b\"`"},
      {R"({"type": "Replace", "pattern": {"String": "aa"}, "content": ""})", "aaaab", "b"},
      {R"({"type": "Prepend", "prepend": "_"})", "a", "_a"},
      {R"({"type": "Prepend", "prepend": "_"})", "", ""},
      {R"({"type": "Sequence", "normalizers": []})", "A", "A"},
      {R"({"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]})",
       "\u00C9t\u00C9", "ete"},
      {R"({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [{"type": "Lowercase"}]},
        {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}, {"type": "Prepend", "prepend": "c"}]})",
       "A", "cb"},
  };
}

TEST(Normalizer, GivesTheNormalForm) {
  const auto table = Cases();
  Workspace workspace;
  for (const Case& item : table) {
    const auto normalizer = Normalizer::Parse(json::parse(item.normalizer), "normalizer");
    ASSERT_TRUE(normalizer) << normalizer.error().message;
    EXPECT_EQ(normalizer->Run(item.text, workspace), item.expected) << item.normalizer << " of " << item.text;
  }
  std::printf("%zu normal forms\n", table.size());
}

TEST(Normalizer, SameTextGivesTheSameWhateverStandsAroundIt) {
  const auto normalizer = Normalizer::Parse(json::parse(kUncased), "normalizer");
  Workspace workspace;
  for (const Case& item : Cases()) {
    const std::string alone(normalizer->Run(item.text, workspace));
    EXPECT_EQ(normalizer->Run("q|" + item.text + "|Z", workspace), "q|" + alone + "|z");
  }
}

TEST(Normalizer, OrdersManyMarksQuickly) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const auto normalizer = Normalizer::Parse(json::parse(kUncased), "normalizer");
  Workspace workspace;
  EXPECT_EQ(normalizer->Run(text, workspace), "a");
}

struct Bad {
  std::string normalizer;
  std::string message;
};

TEST(Normalizer, RefusesByName) {
  const std::string grow = R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaa"})";
  std::string many;
  for (int i = 0; i < 40; ++i) many += (i > 0 ? "," : "") + std::string(R"({"type": "NFC"})");
  const Bad table[] = {
      {"3", "n: is number"},
      {"{}", "n: \"type\" is missing"},
      {R"({"type": 3})", "\"type\" is number"},
      {R"({"type": "Precompiled"})",
       "normalizer \"Precompiled\" is not supported; supported: BertNormalizer"},
      {R"({"type": "Nmt"})", "normalizer \"Nmt\" is not supported"},
      {R"({"type": "BertNormalizer", "lowercase": "yes"})", "\"lowercase\" is string"},
      {R"({"type": "Replace", "pattern": {"Regex": " +"}, "content": " "})",
       "Regex pattern is not supported"},
      {R"({"type": "Replace", "content": " "})", "\"pattern\" is missing"},
      {R"({"type": "Replace", "pattern": {"String": ""}, "content": " "})", "is empty"},
      {R"({"type": "Replace", "pattern": {"String": "a"}})", "\"content\" is missing"},
      {R"({"type": "Prepend"})", "\"prepend\" is missing"},
      {R"({"type": "Sequence"})", "\"normalizers\" is missing"},
      {R"({"type": "Sequence", "normalizers": {}})", "\"normalizers\" is object"},
      {R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Bad"}]})",
       "n.normalizers[1]: normalizer \"Bad\""},
      {R"({"type": "Sequence", "normalizers": [)" + grow + "," + grow + "]}", "more than 64 times longer"},
      {R"({"type": "Sequence", "normalizers": [)" + many + "]}", "more than 32 steps"},
  };
  for (const Bad& bad : table) {
    const auto normalizer = Normalizer::Parse(json::parse(bad.normalizer), "n");
    ASSERT_FALSE(normalizer) << bad.normalizer;
    EXPECT_THAT(normalizer.error().message, HasSubstr(bad.message));
  }
}

TEST(Lowercase, LowersAWholeText) { EXPECT_EQ(Lowercase("ABC \u00C9\u0130"), "abc \u00E9i\u0307"); }

}  // namespace
}  // namespace berth::text
