#include "worker/text/pipeline.h"

#include <utility>

namespace berth::text {

const Vocabulary& Pipeline::vocabulary() const {
  return std::visit([](const auto& one) -> const Vocabulary& { return one.vocabulary(); }, model);
}

std::string_view Pipeline::TokenText(TokenId id) const {
  const AddedToken* token = added.Find(id);
  return token != nullptr ? std::string_view(token->content) : vocabulary().Text(id);
}

AddedTokens MakeAddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  Workspace workspace;
  return AddedTokens(std::move(tokens),
                     [&](std::string_view text) { return std::string(normalizer.Run(text, workspace)); });
}

PipelineResult ReadPipeline(const std::filesystem::path& dir) {
  const auto has = [&dir](const char* name) {
    std::error_code ignored;  // a file that cannot be examined gets its proper message when it is opened
    return std::filesystem::exists(std::filesystem::symlink_status(dir / name, ignored));
  };
  const auto config = dir / "tokenizer_config.json";
  if (has("tokenizer.json")) return ReadTokenizerJson(dir / "tokenizer.json", config);
  if (has("vocab.json") && has("merges.txt")) return ReadVocabMerges(dir / "vocab.json", dir / "merges.txt", config);
  if (has("tokenizer.model")) return ReadSentencePiece(dir / "tokenizer.model", config);
  if (has("vocab.txt")) return ReadVocabTxt(dir / "vocab.txt", config);
  return MakeError(ErrorKind::kNotFound, dir.string(),
                   ": has neither tokenizer.json, nor vocab.json with merges.txt, nor tokenizer.model, nor vocab.txt; copy ",
                   "the model's tokenizer files there, or correct the path");
}

}  // namespace berth::text
