#include "worker/text/post_processor.h"

#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/post_template.h"
#include "worker/text/step_reader.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

class Parser {
 public:
  explicit Parser(const TextOf& text_of) : text_of_(text_of) {}

  Status Add(const std::string& type, JsonFields& fields) {
    if (type == "TemplateProcessing") return Set(ReadTemplate(fields, text_of_), fields.where());
    if (type == "BertProcessing") return AddFixed(fields, PostProcessor::Bert);
    if (type == "RobertaProcessing") return AddFixed(fields, PostProcessor::Roberta);
    if (type == "ByteLevel") return Ok();  // trims the places of tokens in the text, which nobody asks for
    return Invalid(fields.where(), ": post-processor \"", type,
                   "\" is not supported; supported: TemplateProcessing, BertProcessing, RobertaProcessing, "
                   "ByteLevel, Sequence");
  }

  PostProcessor TakeResult() { return std::move(result_); }

 private:
  // The reference gives two steps in a row a meaning that nobody asks for: it wraps the first one's special
  // tokens as if they were texts of their own.
  Status Set(Result<PostProcessor> step, const std::string& where) {
    if (!step) return step.error();
    if (done_)
      return Invalid(where,
                     ": is the second processor that puts special tokens around a text; supported: one");
    const std::size_t count = step->prefix.size() + step->suffix.size();
    if (count > kSpecialLimit) {
      return Invalid(where, ": puts ", count, " special tokens around a text, more than ", kSpecialLimit);
    }
    result_ = std::move(*step);
    done_ = true;
    return Ok();
  }

  // ["[CLS]", 101]
  Result<TokenId> ReadPair(JsonFields& fields, std::string_view key) const {
    const auto& pair = fields.Array(key);
    if (!fields.ok()) return fields.error();
    if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_unsigned()) {
      return Invalid(fields.where(), ": \"", std::string(key),
                     "\" must be a token and its id, [\"[SEP]\", 102]");
    }
    return CheckSpecialId(pair[1].get<std::int64_t>(), pair[0].get<std::string>(), fields.where(), text_of_);
  }

  Status AddFixed(JsonFields& fields, PostProcessor (*make)(TokenId cls, TokenId sep)) {
    const auto cls = ReadPair(fields, "cls");
    if (!cls) return cls.error();
    const auto sep = ReadPair(fields, "sep");
    if (!sep) return sep.error();
    return Set(make(*cls, *sep), fields.where());
  }

  const TextOf& text_of_;
  PostProcessor result_;
  bool done_ = false;
};

}  // namespace

PostProcessor PostProcessor::Bert(TokenId cls, TokenId sep) {
  return {.prefix = {cls},
          .suffix = {sep},
          .pair = {{PairPiece::kToken, false, cls},
                   {PairPiece::kFirst},
                   {PairPiece::kToken, false, sep},
                   {PairPiece::kSecond, true},
                   {PairPiece::kToken, true, sep}},
          .pair_problem = {}};
}

PostProcessor PostProcessor::Roberta(TokenId cls, TokenId sep) {
  return {.prefix = {cls},
          .suffix = {sep},
          .pair = {{PairPiece::kToken, false, cls},
                   {PairPiece::kFirst},
                   {PairPiece::kToken, false, sep},
                   {PairPiece::kToken, false, sep},
                   {PairPiece::kSecond},
                   {PairPiece::kToken, false, sep}},
          .pair_problem = {}};
}

PostProcessor PostProcessor::BosEos(std::optional<TokenId> bos, std::optional<TokenId> eos) {
  PostProcessor result;
  result.pair.clear();
  for (const bool second : {false, true}) {
    if (bos) result.pair.push_back({PairPiece::kToken, second, *bos});
    result.pair.push_back({second ? PairPiece::kSecond : PairPiece::kFirst, second});
    if (eos) result.pair.push_back({PairPiece::kToken, second, *eos});
  }
  if (bos) result.prefix.push_back(*bos);
  if (eos) result.suffix.push_back(*eos);
  return result;
}

Result<PostProcessor> PostProcessor::Parse(const nlohmann::json& value, const std::string& where,
                                           const std::function<std::string_view(TokenId)>& text_of) {
  if (value.is_null()) return PostProcessor();
  Parser parser(text_of);
  const auto add = [&parser](const std::string& type, JsonFields& fields) {
    return parser.Add(type, fields);
  };
  if (Status read = ReadSteps(value, where, "processors", add); !read) return read.error();
  return parser.TakeResult();
}

}  // namespace berth::text
