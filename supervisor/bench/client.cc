#include "supervisor/bench/client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <variant>

#include "supervisor/base/deadline.h"
#include "supervisor/bench/reply.h"
#include "worker/protocol/http_body.h"
#include "worker/protocol/http_head.h"

namespace asio = boost::asio;

namespace berth::bench {
namespace {

using Socket = asio::ip::tcp::socket;

constexpr std::size_t kReadBytes = 64 * 1024;

Sample Failed(std::string why, TimePoint since) {
  Sample sample;
  sample.total = std::chrono::duration_cast<Duration>(Clock::now() - since);
  sample.error = std::move(why);
  return sample;
}

// Reads one reply from a socket into a meter.
struct Reader {
  Socket& socket;
  TimePoint since;
  std::string bytes = {};  // arrived, not consumed
  bool keep_alive = false;
  bool any = false;  // something of the reply came

  asio::awaitable<bool> More() {
    const std::size_t had = bytes.size();
    bytes.resize(had + kReadBytes);
    boost::system::error_code error;
    const auto room = asio::buffer(bytes.data() + had, kReadBytes);
    const std::size_t got = co_await socket.async_read_some(room, asio::redirect_error(asio::use_awaitable, error));
    bytes.resize(had + got);
    any |= got > 0;
    co_return got > 0;
  }

  // Nothing: the connection ended, or what came is no HTTP.
  asio::awaitable<std::optional<http::ResponseHead>> Head() {
    while (true) {
      auto parsed = http::ParseResponseHead(bytes, "POST", http::HeadLimits());
      if (auto* head = std::get_if<http::ResponseHead>(&parsed)) {
        bytes.erase(0, head->bytes);
        if (head->status >= 200) co_return std::move(*head);
        continue;
      }
      if (std::holds_alternative<http::HeadError>(parsed)) co_return std::nullopt;
      const bool more = co_await More();
      if (!more) co_return std::nullopt;
    }
  }

  asio::awaitable<bool> Body(const http::ResponseHead& head, ReplyMeter& meter) {
    http::BodyReader body(head);
    while (!body.done()) {
      std::string payload;
      const auto step = body.Feed(bytes, &payload);
      if (step.bad) co_return false;
      bytes.erase(0, step.consumed);
      if (!payload.empty()) meter.Take(payload, Clock::now());
      if (step.done) break;
      const bool more = co_await More();
      if (!more) co_return body.EndsAtClose();
    }
    co_return true;
  }

  asio::awaitable<Sample> Reply() {
    const auto head = co_await Head();
    if (!head) co_return Failed("the connection ended without a reply", since);
    const std::string* type = head->Find("Content-Type");
    ReplyMeter meter(head->status, type != nullptr && type->starts_with("text/event-stream"), since);
    const bool whole = co_await Body(*head, meter);
    keep_alive = whole && head->keep_alive && bytes.empty();
    co_return meter.Finish(whole, Clock::now());
  }
};

}  // namespace

Result<Target> ParseTarget(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (url.starts_with("https://")) return Invalid(url, ": https is not spoken; give the server's http address");
  if (!url.starts_with(kScheme)) return Invalid(url, " is not http://host:port/v1");
  const std::size_t slash = std::min(url.find('/', kScheme.size()), url.size());
  std::string authority = url.substr(kScheme.size(), slash - kScheme.size());
  Target target{authority, "80", url.substr(slash)};
  while (target.base.ends_with('/')) target.base.pop_back();
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    target.host = authority.substr(0, colon);
    target.port = authority.substr(colon + 1);
  }
  if (target.host.starts_with('[') && target.host.ends_with(']')) target.host = target.host.substr(1, target.host.size() - 2);
  const bool digits = !target.port.empty() && target.port.size() <= 5 && target.port.find_first_not_of("0123456789") == std::string::npos;
  if (target.host.empty() || !digits) return Invalid(url, " is not http://host:port/v1");
  if (url.find_first_of(" \r\n\t") != std::string::npos) return Invalid("the address has a blank in it");
  return target;
}

asio::awaitable<Client::Socket> Client::Connection() {
  if (!idle_.empty()) {
    Socket socket = std::move(idle_.back());
    idle_.pop_back();
    co_return socket;
  }
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::resolver resolver(executor);
  const auto found = co_await resolver.async_resolve(target_.host, target_.port, asio::use_awaitable);
  Socket socket(executor);
  co_await asio::async_connect(socket, found, asio::use_awaitable);
  socket.set_option(asio::ip::tcp::no_delay(true));
  co_return socket;
}

asio::awaitable<Sample> Client::Exchange(std::string bytes, TimePoint since) {
  while (true) {
    const bool kept = !idle_.empty();
    Socket socket = co_await Connection();
    Reader reader{socket, since};
    const auto buffer = asio::buffer(bytes);
    boost::system::error_code unwritten;
    co_await asio::async_write(socket, buffer, asio::redirect_error(asio::use_awaitable, unwritten));
    if (!unwritten) {
      Sample sample = co_await reader.Reply();
      if (reader.keep_alive) idle_.push_back(std::move(socket));
      if (!kept || reader.any) co_return sample;
    } else if (!kept) {
      co_return Failed(unwritten.message(), since);
    }
    // The server has closed a connection that it kept for a while: that is no failure of its own.
  }
}

asio::awaitable<Sample> Client::Send(std::string path, std::string body, TimePoint since, Duration limit) {
  const TimePoint deadline = Clock::now() + limit;
  std::string bytes = "POST " + target_.base + path + " HTTP/1.1\r\nHost: " + target_.host + ":" + target_.port +
                      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  if (!api_key_.empty()) bytes += "Authorization: Bearer " + api_key_ + "\r\n";
  bytes += "\r\n" + body;
  std::string why;
  try {
    auto exchange = WithDeadline(Exchange(std::move(bytes), since), deadline);
    auto sample = co_await std::move(exchange);
    if (!sample) co_return Failed("no end within the time limit", since);
    co_return std::move(*sample);
  } catch (const boost::system::system_error& error) {
    why = error.code().message();
  }
  co_return Failed(std::move(why), since);
}

}  // namespace berth::bench
