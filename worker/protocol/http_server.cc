#include "worker/protocol/http_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "worker/protocol/http_body.h"
#include "worker/protocol/http_scan.h"
#include "worker/protocol/http_stream.h"

namespace asio = boost::asio;

namespace berth::http {
namespace {

constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::uint64_t kLeastBodyRate = 1024;  // bytes a second, averaged after body_timeout
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr Duration kShortLinger = Duration::zero();

// One request's exchange, as its handler sees it.
class ServerExchange : public Exchange, public std::enable_shared_from_this<ServerExchange> {
 public:
  ServerExchange(std::shared_ptr<ClientStream> stream, const RequestHead& head, const bool& draining)
      : stream_(std::move(stream)),
        head_only_(head.method == "HEAD"),
        chunked_(head.version == 11),
        keep_alive_(head.keep_alive),
        draining_(draining),
        gone_(stream_->closed()) {}

  void Start() {
    stream_->Watch([self = shared_from_this()] { self->Leave(); });
  }
  // The handler has returned: nobody is told any more.
  void Finish() {
    stream_->Unwatch();
    on_gone_ = nullptr;
  }

  Socket& socket() override { return stream_->socket(); }

  asio::awaitable<bool> BeginStream(int status, std::vector<Field> fields) override {
    keep_alive_ = keep_alive_ && chunked_ && !draining_;
    if (chunked_) fields.push_back({"Transfer-Encoding", "chunked"});
    fields.push_back({"Connection", keep_alive_ ? "keep-alive" : "close"});
    std::string head = SerializeHead(status, fields) + "\r\n";
    co_return co_await stream_->Write(std::move(head));
  }

  asio::awaitable<bool> WriteChunk(std::string bytes) override {
    if (gone_) co_return false;
    // An empty chunk would end the body.
    if (head_only_ || bytes.empty()) co_return true;
    std::string framed = chunked_ ? Framed(bytes) : std::move(bytes);
    co_return co_await stream_->Write(std::move(framed));
  }

  asio::awaitable<void> EndStream() override {
    ended_ = true;
    if (!chunked_ || head_only_) co_return;
    std::string end = "0\r\n\r\n";
    co_await stream_->Write(std::move(end));
  }

  void OnGone(std::function<void()> callback) override {
    on_gone_ = std::move(callback);
    if (!gone_) return;
    asio::post(stream_->socket().get_executor(), [self = shared_from_this()] { self->Tell(); });
  }

  bool gone() const override { return gone_; }
  bool ended() const { return ended_; }
  // After a stream: another request may follow.
  bool reusable() const { return ended_ && keep_alive_ && !gone_; }

 private:
  static std::string Framed(const std::string& bytes) {
    std::array<char, 16> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), bytes.size(), 16).ptr;
    std::string framed;
    framed.reserve(bytes.size() + 20);
    framed.append(size.data(), end).append("\r\n").append(bytes).append("\r\n");
    return framed;
  }
  void Leave() {
    gone_ = true;
    Tell();
  }
  void Tell() {
    if (auto callback = std::exchange(on_gone_, nullptr)) callback();
  }

  std::shared_ptr<ClientStream> stream_;
  const bool head_only_;
  const bool chunked_;
  bool keep_alive_;
  const bool& draining_;
  bool gone_;
  bool ended_ = false;
  std::function<void()> on_gone_;
};

// The loop over the requests of one connection.
class Connection {
 public:
  Connection(std::shared_ptr<ClientStream> stream, const Handler& handler, const ServerLimits& limits,
             const bool& draining, std::shared_ptr<bool> busy)
      : stream_(std::move(stream)),
        handler_(handler),
        limits_(limits),
        draining_(draining),
        busy_(std::move(busy)) {}

  asio::awaitable<void> Run() {
    for (;;) {
      std::optional<RequestHead> head = co_await ReadHead();
      if (!head) break;
      auto request = std::make_shared<Request>();
      request->head = *std::move(head);
      *busy_ = true;
      const bool whole = co_await ReadBody(*request);
      if (!whole) break;
      const bool more = co_await Answer(std::move(request));
      *busy_ = false;
      if (!more || draining_) break;
      // A client that pipelines without end must not keep the thread from others.
      if (stream_->bytes().empty()) continue;
      const asio::any_io_executor executor = stream_->socket().get_executor();
      co_await asio::post(executor, asio::use_awaitable);
    }
    if (stream_->socket().is_open()) co_await stream_->CloseGently(linger_);
  }

 private:
  // Nothing: the connection ends; whatever was to be said has been said.
  asio::awaitable<std::optional<RequestHead>> ReadHead() {
    const TimePoint idle_deadline = Clock::now() + limits_.idle_timeout;
    std::optional<TimePoint> head_deadline;
    for (std::size_t parsed = 0;;) {
      if (WorthParsing(parsed)) {
        parsed = stream_->bytes().size();
        RequestResult result = ParseRequestHead(stream_->bytes(), limits_.head);
        if (auto* head = std::get_if<RequestHead>(&result)) {
          stream_->Consume(head->bytes);
          co_return std::move(*head);
        }
        if (auto* error = std::get_if<HeadError>(&result)) {
          co_await Refuse(std::move(*error));
          co_return std::nullopt;
        }
      }
      // One empty line may stand between requests; it does not start one.
      const bool idle = stream_->bytes().empty() || stream_->bytes() == "\r\n";
      if (!idle && !head_deadline) head_deadline = Clock::now() + limits_.header_timeout;
      const auto arrival = co_await stream_->Fill(idle ? idle_deadline : *head_deadline);
      if (arrival == ClientStream::Arrival::kClosed) co_return std::nullopt;
      if (arrival == ClientStream::Arrival::kTimeout) {
        if (!idle) co_await RefuseSlow("the request's head");
        co_return std::nullopt;
      }
    }
  }

  // A head that drips in byte by byte is not parsed for every byte: only a new line, or too many bytes, can
  // change the result; a first look refuses what is not HTTP at all.
  bool WorthParsing(std::size_t parsed) const {
    const std::string& bytes = stream_->bytes();
    if (bytes.size() == parsed) return false;
    const std::size_t bound = std::min(limits_.head.line, limits_.head.block);
    return parsed == 0 || bytes.size() > bound || bytes.find('\n', parsed) != std::string::npos;
  }

  // False: refused, or the client left.
  asio::awaitable<bool> ReadBody(Request& request) {
    BodyReader reader(request.head);
    if (request.head.content_length > limits_.max_body) co_return co_await RefuseLarge();
    if (request.head.expect_continue && stream_->bytes().empty()) {
      std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      if (!co_await stream_->Write(std::move(go_on))) co_return false;
    }
    const TimePoint start = Clock::now();
    if (!reader.done() && limits_.body_memory) request.memory = limits_.body_memory();
    request.body.reserve(request.head.content_length);  // at most max_body; growing would take up to twice that
    bool keeps = true;
    while (!reader.done()) {
      keeps = keeps && Keeps(request);
      const auto step = reader.Feed(stream_->bytes(), keeps ? &request.body : nullptr);
      stream_->Consume(step.consumed);
      if (step.bad) {
        HeadError error = Malformed("the body's chunked framing is malformed");
        co_return co_await Refuse(std::move(error));
      }
      if (reader.payload_bytes() > limits_.max_body) co_return co_await RefuseLarge();
      if (step.done) break;
      const auto arrival = co_await stream_->Fill(BodyDeadline(start, reader.payload_bytes()));
      if (arrival == ClientStream::Arrival::kClosed) co_return false;
      if (arrival == ClientStream::Arrival::kTimeout) co_return co_await RefuseSlow("the request's body");
    }
    if (!keeps) request.unkept = reader.payload_bytes();
    co_return true;
  }

  // True: what has arrived has room. Else the body is given up; its rest is read away, so that the client can read the
  // answer.
  bool Keeps(Request& request) const {
    if (!request.memory || request.memory->Grow(stream_->bytes().size())) return true;
    std::string().swap(request.body);
    request.memory.reset();
    return false;
  }

  TimePoint BodyDeadline(TimePoint start, std::uint64_t received) const {
    const auto earned = std::chrono::seconds(received / kLeastBodyRate);
    return std::min(Clock::now(), start + earned) + limits_.body_timeout;
  }

  // False: the connection is used up.
  asio::awaitable<bool> Answer(std::shared_ptr<Request> request) {
    const bool head_only = request->head.method == "HEAD";
    const bool keep_alive = request->head.keep_alive;
    auto exchange = std::make_shared<ServerExchange>(stream_, request->head, draining_);
    std::optional<Response> response = co_await Handle(std::move(request), *exchange);
    if (!response) {
      // A stream that was left in the middle, or no answer at all, must not look like a whole one.
      if (!exchange->ended()) stream_->Abort();
      co_return exchange->reusable();
    }
    const bool keep = keep_alive && !draining_ && !response->close && !exchange->gone();
    std::string bytes = Serialize(*response, keep, head_only);
    const bool sent = co_await stream_->Write(std::move(bytes));
    co_return sent&& keep;
  }

  // However the handler ends, its callback is dropped with it.
  asio::awaitable<std::optional<Response>> Handle(std::shared_ptr<Request> request,
                                                  ServerExchange& exchange) {
    struct Watching {
      ServerExchange& exchange;
      ~Watching() { exchange.Finish(); }
    } watching{exchange};
    exchange.Start();
    co_return co_await handler_(std::move(request), exchange);
  }

  // These answer, and return false.
  asio::awaitable<bool> Refuse(HeadError error) {
    std::string bytes = Serialize(ErrorResponse(error.status, error.code, error.message), false);
    co_await stream_->Write(std::move(bytes));
    linger_ = kLingerTime;
    co_return false;
  }
  asio::awaitable<bool> RefuseSlow(const char* what) {
    HeadError error{408, "slow_client", what};
    error.message += " did not arrive in time";
    return Refuse(std::move(error));
  }
  asio::awaitable<bool> RefuseLarge() {
    HeadError error{413, "request_too_large", "the request's body is larger than "};
    error.message += std::to_string(limits_.max_body) + " bytes";
    return Refuse(std::move(error));
  }

  std::shared_ptr<ClientStream> stream_;
  const Handler& handler_;
  const ServerLimits& limits_;
  const bool& draining_;
  std::shared_ptr<bool> busy_;
  Duration linger_ = kShortLinger;
};

// Ends the socket and all that waits on it, however the coroutine ends.
class Closing {
 public:
  Closing(std::shared_ptr<ClientStream> stream, std::shared_ptr<bool> busy)
      : stream_(std::move(stream)), busy_(std::move(busy)) {}
  ~Closing() {
    *busy_ = false;
    stream_->Unwatch();
    stream_->Close();
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;

 private:
  std::shared_ptr<ClientStream> stream_;
  std::shared_ptr<bool> busy_;
};

}  // namespace

asio::awaitable<void> ServeConnection(Socket socket, const Handler& handler, const ServerLimits& limits,
                                      const bool& draining) {
  const std::size_t read_ahead = std::max(kReadAhead, limits.head.block + 1024);
  auto stream = std::make_shared<ClientStream>(std::move(socket), read_ahead, limits.write_timeout);
  auto busy = std::make_shared<bool>(false);
  Closing closing(stream, busy);
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
  // While draining, a request in progress does not see the cancellation; Run() ends after it.
  auto filter = [busy, &draining](asio::cancellation_type type) {
    return *busy && draining ? asio::cancellation_type::none : type;
  };
  co_await asio::this_coro::reset_cancellation_state(std::move(filter));
  try {
    Connection connection(stream, handler, limits, draining, busy);
    co_await connection.Run();
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) throw;
  }
}

}  // namespace berth::http
