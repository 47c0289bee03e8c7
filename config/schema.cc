// The JSON schema of a plan (draft 2020-12), for editors: made from the table of keys.
#include <nlohmann/json.hpp>

#include "config/keys.h"
#include "config/value.h"

namespace berth::config {
namespace {

using Json = nlohmann::ordered_json;

// Any scalar may be, or hold, an environment variable.
Json OrVariable(Json schema) { return {{"anyOf", {std::move(schema), {{"$ref", "#/$defs/variable"}}}}}; }
Json Text(const char* pattern) { return {{"type", "string"}, {"pattern", pattern}}; }
Json Ref(const char* name) { return {{"$ref", std::string("#/$defs/") + name}}; }

Json Definitions() {
  Json zero = {{"const", 0}};
  Json size = Text("^[0-9]+(\\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB)$");
  Json time = Text("^[0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$");
  return {{"variable", Text("\\$\\{")},
          {"size", {{"anyOf", {size, zero, Ref("variable")}}}},
          {"time", {{"anyOf", {time, zero, Ref("variable")}}}},
          {"name", {{"type", "string"}, {"maxLength", 128}}}};
}

Json SchemaOf(const Key& key) {
  switch (key.type) {
    case Type::kFlag: return OrVariable({{"type", "boolean"}});
    case Type::kInteger:
      return OrVariable({{"type", "integer"},
                         {"minimum", std::stoll(std::string(key.least))},
                         {"maximum", std::stoll(std::string(key.most))}});
    case Type::kSize: return Ref("size");
    case Type::kTime: return Ref("time");
    case Type::kText: return {{"type", {"string", "integer"}}};  // a GPU's index is one
    case Type::kPath: return {{"type", "string"}, {"minLength", 1}};
    case Type::kAddress: return OrVariable(Text("^.+:[0-9]+$"));
    case Type::kChoice: return OrVariable({{"enum", Choices(key)}});
    case Type::kChoices:
      return {{"type", "array"}, {"items", OrVariable({{"enum", Choices(key)}})}, {"uniqueItems", true}};
    case Type::kNames: return {{"type", "array"}, {"items", Ref("name")}, {"uniqueItems", true}};
    case Type::kGroups: {
      const Json group = {{"type", "array"}, {"items", Ref("name")}, {"uniqueItems", true}, {"minItems", 2}};
      return {{"type", "array"}, {"items", group}};
    }
    case Type::kTimeRange:
      return {{"type", "array"}, {"items", Ref("time")}, {"minItems", 2}, {"maxItems", 2}};
    case Type::kRate: return OrVariable(Text("^[0-9]+ in [0-9]+(\\.[0-9]+)?(us|ms|s|m|h)$"));
  }
  return {};
}

// A default as JSON; sizes, times and rates stay the strings they are.
Json PresetJson(const Key& key) {
  const Value value = PresetOf(key);
  switch (key.type) {
    case Type::kFlag: return value.flag;
    case Type::kInteger: return value.number;
    case Type::kChoices:
    case Type::kNames: {
      Json list = Json::array();
      for (const Item& item : value.items) list.push_back(item.text);
      return list;
    }
    case Type::kGroups: return Json::array();
    case Type::kTimeRange: return {FormatDuration(value.time), FormatDuration(value.time_most)};
    default: return key.preset;
  }
}

Json Section() {
  return {{"type", {"object", "null"}}, {"additionalProperties", false}, {"properties", Json::object()}};
}

// Puts the key's schema under its dotted path inside `section`, making the sections on the way.
void Insert(Json& section, std::string_view inner, const Key& key) {
  const std::size_t dot = inner.find('.');
  const std::string name(inner.substr(0, dot));
  Json& properties = section["properties"];
  if (dot != std::string_view::npos) {
    if (!properties.contains(name)) properties[name] = Section();
    Insert(properties[name], inner.substr(dot + 1), key);
    return;
  }
  Json schema = SchemaOf(key);
  schema["description"] = Sentence(key);
  if (!key.preset.empty()) schema["default"] = PresetJson(key);
  properties[name] = std::move(schema);
}

Json WithoutDescription(Json section) {
  section.erase("description");
  return section;
}

}  // namespace

std::string JsonSchema() {
  Json plan = Section();
  Json device = Section();
  Json model = Section();
  Json defaults = Section();
  Json required = Json::array();
  for (const Key& key : Keys()) {
    const bool of_model = key.path.starts_with(kModels);
    const bool of_device = key.path.starts_with(kDevices);
    Insert(of_model ? model : of_device ? device : plan, of_model || of_device ? key.inner() : key.path, key);
    if (of_model && !key.own) Insert(defaults, key.inner(), key);
    // `memory` may come from `defaults`, so only a model's own keys are required of it.
    if (of_model && key.own && key.required()) required.push_back(key.inner());
  }
  model["type"] = "object";
  model["required"] = required;
  Json names = {{"type", "object"}, {"minProperties", 1}, {"propertyNames", {{"pattern", "^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"}, {"maxLength", 128}}}};
  names["additionalProperties"] = Ref("model");
  plan["properties"]["devices"] = {{"type", {"object", "null"}}, {"additionalProperties", false}, {"properties", {{"cpu", device}}}, {"patternProperties", {{"^[A-Za-z0-9_][A-Za-z0-9._-]*$", device}}}};
  plan["properties"]["defaults"] = defaults;
  plan["properties"]["models"] = names;
  plan["type"] = "object";
  plan["required"] = {"version", "models"};
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Berth deployment plan"}};
  schema.update(WithoutDescription(plan));
  schema["$defs"] = Definitions();
  schema["$defs"]["model"] = model;
  return schema.dump(2) + "\n";
}

}  // namespace berth::config
