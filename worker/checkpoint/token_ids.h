// Token ids in side files: one number, or a list of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "worker/checkpoint/json_fields.h"

namespace berth::checkpoint {

// The ids under `key`, ascending, each once; none where the key is absent. Anything but ids in [0, vocab_size) is a
// mistake of `fields`.
std::vector<std::int32_t> ReadTokenIds(JsonFields& fields, std::string_view key, std::int64_t vocab_size);

}  // namespace berth::checkpoint
