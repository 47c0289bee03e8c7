#include "tests/support/fake_routes.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <utility>

#include "supervisor/base/deadline.h"
#include "supervisor/base/exit_code.h"
#include "tests/support/fake_control.h"

namespace asio = boost::asio;

extern char** environ;

namespace berth::fake {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;
using Reply = std::optional<Response>;

std::string HeaderOr(const Request& request, std::string_view name, const std::string& fallback) {
  const std::string* value = request.head.Find(name);
  return value ? *value : fallback;
}

// --- looking at the process ---

Response ListDescriptors() {
  json list = json::object();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone) list[entry.path().filename().string()] = target.string();
  }
  return http::JsonResponse(200, list.dump());
}

Response ListEnvironment() {
  json list = json::object();
  for (char** entry = environ; *entry; ++entry) {
    const std::string text(*entry);
    const auto equals = text.find('=');
    list[text.substr(0, equals)] = equals == std::string::npos ? "" : text.substr(equals + 1);
  }
  return http::JsonResponse(200, list.dump());
}

std::string FileText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Response DescribeProcess() {
  json info;
  info["pid"] = ::getpid();
  info["ppid"] = ::getppid();
  info["sid"] = ::getsid(0);
  info["pgid"] = ::getpgid(0);
  info["cmdline"] = FileText("/proc/self/cmdline");
  info["status"] = FileText("/proc/self/status");
  info["limits"] = FileText("/proc/self/limits");
  return http::JsonResponse(200, info.dump(-1, ' ', false, json::error_handler_t::replace));
}

Response Echo(const Request& request) {
  json headers = json::array();
  for (const auto& field : request.head.fields) headers.push_back({field.name, field.value});
  json all = {{"method", request.head.method},
              {"target", request.head.target},
              {"headers", headers},
              {"body", request.body}};
  return http::JsonResponse(200, all.dump(-1, ' ', false, json::error_handler_t::replace));
}

// --- answers ---

std::vector<std::string> InputsOf(const json& body) {
  const json input = body.contains("input") ? body["input"] : json("");
  if (input.is_string()) return {input.get<std::string>()};
  if (input.is_array() && !input.empty() && input[0].is_number()) return {input.dump()};
  std::vector<std::string> inputs;
  for (const json& item : input) inputs.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  return inputs;
}

// Unit length, the same for the same text.
std::vector<float> FakeVector(const std::string& text, int dimensions) {
  std::minstd_rand random(static_cast<unsigned>(std::hash<std::string>()(text)));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> vector(dimensions);
  float squares = 0;
  for (float& x : vector) {
    x = uniform(random);
    squares += x * x;
  }
  for (float& x : vector) x /= std::sqrt(squares);
  return vector;
}

std::string Base64(const std::vector<float>& vector) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (int k = 3; k >= 0; --k) out += kDigits[group >> (6 * k) & 63];
    if (i + 2 >= bytes.size()) out.back() = '=';
    if (i + 1 >= bytes.size()) out[out.size() - 2] = '=';
  }
  return out;
}

json Embeddings(const State& state, const Request& request, const json& body) {
  json data = json::array();
  std::size_t tokens = 0;
  for (const std::string& text : InputsOf(body)) {
    const auto vector = FakeVector(text, state.behaviour.embedding_dims);
    const bool base64 = body.value("encoding_format", "") == "base64";
    json embedding = base64 ? json(Base64(vector)) : json(vector);
    data.push_back({{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
    tokens += text.size() / 4 + 1;
  }
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", HeaderOr(request, "X-Berth-Model", state.start.name)},
          {"usage", {{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

json Chat(const State& state, const Request& request, std::string_view object, json choice) {
  choice["index"] = 0;
  return {{"id", "chatcmpl-fake"},
          {"object", object},
          {"created", 1700000000},
          {"model", HeaderOr(request, "X-Berth-Model", state.start.name)},
          {"choices", json::array({std::move(choice)})}};
}

std::string Event(const json& value) { return "data: " + value.dump() + "\n\n"; }

asio::awaitable<Reply> StreamChat(State& state, const Request& request, http::Exchange& exchange) {
  const Behaviour& how = state.behaviour;
  std::vector<http::Field> fields = {{"Content-Type", "text/event-stream; charset=utf-8"},
                                     {"Cache-Control", "no-cache"}};
  if (!co_await exchange.BeginStream(200, std::move(fields))) co_return std::nullopt;
  for (int i = 0; i < how.stream_chunks; ++i) {
    if (i == how.stream_chunks / 2 && how.die_mid_stream) Crash(how);
    if (i == how.stream_chunks / 2 && how.close_mid_stream) co_return std::nullopt;
    const std::string word = "word" + std::to_string(i) + " ";
    json choice = {{"delta", {{"role", "assistant"}, {"content", word}}}, {"finish_reason", nullptr}};
    std::string event = Event(Chat(state, request, "chat.completion.chunk", std::move(choice)));
    ++state.steps;
    if (!co_await exchange.WriteChunk(std::move(event))) co_return std::nullopt;
    co_await SleepFor(std::chrono::milliseconds(how.stream_chunk_ms));
  }
  json last = {{"delta", json::object()}, {"finish_reason", "stop"}};
  std::string end =
      Event(Chat(state, request, "chat.completion.chunk", std::move(last))) + "data: [DONE]\n\n";
  if (!co_await exchange.WriteChunk(std::move(end))) co_return std::nullopt;
  co_await exchange.EndStream();
  co_return std::nullopt;
}

asio::awaitable<Reply> SendChunked(std::string body, http::Exchange& exchange) {
  std::vector<http::Field> fields = {{"Content-Type", "application/json"}};
  if (!co_await exchange.BeginStream(200, std::move(fields))) co_return std::nullopt;
  constexpr std::size_t kPiece = 1000;
  for (std::size_t at = 0; at < body.size(); at += kPiece) {
    std::string piece = body.substr(at, kPiece);
    if (!co_await exchange.WriteChunk(std::move(piece))) co_return std::nullopt;
  }
  co_await exchange.EndStream();
  co_return std::nullopt;
}

// --- work ---

bool Begin(State& state, const Request& request) {
  const std::string* header = request.head.Find(protocol::kClaimHeader);
  if (header && state.claims) {
    const auto claim = protocol::ParseClaim(*header);
    if (!claim || !state.claims->TryBegin(*claim)) return false;
  }
  ++state.begun;
  return true;
}

// One write() of a short line with O_APPEND: whole lines, also from a process that is killed.
void CountRequest(const State& state, const Request& request) {
  if (state.behaviour.counter_file.empty()) return;
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  Fd file(::open(state.behaviour.counter_file.c_str(), flags, 0644));
  const std::string line = HeaderOr(request, "X-Request-Id", "-") + "\n";
  if (!file || ::write(file.get(), line.data(), line.size()) < 0) std::perror("counter_file");
}

void MaybeCrash(const State& state) {
  const Behaviour& how = state.behaviour;
  const std::uint64_t begun = state.begun;
  if (how.crash_after_requests >= 0 && begun >= static_cast<std::uint64_t>(how.crash_after_requests))
    Crash(how);
  thread_local std::minstd_rand random(static_cast<unsigned>(::getpid()));
  if (std::uniform_real_distribution<double>()(random) < how.crash_probability) Crash(how);
}

bool Hangs(const State& state) {
  const int after = state.behaviour.hang_after_requests;
  return after >= 0 && state.begun > static_cast<std::uint64_t>(after);
}

bool Ignores(const State& state) {
  const int after = state.behaviour.ignore_after_requests;
  return after >= 0 && state.begun >= static_cast<std::uint64_t>(after);
}

// Whether it could grow by what the behaviour says, in pieces, so that the last one meets the limit exactly.
bool Grow(const Behaviour& how) {
  constexpr std::size_t kPiece = 1 << 20;
  for (std::uint64_t grown = 0; grown < how.grow_bytes; grown += kPiece) {
    void* piece = std::malloc(kPiece);
    if (piece == nullptr) return false;
    std::memset(piece, 1, kPiece);
  }
  return true;
}

// Ends as the behaviour says; returns to hang.
void RunOutOfMemory(const Behaviour& how) {
  if (how.out_of_memory == "abort") std::abort();
  if (how.out_of_memory != "exit") return;
  Send(protocol::FailedMessage{"the fake worker cannot grow any more", false});
  ::_exit(Code(WorkerExit::kOutOfMemory));
}

// False: the client left.
asio::awaitable<bool> Work(State& state, http::Exchange& exchange) {
  const bool grown = Grow(state.behaviour);
  if (!grown) RunOutOfMemory(state.behaviour);
  if (!grown || Hangs(state)) co_await SleepUntil(TimePoint::max());
  for (int ms = 0; ms < state.behaviour.work_ms && !exchange.gone(); ++ms) {
    co_await SleepFor(std::chrono::milliseconds(1));
    ++state.steps;
  }
  ++state.steps;
  co_return !exchange.gone();
}

void SendGarbage(http::Exchange& exchange) {
  const std::string garbage = "\x16\x03\x01 this is not HTTP\n\n";
  ::send(exchange.socket().native_handle(), garbage.data(), garbage.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

std::string BodyOf(const State& state, const Request& request, const json& body) {
  json answer;
  if (request.head.path == "/v1/embeddings") {
    answer = Embeddings(state, request, body);
  } else if (request.head.path == "/tokenize") {
    answer = {{"count", request.body.size()},
              {"tokens", json::array()},
              {"max_model_len", state.behaviour.context}};
  } else {
    json choice = {{"message", {{"role", "assistant"}, {"content", "fake"}}}, {"finish_reason", "stop"}};
    answer = Chat(state, request, "chat.completion", std::move(choice));
  }
  std::string text = answer.dump(-1, ' ', false, json::error_handler_t::replace);
  // Whitespace around a JSON text changes nothing.
  if (text.size() < state.behaviour.response_bytes) text.resize(state.behaviour.response_bytes, ' ');
  return text;
}

asio::awaitable<Reply> Serve(State& state, std::shared_ptr<Request> request, http::Exchange& exchange) {
  const Behaviour& how = state.behaviour;
  const json body = json::parse(request->body, nullptr, false);
  if (!body.is_object()) co_return http::ErrorResponse(400, "invalid_json", "the body is not a JSON object");
  if (how.begin_delay_ms > 0) co_await SleepFor(std::chrono::milliseconds(how.begin_delay_ms));
  if (how.close_before_begin) co_return std::nullopt;
  if (Ignores(state)) co_await SleepUntil(TimePoint::max());
  if (!Begin(state, *request)) {
    co_return http::ErrorResponse(409, "claim_lost", "the request was taken back before it began");
  }
  CountRequest(state, *request);
  MaybeCrash(state);
  if (how.leak_fds && ::dup(0) < 0) std::perror("leak_fds");
  if (!co_await Work(state, exchange)) co_return std::nullopt;
  if (how.http_garbage) SendGarbage(exchange);
  if (how.http_garbage || how.close_before_answer) co_return std::nullopt;
  if (how.answer_status > 0) co_return http::ErrorResponse(how.answer_status, "fake", "as the test asked");
  const bool chat = request->head.path == "/v1/chat/completions";
  if (chat && body.value("stream", false)) co_return co_await StreamChat(state, *request, exchange);
  std::string answer = BodyOf(state, *request, body);
  if (how.chunked_answer) co_return co_await SendChunked(std::move(answer), exchange);
  co_return http::JsonResponse(200, std::move(answer));
}

}  // namespace

asio::awaitable<Reply> Answer(State& state, std::shared_ptr<Request> request, http::Exchange& exchange) {
  const std::string& path = request->head.path;
  const std::string& method = request->head.method;
  if (path == "/echo") co_return Echo(*request);
  if (method == "GET" && path == "/fds") co_return ListDescriptors();
  if (method == "GET" && path == "/env") co_return ListEnvironment();
  if (method == "GET" && path == "/proc-self") co_return DescribeProcess();
  const bool work = path == "/v1/embeddings" || path == "/v1/chat/completions" || path == "/tokenize";
  if (!work) co_return http::ErrorResponse(404, "not_found", "no such route: " + path);
  if (method != "POST") co_return http::ErrorResponse(405, "method_not_allowed", "use POST");
  co_return co_await Serve(state, std::move(request), exchange);
}

}  // namespace berth::fake
