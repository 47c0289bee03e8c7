#include "supervisor/placement/waves.h"

#include <algorithm>
#include <set>

namespace berth::placement {
namespace {

std::size_t Rank(const config::Plan& plan, config::Kind kind) {
  return static_cast<std::size_t>(std::ranges::find(plan.rules.order, kind) - plan.rules.order.begin());
}

// Keys are spaced so far apart per kind that a chain of dependencies within one kind never reaches the next.
std::vector<std::size_t> Keys(const config::Plan& plan) {
  const std::size_t count = plan.models.size();
  std::map<std::string, std::size_t> index;
  std::vector<std::size_t> keys(count);
  for (std::size_t i = 0; i < count; ++i) {
    index[plan.models[i].name] = i;
    keys[i] = Rank(plan, plan.models[i].kind) * (count + 1);
  }
  // Each round settles at least one more link of every chain, so `count` rounds settle all.
  bool moved = true;
  for (std::size_t round = 0; moved && round < count; ++round) {
    moved = false;
    for (std::size_t i = 0; i < count; ++i) {
      for (const std::string& before : plan.models[i].after) {
        const auto found = index.find(before);
        if (found == index.end() || keys[i] > keys[found->second]) continue;
        keys[i] = keys[found->second] + 1;
        moved = true;
      }
    }
  }
  return keys;
}

}  // namespace

std::vector<int> Waves(const config::Plan& plan) {
  const std::vector<std::size_t> keys = Keys(plan);
  const std::set<std::size_t> distinct(keys.begin(), keys.end());
  std::vector<int> waves;
  for (const std::size_t key : keys) {
    waves.push_back(static_cast<int>(std::distance(distinct.begin(), distinct.find(key))));
  }
  return waves;
}

}  // namespace berth::placement
