#include "worker/text/post_template.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/text/vocabulary.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

struct Piece {
  PairPiece::Kind kind;
  std::int64_t type = 0;  // type_id
  TokenId id = 0;
};
using Pieces = std::vector<Piece>;

class TemplateReader {
 public:
  TemplateReader(JsonFields& fields, const TextOf& text_of) : fields_(fields), text_of_(text_of) {}

  Result<Pieces> Read(std::string_view key) {
    const auto& list = fields_.Array(key);
    if (!fields_.ok()) return fields_.error();
    const std::string where = fields_.where() + "." + std::string(key);
    Pieces pieces;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i >= kSpecialLimit) return Invalid(where, ": has more than ", kSpecialLimit, " pieces");
      Status added = AddPiece(list[i], where + "[" + std::to_string(i) + "]", pieces);
      if (!added) return added.error();
    }
    return pieces;
  }

 private:
  // {"SpecialToken": {"id": "[CLS]", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}}
  Status AddPiece(const nlohmann::json& piece, const std::string& where, Pieces& pieces) {
    JsonFields outer(piece, where);
    const bool is_text = outer.Find("Sequence") != nullptr;
    JsonFields inner(outer.Object(is_text ? "Sequence" : "SpecialToken"), where);
    const std::string id = inner.String("id");
    const auto type = inner.Integer("type_id", 0, 255, 0);
    if (!outer.ok()) return outer.error();
    if (!inner.ok()) return inner.error();
    if (!is_text) return AddSpecial(id, type, pieces);
    if (id != "A" && id != "B") return Invalid(where, ": there is no sequence \"", id, "\"; only A and B");
    pieces.push_back({id == "A" ? PairPiece::kFirst : PairPiece::kSecond, type});
    return Ok();
  }

  // {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]}
  Status AddSpecial(const std::string& name, std::int64_t type, Pieces& pieces) {
    const auto& table = fields_.Object("special_tokens");
    if (!fields_.ok()) return fields_.error();
    if (!table.contains(name)) {
      return Invalid(fields_.where(), ": the template uses \"", name,
                     "\", which special_tokens does not define");
    }
    const std::string where = fields_.where() + ".special_tokens[\"" + name + "\"]";
    JsonFields special(table.at(name), where);
    const auto& list = special.Array("ids");
    const auto& tokens = special.Array("tokens");
    if (!special.ok()) return special.error();
    if (list.empty() || list.size() != tokens.size()) {
      return Invalid(where, ": has ", list.size(), " ids and ", tokens.size(),
                     " tokens; as many of each are needed");
    }
    if (list.size() > kSpecialLimit) {
      return Invalid(where, ": has ", list.size(), " ids, more than ", kSpecialLimit);
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_number_unsigned()) return Invalid(where, ": \"ids\" must be non-negative integers");
      if (!tokens[i].is_string()) return Invalid(where, ": \"tokens\" must be strings");
      const auto id =
          CheckSpecialId(list[i].get<std::int64_t>(), tokens[i].get<std::string>(), where, text_of_);
      if (!id) return id.error();
      pieces.push_back({PairPiece::kToken, type, *id});
    }
    return Ok();
  }

  JsonFields& fields_;
  const TextOf& text_of_;
};

auto CountOf(const Pieces& pieces, PairPiece::Kind kind) {
  return std::ranges::count(pieces, kind, &Piece::kind);
}

Status TakeSingle(const Pieces& pieces, const std::string& where, PostProcessor& result) {
  const auto text = std::ranges::find(pieces, PairPiece::kFirst, &Piece::kind);
  if (CountOf(pieces, PairPiece::kFirst) != 1 || CountOf(pieces, PairPiece::kSecond) != 0) {
    return Invalid(where, ": the template must hold the sequence \"A\" exactly once, and no other");
  }
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece) {
    if (piece->type != 0) {
      return Invalid(where, ": type_id ", piece->type, " is not supported for a single text; supported: 0");
    }
    if (piece != text) (piece < text ? result.prefix : result.suffix).push_back(piece->id);
  }
  return Ok();
}

Result<std::vector<PairPiece>> TakePair(const Pieces& pieces, const std::string& where) {
  if (CountOf(pieces, PairPiece::kFirst) != 1 || CountOf(pieces, PairPiece::kSecond) != 1) {
    return Invalid(where, ": the template must hold the sequences \"A\" and \"B\" exactly once each");
  }
  std::vector<PairPiece> pair;
  if (pieces.front().type != 0) return Invalid(where, ": the first piece must be of type_id 0");
  for (const Piece& piece : pieces) {
    if (piece.type > 1) return Invalid(where, ": type_id ", piece.type, " is not supported; supported: 0, 1");
    if (piece.type == 0 && !pair.empty() && pair.back().segment1) {
      return Invalid(where, ": a piece of type_id 0 after one of type_id 1 is not supported");
    }
    pair.push_back({piece.kind, piece.type == 1, piece.id});
  }
  if (pair.size() > kSpecialLimit) {
    return Invalid(where, ": puts more than ", kSpecialLimit, " special tokens around two texts");
  }
  return pair;
}

}  // namespace

Result<TokenId> CheckSpecialId(std::int64_t id, const std::string& content, const std::string& where,
                               const TextOf& text_of) {
  const bool in_range = id >= 0 && id < Vocabulary::kIdLimit;
  const std::string_view text = in_range ? text_of(static_cast<TokenId>(id)) : std::string_view();
  if (text.empty()) {
    return Invalid(where, ": special token \"", content, "\" has the id ", id,
                   ", which the vocabulary lacks");
  }
  if (text == content) return static_cast<TokenId>(id);
  return Invalid(where, ": special token \"", content, "\" has the id ", id, ", which is \"", text,
                 "\" in the vocabulary");
}

Result<PostProcessor> ReadTemplate(JsonFields& fields, const TextOf& text_of) {
  PostProcessor result;
  TemplateReader reader(fields, text_of);
  const auto single = reader.Read("single");
  if (!single) return single.error();
  if (Status taken = TakeSingle(*single, fields.where() + ".single", result); !taken) return taken.error();

  JsonFields pair_fields = fields;  // the first mistake sticks, and this one must not
  const auto pieces = TemplateReader(pair_fields, text_of).Read("pair");
  auto pair =
      pieces ? TakePair(*pieces, fields.where() + ".pair") : Result<std::vector<PairPiece>>(pieces.error());
  if (!pair) result.pair_problem = pair.error().message;
  result.pair = pair ? std::move(*pair) : std::vector<PairPiece>();
  return result;
}

}  // namespace berth::text
