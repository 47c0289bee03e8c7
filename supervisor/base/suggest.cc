#include "supervisor/base/suggest.h"

#include <algorithm>
#include <vector>

namespace berth {
namespace {

// What somebody may have mistyped; the table of a longer word would only cost memory.
constexpr std::size_t kLongestWord = 128;

std::size_t Allowed(std::string_view a, std::string_view b) {
  return std::max<std::size_t>(1, std::max(a.size(), b.size()) / 3);
}

std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string Nearest(std::string_view word, std::span<const std::string> candidates) {
  std::string best;
  std::size_t least = word.size() + 1;
  if (word.size() > kLongestWord) return best;
  for (const std::string& candidate : candidates) {
    // The distance is at least the difference in length.
    if (candidate.size() > word.size() + Allowed(word, candidate)) continue;
    const std::size_t distance = Distance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return least <= Allowed(word, best) ? best : "";
}

}  // namespace berth
