#include "config/keys.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "config/value.h"
#include "tests/unit/config/plans.h"

namespace berth::config {
namespace {

using testing::Describe;
using testing::Good;
using testing::SmallPlan;

TEST(Keys, EveryRowIsWholeAndStandsOnce) {
  std::set<std::string_view> paths;
  for (const Key& key : Keys()) {
    SCOPED_TRACE(key.path);
    EXPECT_TRUE(paths.insert(key.path).second);
    EXPECT_NE(key.store, nullptr);
    EXPECT_TRUE(key.sentence.ends_with('.'));
    EXPECT_TRUE(key.preset.empty() || key.otherwise.empty());
    EXPECT_TRUE(!key.preset.empty() || !key.example.empty()) << "nothing to show in full.yaml";
    EXPECT_EQ(key.least.empty(), key.most.empty());
    const bool choice = key.type == Type::kChoice || key.type == Type::kChoices;
    EXPECT_EQ(choice, !key.choices.empty());
  }
}

TEST(Keys, PresetsCanBeReadAndAreInBounds) {
  for (const Key& key : Keys()) {
    if (!key.preset.empty()) {
      EXPECT_NO_THROW(PresetOf(key)) << key.path;
    }
  }
}

// Stores the least and the most of each bounded key: a row that stores into another row's field, or nowhere,
// leaves the plan's description as it was.
TEST(Keys, EachBoundIsAcceptedAndReachesThePlan) {
  const Host host = testing::FixedHost();
  for (const Key& key : Keys()) {
    if (key.least.empty() || key.least == key.most) continue;
    SCOPED_TRACE(key.path);
    std::set<std::string> descriptions;
    for (const std::string_view bound : {key.least, key.most}) {
      std::string text(bound);
      if (key.type == Type::kTimeRange) text = "[" + text + ", " + text + "]";
      if (key.type == Type::kRate) text += " in 1m";
      const auto node = ParseDocument(text);
      Complaints complaints;
      Reading reading{host, {}, complaints};
      const auto value = ReadValue(key, std::get<Node>(node), std::string(key.path), reading);
      ASSERT_TRUE(value) << complaints.Take().front().message;
      Plan plan = Good(SmallPlan());
      Target target{&plan, &plan.devices[0], &plan.models[0]};
      key.store(target, *value);
      descriptions.insert(Describe(plan));
    }
    EXPECT_EQ(descriptions.size(), 2U);
  }
}

TEST(FullYaml, ParsesAndMeansTheDefaults) {
  Plan full = Good(FullYaml());
  Plan small = Good(
      "version: 1\nmodels:\n  bge:\n    kind: embedding\n    source: /models/bge-small-en-v1.5\n");
  EXPECT_EQ(Describe(full), Describe(small));
}

TEST(FullYaml, ParsesWithTheExamplesToo) {
  std::string text = FullYaml();
  for (const Key& key : Keys()) {
    if (key.otherwise.empty() || key.path == "devices.*.cuda") continue;  // the device of that file is the CPU
    if (!key.only.empty() && key.only != "embedding") continue;           // and its model embeds
    std::string name(key.path.substr(key.path.rfind('.') + 1));
    name += ": " + std::string(key.example) + "\n";
    const std::size_t at = text.find("# " + name);
    ASSERT_NE(at, std::string::npos) << key.path;
    text.erase(at, 2);
  }
  const Plan plan = Good(text);
  EXPECT_EQ(plan.server.admin, "/run/berth/admin.sock");
  EXPECT_EQ(plan.devices[0].memory, GiB(12));
}

// The schema node of a dotted path.
const nlohmann::json* Find(const nlohmann::json& schema, std::string_view path) {
  const nlohmann::json* node = &schema;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string name(path.substr(0, dot));
    if (!node->contains("properties") || !node->at("properties").contains(name)) return nullptr;
    if (node->at("additionalProperties") != false) return nullptr;
    node = &node->at("properties").at(name);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

TEST(JsonSchema, DescribesEveryKey) {
  const nlohmann::json schema = nlohmann::json::parse(JsonSchema());
  const nlohmann::json& model = schema.at("$defs").at("model");
  for (const Key& key : Keys()) {
    SCOPED_TRACE(key.path);
    const bool of_model = key.path.starts_with(kModels);
    const nlohmann::json* node = of_model                         ? Find(model, key.inner())
                                 : key.path.starts_with(kDevices) ? Find(schema, std::string("devices.cpu.").append(key.inner()))
                                                                  : Find(schema, key.path);
    ASSERT_NE(node, nullptr);
    EXPECT_EQ(node->at("description"), Sentence(key));
    EXPECT_EQ(node->contains("default"), !key.preset.empty());
    if (of_model) {
      EXPECT_EQ(Find(schema, std::string("defaults.").append(key.inner())) != nullptr, !key.own);
    }
  }
}

}  // namespace
}  // namespace berth::config
