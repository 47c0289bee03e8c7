// The one table of the plan's keys. A key exists here once, as a row; the parser, the JSON schema, the reference
// and full.yaml are made from it. To add a key: add its field to config/plan.h and its row to keys.cc, then
// rewrite the generated files (BERTH_UPDATE_GOLDEN=1, test Generated.FilesAreUpToDate).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/plan.h"

namespace berth::config {

enum class Type {
  kFlag,        // true or false
  kInteger,
  kSize,        // 2GiB
  kTime,        // 10ms
  kText,        // a word
  kPath,        // absolute, or relative to the plan's folder
  kAddress,     // host:port
  kChoice,      // one of `choices`
  kChoices,     // a list of them, each at most once
  kNames,       // a list of names, each at most once
  kGroups,      // a list of lists of at least two names
  kTimeRange,   // [1s, 60s]: least, most
  kRate,        // 5 in 10m
};

// What must be restarted before a changed value takes effect.
enum class Restarts { kDaemon, kReplicas };

// One entry of a list, with where it stands in the file (0 when it comes from a default).
struct Item {
  std::string text;
  int line = 0;
  int column = 0;
};

// What a key's text means. Which fields hold something follows from the type.
struct Value {
  bool flag = false;           // kFlag
  std::int64_t number = 0;     // kInteger; kRate: how many
  Bytes bytes;                 // kSize
  Duration time{};             // kTime; kTimeRange: the least; kRate: within
  Duration time_most{};        // kTimeRange
  std::string text;            // kChoice, kText
  std::filesystem::path path;  // kPath
  Address address;             // kAddress
  std::vector<Item> items;     // kChoices, kNames
  std::vector<std::vector<Item>> groups;  // kGroups
};

// Where a value goes; only the pointer of the key's section is set.
struct Target {
  Plan* plan = nullptr;
  Device* device = nullptr;
  Model* model = nullptr;
};

struct Key {
  std::string_view path = {};       // "server.listen", "devices.*.memory", "models.*.batching.max_tokens"
  Type type = Type::kFlag;
  std::string_view preset = {};     // the default as YAML text; empty: see `otherwise`
  std::string_view otherwise = {};  // the default in words, where it is computed; empty too: the key is required
  std::string_view example = {};    // as YAML text, where there is no preset
  std::string_view least = {};      // bounds, spelled like values; empty: none
  std::string_view most = {};
  std::string_view choices = {};    // "a|b|c"
  bool own = false;                 // of a model: makes no sense in `defaults`
  std::string_view only = {};       // of a model: the one kind that has it; in `defaults`, the kind that it is for
  Restarts restarts = Restarts::kDaemon;
  std::string_view sentence = {};
  void (*store)(Target&, const Value&) = nullptr;

  bool required() const { return preset.empty() && otherwise.empty(); }
  // Its part after the section: "batching.max_tokens" of a model.
  std::string_view inner() const;
};

// The default of models.*.batching.max_tokens, which says what a batch is of the kind.
int DefaultBatchTokens(Kind kind);

// In the order of the reference.
std::span<const Key> Keys();

// The sections whose members carry names that the operator chooses ("devices.*", "models.*"), and the section
// whose keys are those of a model that are not its own.
constexpr std::string_view kDevices = "devices.*";
constexpr std::string_view kModels = "models.*";
constexpr std::string_view kDefaults = "defaults";

// The names a value of kind `embedding|llm|speech` may have.
std::vector<std::string> Choices(const Key& key);
// "a size", "a whole number", …, as messages and the reference call it.
std::string_view TypeName(Type type);
// What it is, and for which kind alone.
std::string Sentence(const Key& key);
// "1 to 64", "at least 1MiB", or "" when unbounded.
std::string BoundsText(const Key& key);

// Made from the table; the committed copies are config/schema.json, reference.md and full.yaml.
std::string JsonSchema();
std::string ReferenceMarkdown();
std::string FullYaml();

}  // namespace berth::config
