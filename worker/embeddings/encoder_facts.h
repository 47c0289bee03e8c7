// What the routes of an encoder know of it, and check requests against. Values.
#pragma once

#include "worker/checkpoint/encoder_architecture.h"
#include "worker/checkpoint/sentence_config.h"
#include "worker/serve/model_facts.h"

namespace berth::serve {

struct EncoderFacts : ModelFacts {
  int dimensions = 0;
  bool matryoshka = false;  // vectors may be cut to fewer dimensions
  checkpoint::SentenceConfig sentence = {};
  checkpoint::Task task = checkpoint::Task::kEmbedding;
};

}  // namespace berth::serve
