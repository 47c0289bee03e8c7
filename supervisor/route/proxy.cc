#include "supervisor/route/proxy.h"

#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "supervisor/route/connection.h"
#include "supervisor/route/listener.h"
#include "supervisor/route/shared.h"

namespace asio = boost::asio;

namespace berth::route {
namespace {

asio::awaitable<void> Serve(IoThread& thread, std::shared_ptr<Stream> stream, std::string peer, bool metrics_only) {
  Connection connection(thread, std::move(stream), std::move(peer), metrics_only);
  co_await connection.Run();
}

// Beyond the limit: one sentence, as far as the socket takes it at once.
void TurnAway(const Fd& fd) {
  http::Response response = http::ErrorResponse(503, "too_many_connections", "too many connections");
  response.fields.push_back({"Retry-After", "1"});
  response.close = true;
  const std::string bytes = http::Serialize(response, false);
  [[maybe_unused]] const auto sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

class Proxy::Body {
 public:
  Body(const config::Plan& plan, observe::Metrics& metrics, const ProxyOptions& options) : shared(plan, metrics, options.wanted) {
    shared.ping_every = options.ping_every;
    for (int i = 0; i < std::max(1, plan.server.threads); ++i) threads.push_back(std::make_unique<IoThread>(shared));
  }

  Status Bind(const config::Address& address, bool metrics_only) {
    auto listener = Listener::Bind(threads.front()->io, address);
    if (!listener) return listener.error();
    listeners.push_back({std::move(*listener), metrics_only});
    return Ok();
  }

  // On every io thread.
  template <class Action>
  void Everywhere(const Action& action) {
    for (auto& thread : threads) {
      asio::post(thread->io, [&thread = *thread, action] { action(thread); });
    }
  }

  void Accept(Fd fd, int family, std::string peer, bool metrics_only) {
    const int open = shared.connections_open.fetch_add(1, std::memory_order_relaxed);
    if (open >= shared.plan.server.max_connections) {
      shared.connections_open.fetch_sub(1, std::memory_order_relaxed);
      return TurnAway(fd);
    }
    IoThread& thread = *threads[next_thread++ % threads.size()];
    asio::post(thread.io, [this, &thread, fd = std::move(fd), family, peer = std::move(peer), metrics_only]() mutable {
      if (stopping) {
        shared.connections_open.fetch_sub(1, std::memory_order_relaxed);
        return;
      }
      auto stream = std::make_shared<Stream>(thread.io, family, std::move(fd));
      thread.tasks.Spawn("connection", Serve(thread, std::move(stream), std::move(peer), metrics_only));
    });
  }

  void StartAccepting() {
    IoThread& first = *threads.front();
    for (auto& [listener, metrics_only] : listeners) {
      auto on_client = [this, only = metrics_only](Fd fd, int family, std::string peer) {
        Accept(std::move(fd), family, std::move(peer), only);
      };
      first.tasks.Spawn("listener", listener->Run(std::move(on_client)));
    }
  }

  struct Door {
    std::unique_ptr<Listener> listener;
    bool metrics_only = false;
  };

  Shared shared;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::vector<Door> listeners;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::thread> runners;
  std::size_t next_thread = 0;         // on the accepting thread
  std::atomic<bool> stopping{false};
};

Proxy::Proxy(const config::Plan& plan, observe::Metrics& metrics, ProxyOptions options)
    : body_(std::make_unique<Body>(plan, metrics, options)) {}

Proxy::~Proxy() { Stop(); }

Status Proxy::Listen() {
  const config::Server& server = body_->shared.plan.server;
  if (auto bound = body_->Bind(server.listen, false); !bound) return bound;
  if (server.metrics) return body_->Bind(*server.metrics, true);
  return Ok();
}

std::vector<std::string> Proxy::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& door : body_->listeners) addresses.push_back(door.listener->address());
  return addresses;
}

void Proxy::Run() {
  asio::post(body_->threads.front()->io, [body = body_.get()] { body->StartAccepting(); });
  for (auto& thread : body_->threads) {
    body_->guards.push_back(asio::make_work_guard(thread->io));
    body_->runners.emplace_back([&io = thread->io] { io.run(); });
  }
}

void Proxy::BeginDrain() {
  if (body_->shared.draining.exchange(true)) return;
  for (auto& door : body_->shared.doors) door->admission.Drain();
  body_->Everywhere([](IoThread& thread) {
    const auto connections = thread.connections;  // closing one may end it, and change the set
    for (Connection* connection : connections) connection->CloseIfIdle();
  });
}

int Proxy::requests_open() const { return body_->shared.requests_open.load(std::memory_order_relaxed); }

void Proxy::Stop() {
  if (body_->runners.empty()) return;
  body_->stopping = true;
  asio::post(body_->threads.front()->io, [body = body_.get()] {
    for (auto& door : body->listeners) door.listener->Close();
  });
  body_->Everywhere([](IoThread& thread) {
    thread.pool.Clear();
    const auto connections = thread.connections;
    for (Connection* connection : connections) connection->Abort();
  });
  body_->guards.clear();
  for (std::thread& runner : body_->runners) runner.join();
  body_->runners.clear();
}

void Proxy::Up(std::shared_ptr<launch::Endpoint> endpoint) {
  if (ModelDoor* door = body_->shared.Door(endpoint->model)) door->admission.Up(std::move(endpoint));
}

void Proxy::Closing(const std::shared_ptr<launch::Endpoint>& endpoint) {
  ModelDoor* door = body_->shared.Door(endpoint->model);
  if (!door) return;
  door->admission.Closing(*endpoint);
  body_->Everywhere([endpoint](IoThread& thread) { thread.pool.Forget(*endpoint); });
}

void Proxy::Down(const std::shared_ptr<launch::Endpoint>& endpoint) {
  ModelDoor* door = body_->shared.Door(endpoint->model);
  if (!door) return;
  door->admission.Down(*endpoint);
  body_->Everywhere([endpoint](IoThread& thread) { thread.pool.Forget(*endpoint); });
}

void Proxy::Condition(const std::string& model, launch::ModelCondition condition) {
  if (ModelDoor* door = body_->shared.Door(model)) door->admission.SetCondition(std::move(condition));
}

}  // namespace berth::route
