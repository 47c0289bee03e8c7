// Bpe::Parse: tokenizer.json's "model", and merges of every form.
#include "worker/checkpoint/json_fields.h"
#include "worker/text/bpe.h"
#include "worker/text/vocabulary_json.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;
using nlohmann::json;

constexpr std::size_t kMergeLimit = 1 << 22;
constexpr std::size_t kAffixLimit = 64;

BpeOptions ReadOptions(JsonFields& fields) {
  BpeOptions options;
  options.unk_token = fields.String("unk_token", "");
  options.fuse_unk = fields.Bool("fuse_unk", false);
  options.byte_fallback = fields.Bool("byte_fallback", false);
  options.ignore_merges = fields.Bool("ignore_merges", false);
  options.prefix = fields.String("continuing_subword_prefix", "");
  options.suffix = fields.String("end_of_word_suffix", "");
  if (options.prefix.size() > kAffixLimit || options.suffix.size() > kAffixLimit) {
    fields.Fail("\"continuing_subword_prefix\" or \"end_of_word_suffix\" is longer than 64 bytes");
  }
  // It makes training texts differ from each other; a server's tokens must not.
  if (fields.Number("dropout", 0, 1, 0) != 0) fields.Fail("\"dropout\" is not supported; remove it, or make it 0");
  return options;
}

// "a b" or ["a", "b"]
Status AddMerge(MergeReader& reader, const json& merge) {
  if (merge.is_string()) return reader.AddLine(merge.get_ref<const std::string&>());
  if (!merge.is_array() || merge.size() != 2 || !merge[0].is_string() || !merge[1].is_string()) {
    return Invalid("is neither \"a b\" nor [\"a\", \"b\"]");
  }
  return reader.Add(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>());
}

}  // namespace

Status MergeReader::AddLine(std::string_view line) {
  const auto blank = line.find(' ');
  if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos) {
    return Invalid("\"", line.substr(0, 80), "\" is not two tokens with a blank between them");
  }
  return Add(line.substr(0, blank), line.substr(blank + 1));
}

Status MergeReader::Add(std::string_view left, std::string_view right) {
  const bool continues = !prefix_.empty() && right.starts_with(prefix_);
  merged_.assign(left).append(right.substr(continues ? prefix_.size() : 0));
  const auto left_id = vocabulary_.Find(left);
  const auto right_id = vocabulary_.Find(right);
  const auto id = vocabulary_.Find(merged_);
  if (!left_id || !right_id || !id) {
    return Invalid("the vocabulary lacks \"", (!left_id ? left : !right_id ? right : merged_).substr(0, 80), "\"");
  }
  table_.Add(*left_id, *right_id, {rank_++, *id});
  return Ok();
}

Result<Bpe> Bpe::Parse(const json& model, const std::string& where) {
  JsonFields fields(model, where);
  BpeOptions options = ReadOptions(fields);
  const json& tokens = fields.Object("vocab");
  const json& merges = fields.Array("merges");
  if (!fields.ok()) return fields.error();
  if (merges.size() > kMergeLimit) return Invalid(where, ": has ", merges.size(), " merges, more than ", kMergeLimit);
  auto vocabulary = ParseVocabulary(tokens, where + ".vocab");
  if (!vocabulary) return vocabulary.error();
  MergeReader reader(*vocabulary, options.prefix);
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const Status added = AddMerge(reader, merges[i]);
    if (!added) return Invalid(where, ".merges[", i, "]: ", added.error().message);
  }
  return Create(std::move(*vocabulary), reader.TakeTable(), std::move(options), where);
}

}  // namespace berth::text
