// The control messages between supervisor and worker: one JSON object per packet of a SOCK_SEQPACKET socket
// (the worker's descriptor 3), at most 64 KiB, never empty, with the member "type". Values only: the sockets
// are in control_channel.h. Decoding checks types and bounds and names what is wrong; unknown members are
// ignored, unknown types are errors. What a worker sends is untrusted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::protocol {

inline constexpr int kProtocolVersion = 2;
inline constexpr std::size_t kMaxPacket = 64 * 1024;

// The worker's inherited descriptors (DESIGN §7). 0 is /dev/null; 1 and 2 are log pipes.
inline constexpr int kControlFd = 3;
inline constexpr int kListenFd = 4;
inline constexpr int kClaimFd = 5;

// --- from the supervisor ---

// What only a language model is told.
struct LlmSettings {
  std::string dtype = "auto";                 // "auto", "float32", "bfloat16", "float16"
  std::int64_t context = 0;                   // tokens of one sequence; 0: the most that fit
  int max_sequences = 1;
  bool prefix_cache = true;
  std::string generation_defaults = "model";  // or "openai"
  std::string chat_template;                  // absolute path; empty: the model's own
};
struct StartMessage {
  int protocol = kProtocolVersion;
  std::string name;              // model
  int replica = 0;
  std::string kind;              // "embedding", "llm", "speech"
  std::string source;            // absolute path
  std::vector<std::string> devices;  // {"cpu"}; names of the plan, in the order of CUDA_VISIBLE_DEVICES
  std::uint64_t budget_bytes = 0;
  int threads = 1;
  int batch_max_tokens = 0;
  std::int64_t batch_max_delay_us = 0;
  bool matryoshka = false;
  std::uint64_t max_body_bytes = 0;
  std::optional<LlmSettings> llm;  // of kind "llm"
};
struct DrainMessage {
  std::int64_t deadline_ms = 0;  // finish what was begun within this; then exit 0
};
using ToWorker = std::variant<StartMessage, DrainMessage>;

// --- from the worker ---

struct HelloMessage {
  int protocol = 0;
  std::string build;             // "berth-worker 0.1.0, libtorch 1.13.1"
};
struct LoadingMessage {
  std::string stage;             // "weights", "warmup"
  double fraction = 0;           // 0 … 1 of the whole load, never falls
};
struct Capabilities {
  std::string kind;
  int context = 0;               // tokens of one input
  int dimensions = 0;            // of an embedding
  std::vector<std::string> routes;  // "/v1/embeddings", "/tokenize", …
  std::map<std::string, double> sampling = {};  // of a language model: what a request gets that leaves a parameter out
};
struct MemoryReport {            // of the worker's own process, bytes
  std::uint64_t rss_anon = 0;
  std::uint64_t vm_data = 0;
  std::uint64_t peak_rss = 0;
  // By parts, where the worker knows them; 0: it does not.
  std::uint64_t private_peak = 0;    // the most private memory that it has held so far
  std::uint64_t counted_peak = 0;    // of it, the most that the worker itself counted: tensors and requests' buffers
  std::uint64_t weights = 0;         // weights in private memory
  std::uint64_t weights_mapped = 0;  // weights in mapped files, shared
};
struct ReadyMessage {            // after a warm-up inference without NaN
  Capabilities capabilities;
  int window = 0;                // requests the supervisor may have outstanding here; 1 … 65,536
  MemoryReport memory;
};
struct HistogramDelta {          // increments since the last beat
  std::vector<double> bounds;    // upper bounds, ascending, without +Inf; the catalogue's
  std::vector<std::uint64_t> counts;  // bounds.size() + 1 of them
  double sum = 0;
};
struct BeatMessage {             // every second, from a thread that does no other work
  std::uint64_t steps = 0;       // units of work done since the start, each under a second
  std::uint64_t begun = 0;       // requests begun since the start
  MemoryReport memory;
  // By the catalogue's name without prefix; of a metric with a label of the worker's own also the label's value:
  // "batches_total", "finish_total/stop".
  std::map<std::string, double> counters;             // increments
  std::map<std::string, HistogramDelta> histograms;
  std::map<std::string, double> gauges;               // what is now; absent from workers that have none
};
struct FailedMessage {           // the last word of a worker that cannot go on
  std::string reason;
  bool permanent = false;        // starting it again cannot help
};
struct DrainedMessage {};        // nothing is running any more; exit 0 follows
using FromWorker =
    std::variant<HelloMessage, LoadingMessage, ReadyMessage, BeatMessage, FailedMessage, DrainedMessage>;

std::string Encode(const ToWorker& message);
std::string Encode(const FromWorker& message);  // a `reason` is cut so that the packet stays below 64 KiB
Result<ToWorker> DecodeToWorker(std::string_view packet);
Result<FromWorker> DecodeFromWorker(std::string_view packet);

}  // namespace berth::protocol
