#include "worker/checkpoint/encoder_architecture.h"

#include <algorithm>
#include <array>

namespace berth::checkpoint {
namespace {

// The bare encoders first, then the classes whose checkpoints contain one beside a head. Sentence vectors do
// not use the head; a sequence classifier is its head.
constexpr std::array<Architecture, 16> kArchitectures = {{
    {"BertModel", Family::kBert, Task::kEmbedding},
    {"DistilBertModel", Family::kDistilBert, Task::kEmbedding},
    {"MPNetModel", Family::kMpnet, Task::kEmbedding},
    {"BertForMaskedLM", Family::kBert, Task::kEmbedding},
    {"BertForPreTraining", Family::kBert, Task::kEmbedding},
    {"BertForTokenClassification", Family::kBert, Task::kEmbedding},
    {"BertForQuestionAnswering", Family::kBert, Task::kEmbedding},
    {"DistilBertForMaskedLM", Family::kDistilBert, Task::kEmbedding},
    {"DistilBertForTokenClassification", Family::kDistilBert, Task::kEmbedding},
    {"DistilBertForQuestionAnswering", Family::kDistilBert, Task::kEmbedding},
    {"MPNetForMaskedLM", Family::kMpnet, Task::kEmbedding},
    {"MPNetForTokenClassification", Family::kMpnet, Task::kEmbedding},
    {"MPNetForQuestionAnswering", Family::kMpnet, Task::kEmbedding},
    {"BertForSequenceClassification", Family::kBert, Task::kRanking},
    {"DistilBertForSequenceClassification", Family::kDistilBert, Task::kRanking},
    {"MPNetForSequenceClassification", Family::kMpnet, Task::kRanking},
}};

struct ModelTypeRow {
  std::string_view name;
  Family family;
};

constexpr std::array<ModelTypeRow, 3> kModelTypes = {
    {{"bert", Family::kBert}, {"distilbert", Family::kDistilBert}, {"mpnet", Family::kMpnet}}};

// Families whose layers are within reach and whose tokenizers are not.
struct Refused {
  std::string_view prefix;      // of the architecture
  std::string_view model_type;  // of files without "architectures"
  std::string_view tokenizer;
};

constexpr std::array<Refused, 3> kRefused = {{{"Roberta", "roberta", "byte-level BPE"},
                                              {"XLMRoberta", "xlm-roberta", "SentencePiece unigram"},
                                              {"Camembert", "camembert", "SentencePiece unigram"}}};

std::string ArchitectureList() {
  std::string list;
  for (const Architecture& row : kArchitectures) {
    if (!list.empty()) list += ", ";
    list += row.name;
  }
  return list;
}

}  // namespace

std::string_view ModelType(Family family) {
  return std::ranges::find(kModelTypes, family, &ModelTypeRow::family)->name;
}

std::optional<Family> FindFamily(std::string_view model_type) {
  const auto found = std::ranges::find(kModelTypes, model_type, &ModelTypeRow::name);
  return found == kModelTypes.end() ? std::nullopt : std::optional(found->family);
}

std::optional<Architecture> FindArchitecture(std::string_view name) {
  const auto found = std::ranges::find(kArchitectures, name, &Architecture::name);
  return found == kArchitectures.end() ? std::nullopt : std::optional(*found);
}

Architecture BareEncoder(Family family) {
  return *std::ranges::find(kArchitectures, family, &Architecture::family);
}

std::string WhyRefused(std::string_view name) {
  const auto row = std::ranges::find_if(kRefused, [name](const Refused& refused) {
    return name.starts_with(refused.prefix) || name == refused.model_type;
  });
  std::string reason = "is not supported";
  if (row != kRefused.end()) {
    reason.append(": its tokenizer (").append(row->tokenizer).append(") is not supported yet");
  }
  return reason + "; supported: " + ArchitectureList();
}

}  // namespace berth::checkpoint
