#include "worker/checkpoint/rope_config.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "worker/checkpoint/json_fields.h"

namespace berth::checkpoint {
namespace {

constexpr std::int64_t kPositionLimit = std::int64_t{1} << 30;
constexpr double kFactorLimit = 1e6;
constexpr double kThetaLimit = 1e15;

// What an object may hold, whatever its type.
constexpr std::array<std::string_view, 5> kCommonKeys = {"type", "rope_type", "rope_theta", "partial_rotary_factor",
                                                         "original_max_position_embeddings"};
constexpr std::array<std::string_view, 1> kLinearKeys = {"factor"};
constexpr std::array<std::string_view, 3> kLlama3Keys = {"factor", "low_freq_factor", "high_freq_factor"};
constexpr std::array<std::string_view, 7> kYarnKeys = {"factor", "attention_factor", "beta_fast", "beta_slow",
                                                       "mscale", "mscale_all_dim",   "truncate"};
constexpr std::array<std::string_view, 4> kLongRopeKeys = {"factor", "attention_factor", "short_factor", "long_factor"};

struct TypeRow {
  std::string_view name;
  RopeType type;
  std::span<const std::string_view> keys;
};

constexpr std::array<TypeRow, 5> kTypes = {{{"default", RopeType::kDefault, {}},
                                            {"linear", RopeType::kLinear, kLinearKeys},
                                            {"llama3", RopeType::kLlama3, kLlama3Keys},
                                            {"yarn", RopeType::kYarn, kYarnKeys},
                                            {"longrope", RopeType::kLongRope, kLongRopeKeys}}};

std::string TypeList() {
  std::string list;
  for (const TypeRow& row : kTypes) list += (list.empty() ? "" : ", ") + std::string(row.name);
  return list;
}

// Reads config.json's top level and, when there is one, the object with the scaling.
class RopeReader {
 public:
  RopeReader(const nlohmann::json& config, const std::string& name)
      : top_(config, name), key_(ScalingKey()), inner_(key_ ? top_.Object(*key_) : kNothing, name + ": " + Key()) {}

  Result<RopeConfig> Read(std::int64_t head_size, std::int64_t positions);

 private:
  static const nlohmann::json kNothing;

  std::optional<std::string> ScalingKey();
  std::string Key() const { return key_.value_or("rope_scaling"); }
  const TypeRow& ReadType();
  void RefuseOtherKeys(const TypeRow& row);
  // From the object or from the top level; both only if they agree.
  double Either(std::string_view key, double least, double most, double fallback);
  std::optional<double> Optional(std::string_view key, double least, double most);
  void ReadOriginal(std::int64_t positions);
  void ReadRotarySize(std::int64_t head_size);
  void ReadFactor(std::int64_t positions);
  void ReadLlama3();
  void ReadYarn();
  void ReadLongRope();
  std::vector<double> Factors(std::string_view key);

  JsonFields top_;
  std::optional<std::string> key_;
  JsonFields inner_;
  RopeConfig rope_;
};

const nlohmann::json RopeReader::kNothing = nlohmann::json::object();

std::optional<std::string> RopeReader::ScalingKey() {
  const auto* old = top_.Find("rope_scaling");
  const auto* now = top_.Find("rope_parameters");
  if (old != nullptr && now != nullptr && *old != *now) {
    top_.Fail("rope_scaling and rope_parameters contradict each other; remove the wrong one");
  }
  if (now != nullptr) return "rope_parameters";
  if (old != nullptr) return "rope_scaling";
  return std::nullopt;
}

const TypeRow& RopeReader::ReadType() {
  const TypeRow& plain = kTypes.front();
  if (!key_) return plain;
  for (const auto key : {"full_attention", "sliding_attention"}) {
    if (inner_.Find(key) != nullptr) {
      inner_.Fail(std::string("\"") + key + "\": angles that differ between layers are not supported");
    }
  }
  const std::string old = inner_.String("type", "");
  const std::string name = inner_.String("rope_type", old.empty() ? "default" : old);
  if (!old.empty() && old != name) {
    inner_.Fail("type \"" + old + "\" and rope_type \"" + name + "\" contradict each other; remove the wrong one");
  }
  if (name == "dynamic") {
    inner_.Fail("rope type \"dynamic\" is not supported: its angles change as a sequence grows, which contradicts a "
                "cache of keys; supported: " + TypeList());
    return plain;
  }
  const auto found = std::ranges::find(kTypes, name, &TypeRow::name);
  if (found != kTypes.end()) return *found;
  inner_.Fail("rope type \"" + name + "\" is not supported; supported: " + TypeList());
  return plain;
}

void RopeReader::RefuseOtherKeys(const TypeRow& row) {
  if (!key_ || !inner_.ok()) return;
  for (const auto& [key, value] : top_.Object(*key_).items()) {
    const auto is = [&key](std::string_view known) { return known == key; };
    if (value.is_null() || std::ranges::any_of(kCommonKeys, is) || std::ranges::any_of(row.keys, is)) continue;
    inner_.Fail("\"" + key + "\" is not supported for rope type \"" + std::string(row.name) + "\"; remove it");
  }
}

double RopeReader::Either(std::string_view key, double least, double most, double fallback) {
  const double outer = top_.Number(key, least, most, fallback);
  const double inner = inner_.Number(key, least, most, outer);
  if (top_.Find(key) != nullptr && inner != outer) {
    inner_.Fail(std::string(key) + " is " + inner_.Find(key)->dump() + " here and " + top_.Find(key)->dump() +
                " at the top; remove the wrong one");
  }
  return inner;
}

std::optional<double> RopeReader::Optional(std::string_view key, double least, double most) {
  if (inner_.Find(key) == nullptr) return std::nullopt;
  return inner_.Number(key, least, most);
}

void RopeReader::ReadOriginal(std::int64_t positions) {
  rope_.original_positions = static_cast<std::int64_t>(
      Either("original_max_position_embeddings", 1, kPositionLimit, static_cast<double>(positions)));
}

void RopeReader::ReadRotarySize(std::int64_t head_size) {
  const double share = Either("partial_rotary_factor", 0, 1, 1);
  rope_.rotary_size = static_cast<std::int64_t>(static_cast<double>(head_size) * share);
  if (rope_.rotary_size >= 2 && rope_.rotary_size % 2 == 0) return;
  top_.Fail("partial_rotary_factor " + std::to_string(share) + " of a head of " + std::to_string(head_size) +
            " are " + std::to_string(rope_.rotary_size) + " components; an even number above 0 is needed");
}

// The published definitions' s; without a word, by how much the context is longer than the original one.
void RopeReader::ReadFactor(std::int64_t positions) {
  if (rope_.type == RopeType::kDefault) return;
  const double ratio = static_cast<double>(positions) / static_cast<double>(rope_.original_positions);
  const bool derived = rope_.type == RopeType::kYarn || rope_.type == RopeType::kLongRope;
  const bool known = derived && ratio > 1;
  rope_.factor = inner_.Number("factor", 1e-3, kFactorLimit, known ? std::optional(ratio) : std::nullopt);
}

void RopeReader::ReadLlama3() {
  rope_.low_freq_factor = inner_.Number("low_freq_factor", 1e-3, kFactorLimit);
  rope_.high_freq_factor = inner_.Number("high_freq_factor", 1e-3, kFactorLimit);
  if (inner_.Find("original_max_position_embeddings") == nullptr &&
      top_.Find("original_max_position_embeddings") == nullptr) {
    inner_.Fail("\"original_max_position_embeddings\" is missing");
  }
  if (inner_.ok() && rope_.high_freq_factor <= rope_.low_freq_factor) {
    inner_.Fail("high_freq_factor must be greater than low_freq_factor");
  }
}

void RopeReader::ReadYarn() {
  rope_.attention_factor = Optional("attention_factor", 1e-3, kFactorLimit);
  rope_.beta_fast = inner_.Number("beta_fast", 1e-3, kFactorLimit, rope_.beta_fast);
  rope_.beta_slow = inner_.Number("beta_slow", 1e-3, kFactorLimit, rope_.beta_slow);
  rope_.mscale = inner_.Number("mscale", 0, kFactorLimit, 0);
  rope_.mscale_all_dim = inner_.Number("mscale_all_dim", 0, kFactorLimit, 0);
  rope_.truncate = inner_.Bool("truncate", true);
  if (inner_.ok() && rope_.beta_fast < rope_.beta_slow) inner_.Fail("beta_fast must be at least beta_slow");
}

std::vector<double> RopeReader::Factors(std::string_view key) {
  std::vector<double> factors;
  for (const auto& value : inner_.Array(key)) {
    if (!value.is_number() || !(value.get<double>() > 0) || value.get<double>() > kFactorLimit) {
      inner_.Fail("\"" + std::string(key) + "\" must hold numbers above 0");
      return {};
    }
    factors.push_back(value.get<double>());
  }
  if (inner_.ok() && factors.size() != static_cast<std::size_t>(rope_.rotary_size / 2)) {
    inner_.Fail("\"" + std::string(key) + "\" holds " + std::to_string(factors.size()) + " numbers; half of the " +
                std::to_string(rope_.rotary_size) + " rotated components are needed");
  }
  return factors;
}

void RopeReader::ReadLongRope() {
  rope_.attention_factor = Optional("attention_factor", 1e-3, kFactorLimit);
  rope_.short_factor = Factors("short_factor");
  rope_.long_factor = Factors("long_factor");
}

Result<RopeConfig> RopeReader::Read(std::int64_t head_size, std::int64_t positions) {
  const TypeRow& row = ReadType();
  RefuseOtherKeys(row);
  rope_.type = row.type;
  rope_.theta = Either("rope_theta", 1, kThetaLimit, rope_.theta);
  ReadRotarySize(head_size);
  ReadOriginal(positions);
  ReadFactor(positions);
  if (rope_.type == RopeType::kLlama3) ReadLlama3();
  if (rope_.type == RopeType::kYarn) ReadYarn();
  if (rope_.type == RopeType::kLongRope) ReadLongRope();
  if (!top_.ok()) return top_.error();
  if (!inner_.ok()) return inner_.error();
  return rope_;
}

}  // namespace

Result<RopeConfig> ParseRopeConfig(const nlohmann::json& config, const std::string& name, std::int64_t head_size,
                                   std::int64_t positions) {
  return RopeReader(config, name).Read(head_size, positions);
}

}  // namespace berth::checkpoint
