// What the families of encoders call their tensors, and what their rerankers' heads are: the declared
// differences. How a family knows positions, segments and distances is in its config (EncoderConfig). One
// table, pure.
#pragma once

#include <string_view>

#include "worker/checkpoint/encoder_architecture.h"

namespace berth::models {

struct FamilyRow {
  checkpoint::Family family;
  std::string_view prefix;  // may stand in front of every name of the encoder
  std::string_view layer;   // the layer's number and a dot come next, then one of these:
  std::string_view query, key, value, attention_output, attention_norm;
  std::string_view up, down, output_norm;

  // The head of a reranker: from the first token's hidden state, output(activation(dense(x))).
  std::string_view head_dense, head_output;
  enum class HeadActivation { kTanh, kRelu } head_activation;
};

const FamilyRow& RowOf(checkpoint::Family family);

}  // namespace berth::models
