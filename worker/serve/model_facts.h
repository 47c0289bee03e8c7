// What the routes of every kind know of the loaded model, and check requests against. Values; kinds add their own.
#pragma once

#include <string>

namespace berth::serve {

struct ModelFacts {
  std::string name;    // in the plan
  int max_tokens = 0;  // of one input, special tokens included; of a language model its output, too
  int vocab_size = 0;
};

}  // namespace berth::serve
