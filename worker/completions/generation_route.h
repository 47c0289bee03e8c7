// What chat and completions have in common on their way: the claim, the body's JSON, the prompt, the generator, and a
// reply that is sent whole or as events. A route brings what it is about as a GenerationWork. Parsing, templates and
// tokens are the pool's; events are written on the io thread, as they become known.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "worker/completions/generation_request.h"
#include "worker/completions/prompts.h"
#include "worker/completions/reply_shape.h"
#include "worker/completions/service.h"
#include "worker/serve/call.h"

namespace berth::completions {

// A request whose body is parsed. On the pool: MakePrompts() once; then, unless it failed, MakeShape() once.
class GenerationWork {
 public:
  virtual ~GenerationWork() = default;
  virtual GenerationRequest& request() = 0;
  virtual const char* id_prefix() const = 0;       // "chatcmpl-"
  virtual bool prompt_logprobs() const = 0;        // those of the prompt's tokens come back, too
  virtual std::uint64_t echo_bytes(const text::Tokenizer& tokenizer) const = 0;  // that come back of the prompt, about
  // `memory` holds what was parsed; what making them takes is added while it lasts.
  virtual Parsed<Prompts> MakePrompts(const GenerationService& service, engine::Charge& memory) = 0;
  virtual std::unique_ptr<ReplyShape> MakeShape(const text::Tokenizer& tokenizer, ReplyHead head) const = 0;
};

// `text` is the body's, `body` the object that was parsed of it.
using ParseGeneration = Parsed<std::unique_ptr<GenerationWork>> (*)(const nlohmann::json& body, std::string_view text,
                                                                    const GenerationFacts& model);

// Runs on the pool. `service` outlives the call, and what it answers with.
boost::asio::awaitable<serve::Answer> ServeGeneration(GenerationService& service, ParseGeneration parse,
                                                      std::shared_ptr<serve::Call> call);

}  // namespace berth::completions
