// "did you mean …": the nearest of a set of names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace berth {

// The candidate with the least edit distance (Damerau-Levenshtein, optimal string alignment), or "" when even
// that one differs in more than a third of its letters.
std::string Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace berth
