// What a fake worker does wrong, read from the JSON file that the plan names as its model's `source` (or from
// `fake.json` in that folder). Every key is optional; an unknown one is an error, so that a test cannot
// misspell its misbehaviour. The table in fake_behaviour.cc is the list.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/protocol/control.h"

namespace berth::fake {

struct Behaviour {
  // --- load ---
  int load_ms = 20;
  int load_steps = 4;          // `loading` messages, evenly over load_ms
  bool never_ready = false;    // progress that creeps on for ever
  bool stall_load = false;     // one `loading`, then silence
  bool crash_on_load = false;  // by crash_signal
  int exit_code_on_load = -1;
  std::string fail_reason;  // fail_load: {"reason": …, "permanent": …}
  bool fail_permanent = false;
  bool fail_load = false;

  // --- control messages, instead of or before `ready` ---
  std::string bad_packet;         // sent raw before `ready`
  bool oversized_packet = false;  // 64 KiB + 1
  bool empty_packet = false;
  bool nan_ready = false;     // `ready` with NaN in it: not JSON
  bool second_hello = false;  // another `hello` after `ready`
  int protocol = ::berth::protocol::kProtocolVersion;  // in `hello`
  int window = 8;
  int context = 512;
  int beat_ms = 1000;
  int stop_beats_after = -1;               // so many beats, then none
  std::map<std::string, double> counters;  // per request begun, in beats
  std::vector<std::string> routes = {"/v1/embeddings", "/v1/chat/completions", "/tokenize"};

  // --- requests ---
  int work_ms = 1;         // `steps` moves each millisecond of it
  int begin_delay_ms = 0;  // between a request's arrival and its TryBegin
  int embedding_dims = 4;
  std::uint64_t response_bytes = 0;  // at least so long
  int answer_status = 0;             // answer every begun request with this error
  bool chunked_answer = false;
  bool http_garbage = false;
  bool close_before_begin = false;
  bool close_before_answer = false;
  int crash_after_requests = -1;  // on beginning that many
  double crash_probability = 0;   // of each begun request
  int crash_signal = 9;
  int hang_after_requests = -1;  // that many are served; later ones begin and never move
  int ignore_after_requests = -1;  // that many are served; later ones are read and never begun
  int stream_chunks = 5;
  int stream_chunk_ms = 1;
  bool die_mid_stream = false;    // by crash_signal, after half of the chunks
  bool close_mid_stream = false;  // the connection only
  int slow_accept_ms = 0;         // "slow_accept": true is 200
  bool leak_fds = false;          // one for every request
  std::string counter_file;       // every begun request appends its X-Request-Id, a line each

  // --- process ---
  bool ignore_sigterm = false;
  bool ignore_drain = false;
  bool ignore_eof = false;  // of the control socket
  int exit_code_on_drain = 0;
  std::uint64_t flood_log_bytes = 0;
  std::vector<std::string> log_lines;  // on standard output, before loading
  bool grandchild = false;             // "fork_grandchild_holding_stdout"
  std::uint64_t allocate_bytes = 0;    // touched while loading
  std::uint64_t grow_bytes = 0;        // touched and kept by each begun request
  std::string out_of_memory = "abort"; // when it cannot grow: "abort", "exit" (71, with a last word), "hang"
  std::uint64_t reported_memory = 0;   // says that it holds so much private memory, whatever it holds
};

Result<Behaviour> ReadBehaviour(const std::string& source);

}  // namespace berth::fake
