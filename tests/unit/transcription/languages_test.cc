#include "worker/transcription/languages.h"

#include <gtest/gtest.h>

#include <set>

namespace berth::transcription {
namespace {

std::string_view CodeOf(std::string_view text) {
  const Language* language = FindLanguage(text);
  return language == nullptr ? "" : language->code;
}

TEST(Languages, AreWhispersHundredInTheOrderOfItsTokens) {
  ASSERT_EQ(Languages().size(), 100u);
  EXPECT_EQ(Languages().front().code, "en");
  EXPECT_EQ(Languages()[98].code, "su");
  EXPECT_EQ(Languages().back().code, "yue");
  std::set<std::string_view> codes, names;
  for (const Language& language : Languages()) {
    codes.insert(language.code);
    names.insert(language.name);
  }
  EXPECT_EQ(codes.size(), 100u);
  EXPECT_EQ(names.size(), 100u);
}

TEST(FindLanguage, TakesCodesAndNamesInAnyCase) {
  EXPECT_EQ(CodeOf("de"), "de");
  EXPECT_EQ(CodeOf("German"), "de");
  EXPECT_EQ(CodeOf("HAITIAN CREOLE"), "ht");
  EXPECT_EQ(CodeOf("mandarin"), "zh");
  EXPECT_EQ(CodeOf("en-US"), "en");
  EXPECT_EQ(CodeOf("zh_Hant_TW"), "zh");
  EXPECT_EQ(CodeOf("jv"), "jw");
  for (const char* bad : {"", "e", "klingon", "en-", "-en", "<|en|>", "english please, if you can, or german"}) {
    EXPECT_EQ(FindLanguage(bad), nullptr) << bad;
  }
}

TEST(LanguageName, IsEnglish) {
  EXPECT_EQ(LanguageName("fr"), "french");
  EXPECT_EQ(LanguageName("yue"), "cantonese");
  EXPECT_EQ(LanguageName("xx"), "xx");
}

}  // namespace
}  // namespace berth::transcription
