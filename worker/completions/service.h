// What the routes of a language model work with, beside what all have. One per process; everything referenced outlives
// it. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "worker/chat/chat_template.h"
#include "worker/completions/generation_facts.h"
#include "worker/generation/generation.h"
#include "worker/serve/service.h"
#include "worker/text/tokenizer.h"

namespace berth::completions {

// Remembers which fields of requests were ignored, so that each is said once and not with every request.
class IgnoredFields {
 public:
  void Note(const std::vector<std::string>& fields);

 private:
  std::mutex mutex_;
  std::set<std::string> said_;  // guarded by mutex_
};

// A conversation as the model's chat template writes it. No function: the model has no template.
using RenderChat = std::function<Result<std::string>(const chat::ChatRequest& request, const chat::Hold& hold)>;

struct GenerationService {
  serve::Service& common;
  const GenerationFacts& model;
  const text::Tokenizer& tokenizer;
  RenderChat render;
  // The generator's: jobs are run, and given up.
  std::function<void(std::shared_ptr<engine::GenerationJob>)> submit;
  std::function<void(engine::GenerationJob&)> cancel;
  IgnoredFields ignored = {};
};

}  // namespace berth::completions
