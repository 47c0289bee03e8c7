#include "worker/transcription/languages.h"

#include <algorithm>
#include <array>

namespace berth::transcription {
namespace {

constexpr auto kLanguages = std::to_array<Language>({
    {"en", "english"},       {"zh", "chinese"},      {"de", "german"},        {"es", "spanish"},
    {"ru", "russian"},       {"ko", "korean"},       {"fr", "french"},        {"ja", "japanese"},
    {"pt", "portuguese"},    {"tr", "turkish"},      {"pl", "polish"},        {"ca", "catalan"},
    {"nl", "dutch"},         {"ar", "arabic"},       {"sv", "swedish"},       {"it", "italian"},
    {"id", "indonesian"},    {"hi", "hindi"},        {"fi", "finnish"},       {"vi", "vietnamese"},
    {"he", "hebrew"},        {"uk", "ukrainian"},    {"el", "greek"},         {"ms", "malay"},
    {"cs", "czech"},         {"ro", "romanian"},     {"da", "danish"},        {"hu", "hungarian"},
    {"ta", "tamil"},         {"no", "norwegian"},    {"th", "thai"},          {"ur", "urdu"},
    {"hr", "croatian"},      {"bg", "bulgarian"},    {"lt", "lithuanian"},    {"la", "latin"},
    {"mi", "maori"},         {"ml", "malayalam"},    {"cy", "welsh"},         {"sk", "slovak"},
    {"te", "telugu"},        {"fa", "persian"},      {"lv", "latvian"},       {"bn", "bengali"},
    {"sr", "serbian"},       {"az", "azerbaijani"},  {"sl", "slovenian"},     {"kn", "kannada"},
    {"et", "estonian"},      {"mk", "macedonian"},   {"br", "breton"},        {"eu", "basque"},
    {"is", "icelandic"},     {"hy", "armenian"},     {"ne", "nepali"},        {"mn", "mongolian"},
    {"bs", "bosnian"},       {"kk", "kazakh"},       {"sq", "albanian"},      {"sw", "swahili"},
    {"gl", "galician"},      {"mr", "marathi"},      {"pa", "punjabi"},       {"si", "sinhala"},
    {"km", "khmer"},         {"sn", "shona"},        {"yo", "yoruba"},        {"so", "somali"},
    {"af", "afrikaans"},     {"oc", "occitan"},      {"ka", "georgian"},      {"be", "belarusian"},
    {"tg", "tajik"},         {"sd", "sindhi"},       {"gu", "gujarati"},      {"am", "amharic"},
    {"yi", "yiddish"},       {"lo", "lao"},          {"uz", "uzbek"},         {"fo", "faroese"},
    {"ht", "haitian creole"}, {"ps", "pashto"},      {"tk", "turkmen"},       {"nn", "nynorsk"},
    {"mt", "maltese"},       {"sa", "sanskrit"},     {"lb", "luxembourgish"}, {"my", "myanmar"},
    {"bo", "tibetan"},       {"tl", "tagalog"},      {"mg", "malagasy"},      {"as", "assamese"},
    {"tt", "tatar"},         {"haw", "hawaiian"},    {"ln", "lingala"},       {"ha", "hausa"},
    {"ba", "bashkir"},       {"jw", "javanese"},     {"su", "sundanese"},     {"yue", "cantonese"},
});

// Other names and codes in use.
constexpr auto kAlso = std::to_array<Language>({
    {"my", "burmese"},   {"ca", "valencian"}, {"nl", "flemish"},   {"ht", "haitian"},  {"lb", "letzeburgesch"},
    {"ps", "pushto"},    {"pa", "panjabi"},   {"ro", "moldavian"}, {"ro", "moldovan"}, {"si", "sinhalese"},
    {"es", "castilian"}, {"zh", "mandarin"},  {"tl", "filipino"},  {"tl", "fil"},      {"fa", "farsi"},
    {"jw", "jv"},        {"he", "iw"},        {"id", "in"},        {"no", "nb"},       {"yi", "ji"},
});

constexpr std::size_t kLongest = 32;

const Language* FindCode(std::string_view code) {
  const auto found = std::ranges::find(kLanguages, code, &Language::code);
  return found == kLanguages.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Language> Languages() { return kLanguages; }

const Language* FindLanguage(std::string_view text) {
  if (text.size() > kLongest) return nullptr;
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  if (const Language* language = FindCode(lower)) return language;
  if (const auto named = std::ranges::find(kLanguages, lower, &Language::name); named != kLanguages.end()) return &*named;
  if (const auto also = std::ranges::find(kAlso, lower, &Language::name); also != kAlso.end()) return FindCode(also->code);
  const std::size_t region = lower.find('-');
  const bool has_region = region != std::string::npos && region > 0 && region + 1 < lower.size();
  return has_region ? FindLanguage(std::string_view(lower).substr(0, region)) : nullptr;
}

std::string_view LanguageName(std::string_view code) {
  const Language* language = FindCode(code);
  return language == nullptr ? code : language->name;
}

}  // namespace berth::transcription
