// The deployment plan as values: what a YAML file says once every default is filled in, every reference
// resolved and every bound checked (config/parse.h makes it, config/keys.h is the table of its keys).
// Immutable after parsing; free of file handles, clocks and processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/duration.h"

namespace berth::config {

enum class Kind { kEmbedding, kLlm, kSpeech };
enum class Balance { kLeastLoaded, kRoundRobin, kRandom };
enum class Start { kBoot, kDemand, kManual };
enum class Sharing { kShared, kExclusive };  // exclusive: alone on its device
enum class Spread { kSpread, kPack };        // the freest device first, or the fullest on which it fits
enum class OnFailure { kContinue, kStop };
enum class Dtype { kAuto, kFloat32, kBfloat16, kFloat16 };  // auto: as in the checkpoint, where the device can
enum class GenerationDefaults { kModel, kOpenai };          // generation_config.json's, or those of OpenAI's API

// "embedding", "llm", "speech"; "least_loaded", …; "boot", "demand", "manual".
std::string_view Name(Kind kind);
std::string_view Name(Balance balance);
std::string_view Name(Start start);
std::string_view Name(Sharing sharing);
std::string_view Name(Spread spread);
std::string_view Name(OnFailure on_failure);
std::string_view Name(Dtype dtype);
std::string_view Name(GenerationDefaults defaults);

// host:port of a TCP listener. Port 0 asks the kernel for a free one (tests); the log says which.
struct Address {
  std::string host;
  std::uint16_t port = 0;
};
// "127.0.0.1:8080", "[::1]:8080": an IPv6 host is kept without its brackets.
std::string Format(const Address& address);

struct LogSettings {
  std::filesystem::path dir;  // empty: <runtime folder>/logs
  Bytes max_size;             // a file is rotated when it would grow past this
  int keep = 0;               // rotated files kept beside the current one
};

struct Server {
  Address listen;
  std::optional<Address> metrics;     // a separate listener for /metrics and /health
  std::filesystem::path admin;        // the admin socket; its folder is the runtime folder
  int threads = 0;                    // io threads of the proxy
  LogSettings logs;
  Bytes max_body;                     // of a request with a JSON body
  Bytes max_upload;                   // of one with another body: audio
  Duration header_timeout{};          // a request head must arrive within this
  Duration body_timeout{};            // and make progress within this while its body arrives
  Duration idle_timeout{};            // a kept-alive connection without a request is closed
  int max_connections = 0;
  Duration drain{};                   // SIGTERM: how long running requests may still take
};

// One device: the CPU, or a GPU.
struct Device {
  std::string name;
  Bytes memory;     // of a GPU, 0: all that it has, which only its driver can tell
  int threads = 0;  // the most compute threads one replica on it may have
  std::string cuda = {};  // of a GPU: its UUID, a MIG instance's UUID, or its index in PCI bus order
  Bytes reserve = {};     // of `memory`, kept free for others

  bool is_cpu() const { return name == "cpu"; }
  // What all replicas on it together may reserve; of a GPU whose memory is not known yet, 0.
  Bytes capacity() const { return memory > reserve ? memory - reserve : Bytes{}; }
};

// Who may be where beside whom, and in which order models load.
struct Rules {
  std::vector<Kind> order;             // kinds load in this order on each device at boot
  std::map<Kind, int> max_per_device;  // how many replicas of a kind one device may hold
  std::vector<std::vector<std::string>> apart;     // no replica of one on a device with any of the others
  std::vector<std::vector<std::string>> together;  // replica i of one beside replica i of the others
  OnFailure on_failure = OnFailure::kContinue;     // at boot, what follows a model that fails
};

struct Batching {
  int max_tokens = 0;      // tokens of one batch, padding included; of one step of a language model
  Duration max_delay{};    // how long a batch may wait for company
};
// What only a language model has.
struct Llm {
  Dtype dtype = Dtype::kAuto;
  std::int64_t context = 0;             // tokens of one sequence, prompt and output; 0: not given
  int max_sequences = 0;                // that are generated at the same time
  bool prefix_cache = false;
  GenerationDefaults generation_defaults = GenerationDefaults::kModel;
  std::filesystem::path chat_template;  // empty: the model's own
};
struct Queue {
  int max = 0;             // requests waiting for a replica of the model
  Duration timeout{};      // a request waits at most this long
};
struct Restart {
  Duration backoff_min{};
  Duration backoff_max{};
  int give_up_count = 0;   // this many failures …
  Duration give_up_window{};  // … within this time: quarantined until an operator starts it
};

struct Model {
  std::string name;
  Kind kind = Kind::kEmbedding;
  std::filesystem::path source;       // absolute; relative paths are resolved against the plan's folder
  std::vector<std::string> aliases;
  std::vector<std::string> devices;   // where it may go; never empty
  int devices_per_replica = 1;        // each replica is on so many of them, and holds `memory` on each
  Bytes memory;                       // hard budget of one replica; 0: not given, and nobody has estimated it yet
  // Of one replica, by those who look at its source (placement/estimate.h); parsing leaves all empty.
  Bytes estimate;                     // 0: not known
  Bytes mapped;                       // weights in files, which a host holds once for all that map the same files
  std::string weights;                // which files: models with the same text map the same ones
  bool memory_estimated = false;      // `memory` is made from the estimate
  int threads = 0;                    // compute threads of one replica
  int replicas = 0;
  Balance balance = Balance::kLeastLoaded;
  std::vector<std::string> after;
  Start start = Start::kBoot;
  Duration idle_stop{};               // without a request for so long, a replica stops; 0: never
  bool pinned = false;                // never gives way to others
  Sharing sharing = Sharing::kShared;
  Spread spread = Spread::kSpread;
  int priority = 0;                   // within a wave, the higher is placed and loads first
  bool required = false;
  bool matryoshka = false;            // embeddings may be cut to a request's `dimensions`
  Batching batching;
  Llm llm;
  Queue queue;
  Duration load_stall{};              // loading without progress for this long is a failed load
  Duration health_stall{};            // work begun without a step for this long is a hung replica
  Duration stop_grace{};              // from drain to SIGKILL
  Restart restart;
};

struct Plan {
  int version = 1;
  Server server;
  std::vector<Device> devices;
  Rules rules;
  std::vector<Model> models;          // in the order of the file
};

// Whether a model comes and goes with its requests: one starts it, and it may give way to others.
inline bool OnDemand(const Model& model) {
  return model.start == Start::kDemand || (model.start == Start::kBoot && model.idle_stop > Duration::zero());
}

// The model with this name or alias, or nullptr.
const Model* FindModel(const Plan& plan, std::string_view name_or_alias);

}  // namespace berth::config
