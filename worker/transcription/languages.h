// The languages that Whisper names: a code, which is its token, and the English name, which replies carry. In the order of
// the published code, which is that of the tokens; models before large-v3 lack the last one. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace berth::transcription {

struct Language {
  std::string_view code;  // "en", "yue": <|en|>
  std::string_view name;  // "english"
};

std::span<const Language> Languages();

// By code or by name, in any case, "english" or another name in use ("mandarin"), or a code with a region ("en-US").
const Language* FindLanguage(std::string_view text);
// The name of a code; the code itself where it is none of them.
std::string_view LanguageName(std::string_view code);

}  // namespace berth::transcription
