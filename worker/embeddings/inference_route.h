// What all routes have in common that an encoder computes: the claim, the body's JSON, tokens, the engine, the
// reply's headers, metrics. A route brings what it is about as a Work. A request's way: parsed and tokenised
// on the pool, run by the engine, written on the pool; no step of it holds up the io thread or the compute
// thread of another request.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "worker/engine/engine.h"
#include "worker/serve/call.h"
#include "worker/embeddings/encoder_facts.h"
#include "worker/serve/service.h"
#include "worker/embeddings/tokenize_inputs.h"

namespace berth::serve {

// What these routes work with, beside what all have.
struct EncoderService {
  Service& common;
  const EncoderFacts& model;
  const text::Tokenizer& tokenizer;
  engine::Engine& engine;
};

// What the engine made of a Work's inputs, and what a reply says of the request.
struct Outcome {
  std::span<const float> vectors;  // inputs × dimensions, in the order of the inputs
  std::size_t prompt_tokens = 0;
  std::string model;       // as the client named it
  std::string request_id;  // may be empty
};

// A request whose body is parsed. On the pool: Tokenize() once; then, unless it or the engine failed, Reply()
// once, for which model() may be asked.
class Work {
 public:
  virtual ~Work() = default;
  virtual std::string_view model() const = 0;  // as the body names it; may be empty
  virtual Parsed<TokenizedInputs> Tokenize(const EncoderService& service) = 0;
  virtual std::string Reply(const EncoderService& service, const Outcome& outcome) const = 0;  // JSON text
};

using ParseWork = Parsed<std::unique_ptr<Work>> (*)(const nlohmann::json& body, const EncoderFacts& model);

// Runs on the pool. `service` outlives the call.
boost::asio::awaitable<Answer> ServeInference(EncoderService& service, ParseWork parse, std::shared_ptr<Call> call);

}  // namespace berth::serve
