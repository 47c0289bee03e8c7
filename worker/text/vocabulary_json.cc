#include "worker/text/vocabulary_json.h"

#include "worker/checkpoint/json_fields.h"

namespace berth::text {

Result<Vocabulary> ParseVocabulary(const nlohmann::json& tokens, const std::string& where) {
  checkpoint::JsonFields fields(tokens, where);
  Vocabulary vocabulary;
  for (const auto& [text, value] : tokens.items()) {
    const auto id = fields.Integer(text, 0, Vocabulary::kIdLimit - 1);
    if (!fields.ok()) return fields.error();
    if (text.empty()) continue;  // matches no word
    if (Status added = vocabulary.Add(text, id); !added) return Invalid(where, ": ", added.error().message);
  }
  if (!fields.ok()) return fields.error();
  return vocabulary;
}

}  // namespace berth::text
