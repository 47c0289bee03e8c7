#include "worker/checkpoint/token_ids.h"

#include <algorithm>
#include <string>

namespace berth::checkpoint {

std::vector<std::int32_t> ReadTokenIds(JsonFields& fields, std::string_view key, std::int64_t vocab_size) {
  const auto* found = fields.Find(key);
  if (found == nullptr) return {};
  const auto values = found->is_array() ? *found : nlohmann::json::array({*found});
  std::vector<std::int32_t> ids;
  for (const auto& value : values) {
    const bool good = value.is_number_integer() && value >= 0 && value < vocab_size;
    if (!good) {
      fields.Fail("\"" + std::string(key) + "\" holds " + value.dump().substr(0, 40) +
                  "; token ids from 0 to below vocab_size " + std::to_string(vocab_size) + " are needed");
      return {};
    }
    ids.push_back(value.get<std::int32_t>());
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace berth::checkpoint
