// What Python's str can do, over UTF-8. Pure functions; all texts are valid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::jinja {

bool IsSpace(char32_t point);  // str.isspace: White_Space, and the separators U+001C to U+001F

enum class Side { kBoth, kLeft, kRight };
// `chars`: which characters go; absent: white space.
std::string_view Strip(std::string_view text, std::optional<std::string_view> chars, Side side);

// `most` < 0: no bound. An absent separator is any run of white space.
std::vector<std::string_view> Split(std::string_view text, std::optional<std::string_view> separator, std::int64_t most);
std::vector<std::string_view> SplitRight(std::string_view text, std::optional<std::string_view> separator,
                                         std::int64_t most);
std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends);

std::string Replace(std::string_view text, std::string_view old, std::string_view by, std::int64_t most);
std::size_t CountOf(std::string_view text, std::string_view part);

std::string Upper(std::string_view text);
std::string Lower(std::string_view text);
std::string Capitalize(std::string_view text);  // str.capitalize: the first in title case, the rest lowered
std::string Title(std::string_view text);       // str.title: every run of letters so
std::string SwapCase(std::string_view text);

bool IsCased(char32_t point);
bool IsUpperCase(char32_t point);
bool IsLowerCase(char32_t point);

std::size_t PointCount(std::string_view text);
// The byte at which the character with that index begins; the size where there is none.
std::size_t ByteOf(std::string_view text, std::size_t point_index);

}  // namespace berth::jinja
