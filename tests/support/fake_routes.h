// The routes of a fake worker: embeddings and chat that cost time but no thought, and a look at its own
// process.
//   POST /v1/embeddings, /v1/chat/completions ("stream": true gives SSE), /tokenize: claimed, counted, worked
//   on ANY  /echo: method, target, headers and body as JSON     GET /fds, /env, /proc-self
// Runs on the worker's one io thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "tests/support/fake_state.h"
#include "worker/protocol/http_server.h"

namespace berth::fake {

boost::asio::awaitable<std::optional<http::Response>> Answer(State& state,
                                                             std::shared_ptr<http::Request> request,
                                                             http::Exchange& exchange);

}  // namespace berth::fake
