// What a client of the admin socket may send: the real server loop over a socket pair, with a fake of what stands
// behind it. Every answer is whole and readable, there are no more of them than requests, and what changed something
// was written down.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "supervisor/admin/routes.h"
#include "supervisor/base/log.h"
#include "supervisor/base/task_group.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/admin/fake_control.h"
#include "worker/protocol/http_body.h"

namespace berth::fuzz {
namespace {

namespace asio = boost::asio;

// The daemon's side, made anew for each input.
class Daemon {
 public:
  explicit Daemon(std::uint8_t how) {
    control.settles = true;
    if (how & 1) control.SetState("bge", launch::State::kReady);
    if (how & 2) control.SetState("bge", launch::State::kQuarantined, "it died \x01 five times");
    if (how & 4) control.verdict = Error{ErrorKind::kConflict, "not now"};
    if (how & 8) control.not_ready = {"bge: loading"};
    control.Print("a line");
    control.Print("\xff\xfe of no encoding");
    events.Add("state", "bge", 0, "ready");
  }

  // Until nothing is left to do at once.
  void Settle() {
    loop.restart();
    while (loop.poll() > 0) {
    }
  }

  asio::io_context loop;
  config::Plan plan = admin::TestPlan();
  placement::Placement placement;
  admin::FakeControl control{plan};
  observe::Events events;
  observe::Metrics metrics;
  admin::Context context{plan, placement, control, events, metrics, "berth.yaml", "", Clock::now(), {"127.0.0.1:1"},
                         false, {}};
  http::ServerLimits limits;
  http::Handler handler = [this](std::shared_ptr<http::Request> request, http::Exchange& exchange) {
    return admin::Dispatch(context, std::move(request), exchange, {});
  };
};

class Client {
 public:
  explicit Client(Fd fd) : fd_(std::move(fd)) {}

  // As much as the socket takes while the daemon reads.
  void Send(std::string_view bytes, Daemon& daemon) {
    while (!bytes.empty() && !gone_) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) gone_ = true;
      daemon.Settle();
      Receive();
      if (sent < 0 && !gone_ && !CanSend()) return;  // a daemon that has refused reads no more
    }
  }
  void Receive() {
    char buffer[16 * 1024];
    for (ssize_t n = 0; (n = ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;) received_.append(buffer, n);
  }
  void Finish() { ::shutdown(fd_.get(), SHUT_WR); }
  const std::string& received() const { return received_; }

 private:
  bool CanSend() const {
    pollfd poll{fd_.get(), POLLOUT, 0};
    return ::poll(&poll, 1, 0) > 0;
  }
  Fd fd_;
  std::string received_;
  bool gone_ = false;
};

// The methods of the requests in these bytes, as far as they are whole.
std::vector<std::string> MethodsIn(std::string_view bytes) {
  std::vector<std::string> methods;
  for (;;) {
    const auto result = http::ParseRequestHead(bytes, {});
    const auto* head = std::get_if<http::RequestHead>(&result);
    if (head == nullptr) return methods;
    methods.push_back(head->method);
    http::BodyReader body(*head);
    const auto step = body.Feed(bytes.substr(head->bytes));
    if (!body.done() || step.bad) return methods;
    bytes.remove_prefix(head->bytes + (head->framing == http::Framing::kNone ? 0 : step.consumed));
  }
}

void CheckJson(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  Require(!json.is_discarded(), "an answer is JSON", line);
  if (!json.contains("error")) return;
  Require(!json.at("error").at("message").get<std::string>().empty(), "an error says what is wrong", line);
}

void CheckBody(const http::ResponseHead& head, const std::string& body) {
  const std::string* type = head.Find("Content-Type");
  if (body.empty() || type == nullptr) return;
  if (*type == "application/json") return CheckJson(body);
  Require(*type == "application/x-ndjson", "there are two types of answers", *type);
  Slices lines(body);
  while (!lines.empty()) CheckJson(std::string(lines.Until('\n')));
}

void CheckAnswers(std::string_view bytes, const std::vector<std::string>& methods) {
  std::size_t answers = 0;
  while (!bytes.empty()) {
    const std::string method = answers < methods.size() ? methods[answers] : "GET";
    const auto result = http::ParseResponseHead(bytes, method, {});
    const auto* head = std::get_if<http::ResponseHead>(&result);
    Require(head != nullptr, "every answer has a good head", bytes);
    bytes.remove_prefix(head->bytes);
    if (head->status == 100) continue;
    ++answers;
    http::BodyReader reader(*head);
    std::string body;
    const bool ended = reader.done();
    const auto step = reader.Feed(bytes, &body);
    Require(!step.bad, "every answer is framed well", bytes);
    if (!ended) bytes.remove_prefix(step.consumed);
    Require(reader.done() || reader.EndsAtClose(), "every answer is whole", body);
    CheckBody(*head, body);
  }
  Require(answers <= methods.size() + 1, "there are no more answers than requests, but for a refusal at the end");
}

void CheckWrittenDown(const Daemon& daemon) {
  const std::size_t changed = daemon.control.asked.size() + static_cast<std::size_t>(daemon.control.shutdowns);
  const std::size_t written = std::ranges::count(daemon.events.Since(0, 5000), "admin", &observe::Event::type);
  Require(written >= changed, "what changes something is written down", std::to_string(written));
  Require(daemon.control.log_subscribers.empty() && daemon.context.streams.empty(), "streams end with their client");
}

void Run(std::string_view input) {
  SetLogLevel(LogLevel::kError);
  Slices slices(input);
  Daemon daemon(slices.Byte());
  const std::size_t cut = slices.Byte() * 4;
  const std::string_view bytes = slices.Rest();
  int ends[2];
  Require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "a socket pair can be made");
  Client client((Fd(ends[0])));
  TaskGroup connection(daemon.loop.get_executor());
  http::Socket socket(daemon.loop.get_executor(), asio::generic::stream_protocol(AF_UNIX, 0), ends[1]);
  connection.Spawn("connection",
                   http::ServeConnection(std::move(socket), daemon.handler, daemon.limits, daemon.context.stopping));
  client.Send(bytes.substr(0, cut), daemon);
  client.Send(bytes.substr(std::min(cut, bytes.size())), daemon);
  client.Finish();
  const TimePoint deadline = Clock::now() + std::chrono::seconds(5);
  while (connection.size() > 0) {
    Require(Clock::now() < deadline, "a connection ends when its client has left");
    daemon.loop.restart();
    daemon.loop.run_one_for(std::chrono::milliseconds(5));
    client.Receive();
  }
  client.Receive();
  CheckAnswers(client.received(), MethodsIn(bytes));
  CheckWrittenDown(daemon);
}

const Registration kRegistration("admin", Run);

}  // namespace
}  // namespace berth::fuzz
