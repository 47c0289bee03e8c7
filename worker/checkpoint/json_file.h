// Bounded JSON: the one way in which a model's side files (config.json, tokenizer.json, safetensors headers)
// are parsed. A file from a stranger can make neither the parser nor the tree's destructor run out of stack
// (nesting is bounded), nor mean two things at once (a key that occurs twice in one object is an error). No
// exception escapes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"

namespace berth::checkpoint {

struct JsonLimits {
  Bytes size = MiB(64);    // tokenizer.json of 250,000 tokens with merges has 17 to 34 MB
  std::size_t depth = 64;  // arrays and objects inside each other
};

// `name` is what messages call the text: usually the path of its file. Errors: too large, not JSON (with the
// byte offset), nested deeper than the limit, a duplicate key, a number out of range, invalid UTF-8.
Result<nlohmann::json> ParseJson(std::string_view text, const std::string& name,
                                 const JsonLimits& limits = {});

// An object that keeps the order of its keys (nlohmann::ordered_json) looks through them all for each new one: what may
// become such a one, and came from a stranger, has at most this many.
inline constexpr std::size_t kMostOrderedKeys = 2048;
// Whether some object in it has more keys than that.
bool IsWide(const nlohmann::json& value);

// Reads and parses a regular file. Errors: those of MappedFile::Open and ParseJson.
Result<nlohmann::json> ReadJsonFile(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace berth::checkpoint
