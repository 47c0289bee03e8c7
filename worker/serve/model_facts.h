// What the routes know of the loaded model, and check requests against. Values.
#pragma once

#include <string>

#include "worker/checkpoint/encoder_architecture.h"
#include "worker/checkpoint/sentence_config.h"

namespace berth::serve {

struct ModelFacts {
  std::string name;  // in the plan
  int dimensions = 0;
  int max_tokens = 0;  // of one input, special tokens included
  int vocab_size = 0;
  bool matryoshka = false;  // vectors may be cut to fewer dimensions
  checkpoint::SentenceConfig sentence = {};
  checkpoint::Task task = checkpoint::Task::kEmbedding;
};

}  // namespace berth::serve
