// The bodies of POST /v1/embeddings and of TEI's POST /embed, from JSON to values: every parameter checked
// for type and range, each mistake a 400 that names it. Pure; no tokenizer, no engine.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "worker/serve/api_error.h"
#include "worker/embeddings/encoder_facts.h"
#include "worker/text/tokenizer.h"

namespace berth::serve {

inline constexpr std::size_t kMaxInputs = 2048;  // of one request, as OpenAI's

struct EmbeddingsRequest {
  std::string model;                               // as the body names it; may be empty
  std::vector<std::string> texts;                  // one of the two is filled, in the order of the inputs
  std::vector<std::vector<text::TokenId>> tokens;  // taken as they are, no special tokens added
  std::string input_key = "input";                 // how the body calls them
  bool single = false;                             // `input` was no list of inputs
  std::string prompt;                              // to put in front of every text
  bool base64 = false;
  int dimensions = 0;  // of the reply's vectors
  bool normalize = true;
  bool truncate = false;  // over-long inputs are cut; else they are a 400
  text::Truncation truncation = text::Truncation::kRight;

  std::size_t inputs() const { return texts.size() + tokens.size(); }
};

// `input_key`: "input" (OpenAI) or "inputs" (TEI); the rest of the parameters is common to both.
Parsed<EmbeddingsRequest> ParseEmbeddings(const nlohmann::json& body, const EncoderFacts& model,
                                          const std::string& input_key = "input");

}  // namespace berth::serve
