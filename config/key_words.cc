// What a row of the table of keys says of itself, in words: for messages, the reference and the schema.
#include "config/keys.h"

namespace berth::config {

std::string_view Key::inner() const {
  for (const std::string_view section : {kDevices, kModels}) {
    if (path.starts_with(section)) return path.substr(section.size() + 1);
  }
  return path.substr(path.find('.') + 1);
}

std::vector<std::string> Choices(const Key& key) {
  std::vector<std::string> choices;
  for (std::string_view rest = key.choices; !rest.empty();) {
    const std::size_t bar = rest.find('|');
    choices.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }
  return choices;
}

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kFlag: return "true or false";
    case Type::kInteger: return "a whole number";
    case Type::kSize: return "a size";
    case Type::kTime: return "a time";
    case Type::kText: return "a word";
    case Type::kPath: return "a path";
    case Type::kAddress: return "host:port";
    case Type::kChoice: return "one of";
    case Type::kChoices: return "a list of";
    case Type::kNames: return "a list of names";
    case Type::kGroups: return "a list of lists of names";
    case Type::kTimeRange: return "two times, [least, most]";
    case Type::kRate: return "a count in a time";
  }
  return "";
}

std::string Sentence(const Key& key) {
  std::string sentence(key.sentence);
  return key.only.empty() ? sentence : sentence.append(" Only of kind ").append(key.only).append(".");
}

std::string BoundsText(const Key& key) {
  if (key.least.empty()) return "";
  if (key.least == key.most) return std::string(key.least);
  return std::string(key.least).append(" to ").append(key.most);
}

int DefaultBatchTokens(Kind kind) { return kind == Kind::kLlm ? 512 : 16'384; }

}  // namespace berth::config
