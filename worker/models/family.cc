#include "worker/models/family.h"

#include <algorithm>
#include <array>

namespace berth::models {
namespace {

using checkpoint::Family;
using HeadActivation = FamilyRow::HeadActivation;

constexpr std::array<FamilyRow, 3> kFamilies = {{
    {.family = Family::kBert,
     .prefix = "bert.",
     .layer = "encoder.layer.",
     .query = "attention.self.query",
     .key = "attention.self.key",
     .value = "attention.self.value",
     .attention_output = "attention.output.dense",
     .attention_norm = "attention.output.LayerNorm",
     .up = "intermediate.dense",
     .down = "output.dense",
     .output_norm = "output.LayerNorm",
     .head_dense = "pooler.dense",
     .head_output = "classifier",
     .head_activation = HeadActivation::kTanh},
    {.family = Family::kDistilBert,
     .prefix = "distilbert.",
     .layer = "transformer.layer.",
     .query = "attention.q_lin",
     .key = "attention.k_lin",
     .value = "attention.v_lin",
     .attention_output = "attention.out_lin",
     .attention_norm = "sa_layer_norm",
     .up = "ffn.lin1",
     .down = "ffn.lin2",
     .output_norm = "output_layer_norm",
     .head_dense = "pre_classifier",
     .head_output = "classifier",
     .head_activation = HeadActivation::kRelu},
    {.family = Family::kMpnet,
     .prefix = "mpnet.",
     .layer = "encoder.layer.",
     .query = "attention.attn.q",
     .key = "attention.attn.k",
     .value = "attention.attn.v",
     .attention_output = "attention.attn.o",
     .attention_norm = "attention.LayerNorm",
     .up = "intermediate.dense",
     .down = "output.dense",
     .output_norm = "output.LayerNorm",
     .head_dense = "classifier.dense",
     .head_output = "classifier.out_proj",
     .head_activation = HeadActivation::kTanh},
}};

}  // namespace

const FamilyRow& RowOf(Family family) { return *std::ranges::find(kFamilies, family, &FamilyRow::family); }

}  // namespace berth::models
