#include "worker/text/post_processor.h"

#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/vocabulary.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr std::size_t kSpecialLimit = 256;  // tokens around a text

class Parser {
 public:
  explicit Parser(const std::function<std::string_view(TokenId)>& text_of) : text_of_(text_of) {}

  Status Add(const nlohmann::json& value, const std::string& where) {
    JsonFields fields(value, where);
    const std::string type = fields.String("type");
    if (!fields.ok()) return fields.error();
    if (type == "Sequence") return AddSequence(fields);
    if (type == "TemplateProcessing") return AddTemplate(fields);
    if (type == "BertProcessing") return AddBert(fields);
    return Invalid(where, ": post-processor \"", type,
                   "\" is not supported; supported: TemplateProcessing, BertProcessing, Sequence");
  }

  PostProcessor TakeResult() { return std::move(result_); }

 private:
  // The reference gives two steps in a row a meaning that nobody asks for: it wraps the first one's special
  // tokens as if they were texts of their own.
  Status Set(PostProcessor step, const std::string& where) {
    if (done_)
      return Invalid(where,
                     ": is the second processor that puts special tokens around a text; supported: one");
    const std::size_t count = step.prefix.size() + step.suffix.size();
    if (count > kSpecialLimit) {
      return Invalid(where, ": puts ", count, " special tokens around a text, more than ", kSpecialLimit);
    }
    result_ = std::move(step);
    done_ = true;
    return Ok();
  }

  Status AddSequence(JsonFields& fields) {
    const auto& list = fields.Array("processors");
    for (std::size_t i = 0; i < list.size(); ++i) {
      Status added = Add(list[i], fields.where() + ".processors[" + std::to_string(i) + "]");
      if (!added) return added;
    }
    if (!fields.ok()) return fields.error();
    return Ok();
  }

  Result<TokenId> CheckId(std::int64_t id, const std::string& content, const std::string& where) const {
    const bool in_range = id >= 0 && id < Vocabulary::kIdLimit;
    const std::string_view text = in_range ? text_of_(static_cast<TokenId>(id)) : std::string_view();
    if (text.empty()) {
      return Invalid(where, ": special token \"", content, "\" has the id ", id,
                     ", which the vocabulary lacks");
    }
    if (text == content) return static_cast<TokenId>(id);
    return Invalid(where, ": special token \"", content, "\" has the id ", id, ", which is \"", text,
                   "\" in the vocabulary");
  }

  // ["[CLS]", 101]
  Result<TokenId> ReadPair(JsonFields& fields, std::string_view key) const {
    const auto& pair = fields.Array(key);
    if (!fields.ok()) return fields.error();
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_unsigned()) {
      return Invalid(fields.where(), ": \"", std::string(key),
                     "\" must be a token and its id, [\"[SEP]\", 102]");
    }
    return CheckId(pair[1].get<std::int64_t>(), pair[0].get<std::string>(), fields.where());
  }

  Status AddBert(JsonFields& fields) {
    const auto cls = ReadPair(fields, "cls");
    if (!cls) return cls.error();
    const auto sep = ReadPair(fields, "sep");
    if (!sep) return sep.error();
    return Set({{*cls}, {*sep}}, fields.where());
  }

  // {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]}
  Status AddSpecial(JsonFields& fields, const std::string& name, std::vector<TokenId>& ids) const {
    const auto& table = fields.Object("special_tokens");
    if (!fields.ok()) return fields.error();
    if (!table.contains(name)) {
      return Invalid(fields.where(), ": the template uses \"", name,
                     "\", which special_tokens does not define");
    }
    const std::string where = fields.where() + ".special_tokens[\"" + name + "\"]";
    JsonFields special(table.at(name), where);
    const auto& list = special.Array("ids");
    const auto& tokens = special.Array("tokens");
    if (!special.ok()) return special.error();
    if (list.empty() || list.size() != tokens.size()) {
      return Invalid(where, ": has ", list.size(), " ids and ", tokens.size(),
                     " tokens; as many of each are needed");
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_number_unsigned()) return Invalid(where, ": \"ids\" must be non-negative integers");
      if (!tokens[i].is_string()) return Invalid(where, ": \"tokens\" must be strings");
      const auto id = CheckId(list[i].get<std::int64_t>(), tokens[i].get<std::string>(), where);
      if (!id) return id.error();
      ids.push_back(*id);
    }
    return Ok();
  }

  // {"SpecialToken": {"id": "[CLS]", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}}
  Status AddPiece(JsonFields& fields, const nlohmann::json& piece, const std::string& where,
                  PostProcessor& step, bool& seen_text) const {
    JsonFields outer(piece, where);
    const bool is_text = outer.Find("Sequence") != nullptr;
    JsonFields inner(outer.Object(is_text ? "Sequence" : "SpecialToken"), where);
    const std::string id = inner.String("id");
    const auto type = inner.Integer("type_id", 0, 255, 0);
    if (!outer.ok()) return outer.error();
    if (!inner.ok()) return inner.error();
    if (type != 0)
      return Invalid(where, ": type_id ", type, " is not supported for a single text; supported: 0");
    if (!is_text) return AddSpecial(fields, id, seen_text ? step.suffix : step.prefix);
    if (id != "A" || seen_text)
      return Invalid(where, ": the template must hold the sequence \"A\" exactly once");
    seen_text = true;
    return Ok();
  }

  Status AddTemplate(JsonFields& fields) {
    const auto& pieces = fields.Array("single");
    if (!fields.ok()) return fields.error();
    const std::string where = fields.where() + ".single";
    PostProcessor step;
    bool seen_text = false;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      Status added = AddPiece(fields, pieces[i], where + "[" + std::to_string(i) + "]", step, seen_text);
      if (!added) return added;
      if (i >= kSpecialLimit) return Invalid(where, ": has more than ", kSpecialLimit, " pieces");
    }
    if (!seen_text) return Invalid(where, ": the template must hold the sequence \"A\" exactly once");
    return Set(std::move(step), fields.where());
  }

  const std::function<std::string_view(TokenId)>& text_of_;
  PostProcessor result_;
  bool done_ = false;
};

}  // namespace

Result<PostProcessor> PostProcessor::Parse(const nlohmann::json& value, const std::string& where,
                                           const std::function<std::string_view(TokenId)>& text_of) {
  if (value.is_null()) return PostProcessor();
  Parser parser(text_of);
  if (Status added = parser.Add(value, where); !added) return added.error();
  return parser.TakeResult();
}

}  // namespace berth::text
