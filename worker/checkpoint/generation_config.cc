#include "worker/checkpoint/generation_config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/token_ids.h"

namespace berth::checkpoint {
namespace {

// Keys that would change which tokens come out, and the one value of each under which they do not.
struct Neutral {
  std::string_view key;
  double value;
};
constexpr std::array<Neutral, 11> kNeutral = {{{"num_beams", 1},
                                               {"min_length", 0},
                                               {"num_beam_groups", 1},
                                               {"diversity_penalty", 0},
                                               {"penalty_alpha", 0},
                                               {"encoder_repetition_penalty", 1},
                                               {"no_repeat_ngram_size", 0},
                                               {"encoder_no_repeat_ngram_size", 0},
                                               {"epsilon_cutoff", 0},
                                               {"eta_cutoff", 0},
                                               {"guidance_scale", 1}}};
constexpr std::size_t kMostStops = 16;
constexpr std::size_t kLongestStop = 1024;
constexpr std::array<std::string_view, 9> kRefused = {
    "bad_words_ids",  "force_words_ids",     "constraints",         "forced_bos_token_id", "forced_eos_token_id",
    "sequence_bias",  "suppress_tokens",     "begin_suppress_tokens", "exponential_decay_length_penalty"};

void RefuseOtherDecoding(JsonFields& fields) {
  for (const auto& [key, value] : kNeutral) {
    const auto* found = fields.Find(key);
    if (found == nullptr || (found->is_number() && found->get<double>() == value)) continue;
    fields.Fail(std::string(key) + " " + found->dump().substr(0, 40) + " is not supported; remove it");
  }
  for (const std::string_view key : kRefused) {
    const auto* found = fields.Find(key);
    if (found == nullptr || (found->is_array() && found->empty())) continue;
    fields.Fail(std::string(key) + " is not supported; remove it");
  }
}

std::optional<double> Number(JsonFields& fields, std::string_view key, double least, double most) {
  if (fields.Find(key) == nullptr) return std::nullopt;
  return fields.Number(key, least, most);
}

std::optional<std::int64_t> Integer(JsonFields& fields, std::string_view key, std::int64_t least) {
  if (fields.Find(key) == nullptr) return std::nullopt;
  return fields.Integer(key, least, std::int64_t{1} << 30);
}

void ReadStopStrings(JsonFields& fields, GenerationConfig& generation) {
  const auto* found = fields.Find("stop_strings");
  if (found == nullptr) return;
  const nlohmann::json list = found->is_array() ? *found : nlohmann::json::array({*found});
  for (const auto& each : list) {
    const bool usable = each.is_string() && !each.get_ref<const std::string&>().empty() &&
                        each.get_ref<const std::string&>().size() <= kLongestStop;
    if (!usable || list.size() > kMostStops) {
      return fields.Fail("\"stop_strings\" must be at most " + std::to_string(kMostStops) + " strings of 1 to " +
                         std::to_string(kLongestStop) + " bytes");
    }
    generation.stop_strings.push_back(each.get<std::string>());
  }
}

void ReadSampling(JsonFields& fields, GenerationConfig& generation) {
  if (fields.Find("do_sample") != nullptr) generation.do_sample = fields.Bool("do_sample");
  generation.temperature = Number(fields, "temperature", 0, 100);
  generation.top_p = Number(fields, "top_p", 0, 1);
  generation.min_p = Number(fields, "min_p", 0, 1);
  generation.typical_p = Number(fields, "typical_p", 0, 1);
  generation.repetition_penalty = Number(fields, "repetition_penalty", 1e-3, 100);
  generation.top_k = Integer(fields, "top_k", 0);
  generation.max_new_tokens = Integer(fields, "max_new_tokens", 1);
  generation.min_new_tokens = Integer(fields, "min_new_tokens", 0);
  generation.max_length = Integer(fields, "max_length", 1);
  ReadStopStrings(fields, generation);
}

}  // namespace

Result<GenerationConfig> ParseGenerationConfig(const nlohmann::json& json, const std::string& name,
                                               const DecoderConfig& config) {
  JsonFields fields(json, name);
  GenerationConfig generation;
  const auto eos = ReadTokenIds(fields, "eos_token_id", config.vocab_size);
  std::ranges::set_union(eos, config.eos, std::back_inserter(generation.eos));
  const auto bos = ReadTokenIds(fields, "bos_token_id", config.vocab_size);
  if (bos.size() > 1) fields.Fail("\"bos_token_id\" holds several ids; one is needed");
  generation.bos = bos.empty() ? config.bos : std::optional(bos.front());
  RefuseOtherDecoding(fields);
  ReadSampling(fields, generation);
  if (!fields.ok()) return fields.error();
  return generation;
}

Result<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& dir, const DecoderConfig& config) {
  const auto path = dir / "generation_config.json";
  std::error_code ignored;  // a file that cannot be examined gets its proper message when it is opened
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) {
    return ParseGenerationConfig(nlohmann::json::object(), path.string(), config);
  }
  const auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (!json) return json.error();
  return ParseGenerationConfig(*json, path.string(), config);
}

}  // namespace berth::checkpoint
