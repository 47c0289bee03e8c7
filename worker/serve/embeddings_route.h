// POST /v1/embeddings and POST /embed. A request's way: parsed and tokenised on the pool, run by the engine,
// written on the pool; no step of it holds up the io thread or the compute thread of another request.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "worker/engine/engine.h"
#include "worker/protocol/http_message.h"
#include "worker/serve/service.h"

namespace berth::serve {

enum class EmbeddingsDialect { kOpenAi, kTei };

// Runs on the pool. `job` is cancelled by the caller when the client leaves. `service` outlives the call.
boost::asio::awaitable<http::Response> ServeEmbeddings(Service& service, EmbeddingsDialect dialect,
                                                       std::shared_ptr<http::Request> request,
                                                       std::shared_ptr<engine::Job> job);

}  // namespace berth::serve
