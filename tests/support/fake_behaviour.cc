#include "tests/support/fake_behaviour.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

namespace berth::fake {
namespace {

using nlohmann::json;
using Setter = std::function<void(Behaviour&, const json&)>;

template <class T>
Setter To(T Behaviour::*member) {
  return [member](Behaviour& b, const json& value) { b.*member = value.get<T>(); };
}

void SetFailLoad(Behaviour& b, const json& value) {
  b.fail_load = true;
  b.fail_reason = value.value("reason", "fake failure");
  b.fail_permanent = value.value("permanent", false);
}

const std::map<std::string, Setter>& Keys() {
  using B = Behaviour;
  static const std::map<std::string, Setter> keys = {
      {"load_ms", To(&B::load_ms)},
      {"load_steps", To(&B::load_steps)},
      {"never_ready", To(&B::never_ready)},
      {"stall_load", To(&B::stall_load)},
      {"crash_on_load", To(&B::crash_on_load)},
      {"exit_code_on_load", To(&B::exit_code_on_load)},
      {"fail_load", SetFailLoad},
      {"bad_packet", To(&B::bad_packet)},
      {"oversized_packet", To(&B::oversized_packet)},
      {"empty_packet", To(&B::empty_packet)},
      {"nan_ready", To(&B::nan_ready)},
      {"second_hello", To(&B::second_hello)},
      {"protocol", To(&B::protocol)},
      {"window", To(&B::window)},
      {"context", To(&B::context)},
      {"beat_ms", To(&B::beat_ms)},
      {"stop_beats_after", To(&B::stop_beats_after)},
      {"counters", To(&B::counters)},
      {"routes", To(&B::routes)},
      {"work_ms", To(&B::work_ms)},
      {"begin_delay_ms", To(&B::begin_delay_ms)},
      {"embedding_dims", To(&B::embedding_dims)},
      {"response_bytes", To(&B::response_bytes)},
      {"answer_status", To(&B::answer_status)},
      {"chunked_answer", To(&B::chunked_answer)},
      {"http_garbage", To(&B::http_garbage)},
      {"close_before_begin", To(&B::close_before_begin)},
      {"close_before_answer", To(&B::close_before_answer)},
      {"crash_after_requests", To(&B::crash_after_requests)},
      {"crash_probability", To(&B::crash_probability)},
      {"crash_signal", To(&B::crash_signal)},
      {"hang_after_requests", To(&B::hang_after_requests)},
      {"ignore_after_requests", To(&B::ignore_after_requests)},
      {"stream_chunks", To(&B::stream_chunks)},
      {"stream_chunk_ms", To(&B::stream_chunk_ms)},
      {"die_mid_stream", To(&B::die_mid_stream)},
      {"close_mid_stream", To(&B::close_mid_stream)},
      {"slow_accept", [](B& b, const json& value) { b.slow_accept_ms = value.get<bool>() ? 200 : 0; }},
      {"slow_accept_ms", To(&B::slow_accept_ms)},
      {"leak_fds", To(&B::leak_fds)},
      {"counter_file", To(&B::counter_file)},
      {"ignore_sigterm", To(&B::ignore_sigterm)},
      {"ignore_drain", To(&B::ignore_drain)},
      {"ignore_eof", To(&B::ignore_eof)},
      {"exit_code_on_drain", To(&B::exit_code_on_drain)},
      {"flood_log_bytes", To(&B::flood_log_bytes)},
      {"log_lines", To(&B::log_lines)},
      {"fork_grandchild_holding_stdout", To(&B::grandchild)},
      {"allocate_bytes", To(&B::allocate_bytes)},
      {"grow_bytes", To(&B::grow_bytes)},
      {"out_of_memory", To(&B::out_of_memory)},
      {"reported_memory", To(&B::reported_memory)},
  };
  return keys;
}

}  // namespace

Result<Behaviour> ReadBehaviour(const std::string& source) {
  const std::string path = std::filesystem::is_directory(source) ? source + "/fake.json" : source;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Invalid(path, ": cannot be read");
  const json plan = json::parse(text.str(), nullptr, false);
  if (!plan.is_object()) return Invalid(path, ": not a JSON object");
  Behaviour behaviour;
  for (const auto& [key, value] : plan.items()) {
    const auto found = Keys().find(key);
    if (found == Keys().end()) return Invalid(path, ": unknown key ", key);
    try {
      found->second(behaviour, value);
    } catch (const json::exception& e) {
      return Invalid(path, ": ", key, ": ", e.what());
    }
  }
  return behaviour;
}

}  // namespace berth::fake
