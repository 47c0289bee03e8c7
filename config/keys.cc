#include "config/keys.h"

#include <array>

namespace berth::config {
namespace {

// Text that Choices() has already matched.
template <class Enum, std::size_t N>
Enum FromName(const std::string& text, const std::array<Enum, N>& all) {
  for (const Enum value : all) {
    if (Name(value) == text) return value;
  }
  return all[0];
}
constexpr std::array kKinds{Kind::kEmbedding, Kind::kLlm, Kind::kSpeech};
constexpr std::array kBalances{Balance::kLeastLoaded, Balance::kRoundRobin, Balance::kRandom};
constexpr std::array kStarts{Start::kBoot, Start::kManual};
constexpr std::array kSharings{Sharing::kShared, Sharing::kExclusive};
constexpr std::array kSpreads{Spread::kSpread, Spread::kPack};
constexpr std::array kOnFailures{OnFailure::kContinue, OnFailure::kStop};

int Int(const Value& v) { return static_cast<int>(v.number); }

std::vector<std::string> Texts(const std::vector<Item>& items) {
  std::vector<std::string> texts;
  for (const Item& item : items) texts.push_back(item.text);
  return texts;
}
std::vector<std::string> Texts(const Value& v) { return Texts(v.items); }

std::vector<std::vector<std::string>> Groups(const Value& v) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& group : v.groups) groups.push_back(Texts(group));
  return groups;
}

void StoreOrder(Target& t, const Value& v) {
  t.plan->rules.order.clear();
  for (const Item& item : v.items) t.plan->rules.order.push_back(FromName(item.text, kKinds));
}

template <Kind kind>
void StoreMost(Target& t, const Value& v) {
  t.plan->rules.max_per_device[kind] = Int(v);
}

constexpr Key kKeys[] = {
    {.path = "version",
     .type = Type::kInteger,
     .example = "1",
     .least = "1",
     .most = "1",
     .sentence = "The version of the plan's format.",
     .store = [](Target& t, const Value& v) { t.plan->version = Int(v); }},

    {.path = "server.listen",
     .type = Type::kAddress,
     .preset = "127.0.0.1:8080",
     .sentence = "Address of the API, and of /health and /metrics unless `server.metrics` is set. Port 0: any free "
                 "port, named in the log.",
     .store = [](Target& t, const Value& v) { t.plan->server.listen = v.address; }},
    {.path = "server.metrics",
     .type = Type::kAddress,
     .otherwise = "none: served on `server.listen`",
     .example = "127.0.0.1:9090",
     .sentence = "A separate address for /metrics and /health.",
     .store = [](Target& t, const Value& v) { t.plan->server.metrics = v.address; }},
    {.path = "server.admin",
     .type = Type::kPath,
     .otherwise = "admin.sock in the runtime folder: /run/berth as root, else $XDG_RUNTIME_DIR/berth, else "
                  "/tmp/berth-$UID",
     .example = "/run/berth/admin.sock",
     .sentence = "The admin socket; its folder is the runtime folder, which also holds the lock and the workers' "
                 "sockets. At most 107 bytes.",
     .store = [](Target& t, const Value& v) { t.plan->server.admin = v.path; }},
    {.path = "server.threads",
     .type = Type::kInteger,
     .preset = "2",
     .least = "1",
     .most = "64",
     .sentence = "Threads that read, relay and answer requests.",
     .store = [](Target& t, const Value& v) { t.plan->server.threads = Int(v); }},
    {.path = "server.logs.dir",
     .type = Type::kPath,
     .otherwise = "logs in the runtime folder",
     .example = "/var/log/berth",
     .sentence = "Folder of the workers' logs.",
     .store = [](Target& t, const Value& v) { t.plan->server.logs.dir = v.path; }},
    {.path = "server.logs.max_size",
     .type = Type::kSize,
     .preset = "50MiB",
     .least = "64KiB",
     .most = "1TiB",
     .sentence = "A log file is rotated before it grows past this.",
     .store = [](Target& t, const Value& v) { t.plan->server.logs.max_size = v.bytes; }},
    {.path = "server.logs.keep",
     .type = Type::kInteger,
     .preset = "3",
     .least = "0",
     .most = "100",
     .sentence = "Rotated files kept beside the current one.",
     .store = [](Target& t, const Value& v) { t.plan->server.logs.keep = Int(v); }},
    {.path = "server.max_body",
     .type = Type::kSize,
     .preset = "8MiB",
     .least = "1KiB",
     .most = "1GiB",
     .sentence = "The largest JSON body of a request; a larger one is answered with 413.",
     .store = [](Target& t, const Value& v) { t.plan->server.max_body = v.bytes; }},
    {.path = "server.header_timeout",
     .type = Type::kTime,
     .preset = "10s",
     .least = "10ms",
     .most = "10m",
     .sentence = "A request's head must arrive within this; else 408.",
     .store = [](Target& t, const Value& v) { t.plan->server.header_timeout = v.time; }},
    {.path = "server.body_timeout",
     .type = Type::kTime,
     .preset = "30s",
     .least = "10ms",
     .most = "1h",
     .sentence = "A request's body must make progress within this while it arrives; else 408.",
     .store = [](Target& t, const Value& v) { t.plan->server.body_timeout = v.time; }},
    {.path = "server.idle_timeout",
     .type = Type::kTime,
     .preset = "75s",
     .least = "10ms",
     .most = "24h",
     .sentence = "A kept-alive connection without a request is closed after this.",
     .store = [](Target& t, const Value& v) { t.plan->server.idle_timeout = v.time; }},
    {.path = "server.max_connections",
     .type = Type::kInteger,
     .preset = "16384",
     .least = "1",
     .most = "1000000",
     .sentence = "Client connections open at the same time; more wait in the kernel's backlog.",
     .store = [](Target& t, const Value& v) { t.plan->server.max_connections = Int(v); }},
    {.path = "server.drain",
     .type = Type::kTime,
     .preset = "30s",
     .least = "0",
     .most = "24h",
     .sentence = "After SIGTERM, how long running requests may still take.",
     .store = [](Target& t, const Value& v) { t.plan->server.drain = v.time; }},

    {.path = "devices.*.cuda",
     .type = Type::kText,
     .otherwise = "none: the device is the CPU, and is called cpu",
     .example = "GPU-5f1c2b3a-0000-0000-0000-000000000000",
     .sentence = "Makes the device a GPU: its UUID, or the beginning of it, the UUID of a MIG instance, or the GPU's "
                 "index in PCI bus order.",
     .store = [](Target& t, const Value& v) { t.device->cuda = v.text; }},
    {.path = "devices.*.memory",
     .type = Type::kSize,
     .otherwise = "of the CPU seven eighths of the machine's memory, or of the cgroup's limit when that is lower; of "
                  "a GPU all that it has",
     .example = "12GiB",
     .least = "16MiB",
     .most = "1024TiB",
     .sentence = "What all replicas on the device together may reserve, `reserve` included.",
     .store = [](Target& t, const Value& v) { t.device->memory = v.bytes; }},
    {.path = "devices.*.reserve",
     .type = Type::kSize,
     .preset = "0B",
     .least = "0B",
     .most = "1024TiB",
     .sentence = "Of `memory`, what is kept free for others.",
     .store = [](Target& t, const Value& v) { t.device->reserve = v.bytes; }},
    {.path = "devices.*.threads",
     .type = Type::kInteger,
     .otherwise = "the usable cores",
     .example = "8",
     .least = "1",
     .most = "4096",
     .sentence = "The most compute threads that one replica on the device may have; `berth plan` shows when all "
                 "together have more.",
     .store = [](Target& t, const Value& v) { t.device->threads = Int(v); }},

    {.path = "rules.order",
     .type = Type::kChoices,
     .preset = "[embedding, speech, llm]",
     .choices = "embedding|llm|speech",
     .sentence = "Kinds load in this order at boot; kinds that are not listed come last.",
     .store = StoreOrder},
    {.path = "rules.max_per_device.embedding",
     .type = Type::kInteger,
     .otherwise = "no limit",
     .example = "4",
     .least = "1",
     .most = "1000",
     .sentence = "How many replicas of embedding models one device may hold.",
     .store = StoreMost<Kind::kEmbedding>},
    {.path = "rules.max_per_device.speech",
     .type = Type::kInteger,
     .otherwise = "no limit",
     .example = "2",
     .least = "1",
     .most = "1000",
     .sentence = "How many replicas of speech models one device may hold.",
     .store = StoreMost<Kind::kSpeech>},
    {.path = "rules.max_per_device.llm",
     .type = Type::kInteger,
     .otherwise = "no limit",
     .example = "1",
     .least = "1",
     .most = "1000",
     .sentence = "How many replicas of language models one device may hold.",
     .store = StoreMost<Kind::kLlm>},
    {.path = "rules.apart",
     .type = Type::kGroups,
     .preset = "[]",
     .sentence = "Lists of models: no replica of one is ever on a device with a replica of another of its list.",
     .store = [](Target& t, const Value& v) { t.plan->rules.apart = Groups(v); }},
    {.path = "rules.together",
     .type = Type::kGroups,
     .preset = "[]",
     .sentence = "Lists of models: replica 0 of each is on the same device, replica 1 of each, and so on.",
     .store = [](Target& t, const Value& v) { t.plan->rules.together = Groups(v); }},
    {.path = "rules.on_failure",
     .type = Type::kChoice,
     .preset = "continue",
     .choices = "continue|stop",
     .sentence = "At boot, when a model does not become ready: `continue` with those that load after it, or `stop` until "
                 "each of its replicas is ready.",
     .store = [](Target& t, const Value& v) { t.plan->rules.on_failure = FromName(v.text, kOnFailures); }},

    {.path = "models.*.kind",
     .type = Type::kChoice,
     .example = "embedding",
     .choices = "embedding|llm|speech",
     .own = true,
     .restarts = Restarts::kReplicas,
     .sentence = "What the model does. The worker of this version serves embedding models; rerankers (cross-encoders) are of this kind, too.",
     .store = [](Target& t, const Value& v) { t.model->kind = FromName(v.text, kKinds); }},
    {.path = "models.*.source",
     .type = Type::kPath,
     .example = "/models/bge-small-en-v1.5",
     .own = true,
     .restarts = Restarts::kReplicas,
     .sentence = "The model's Hugging Face directory.",
     .store = [](Target& t, const Value& v) { t.model->source = v.path; }},
    {.path = "models.*.aliases",
     .type = Type::kNames,
     .preset = "[]",
     .own = true,
     .sentence = "Other names that clients may use for the model, such as those they have built in.",
     .store = [](Target& t, const Value& v) { t.model->aliases = Texts(v); }},
    {.path = "models.*.devices",
     .type = Type::kNames,
     .otherwise = "cpu; in a plan of GPUs alone all of them",
     .example = "[cpu]",
     .restarts = Restarts::kReplicas,
     .sentence = "Where its replicas may go.",
     .store = [](Target& t, const Value& v) { t.model->devices = Texts(v); }},
    {.path = "models.*.devices_per_replica",
     .type = Type::kInteger,
     .preset = "1",
     .least = "1",
     .most = "16",
     .restarts = Restarts::kReplicas,
     .sentence = "On how many GPUs each replica is at once; it holds `memory` on each of them. More than one neither on the "
                 "CPU nor on MIG instances.",
     .store = [](Target& t, const Value& v) { t.model->devices_per_replica = Int(v); }},
    {.path = "models.*.memory",
     .type = Type::kSize,
     .otherwise = "what `berth estimate` says, rounded up to 16 MiB",
     .example = "1GiB",
     .least = "1MiB",
     .most = "1024TiB",
     .restarts = Restarts::kReplicas,
     .sentence = "The hard budget of one replica, on each of its devices; a replica that needs more ends and is restarted.",
     .store = [](Target& t, const Value& v) { t.model->memory = v.bytes; }},
    {.path = "models.*.threads",
     .type = Type::kInteger,
     .preset = "1",
     .least = "1",
     .most = "4096",
     .restarts = Restarts::kReplicas,
     .sentence = "Compute threads of one replica.",
     .store = [](Target& t, const Value& v) { t.model->threads = Int(v); }},
    {.path = "models.*.replicas",
     .type = Type::kInteger,
     .preset = "1",
     .least = "1",
     .most = "64",
     .sentence = "Worker processes of the model.",
     .store = [](Target& t, const Value& v) { t.model->replicas = Int(v); }},
    {.path = "models.*.balance",
     .type = Type::kChoice,
     .preset = "least_loaded",
     .choices = "least_loaded|round_robin|random",
     .sentence = "How a request's replica is picked.",
     .store = [](Target& t, const Value& v) { t.model->balance = FromName(v.text, kBalances); }},
    {.path = "models.*.after",
     .type = Type::kNames,
     .preset = "[]",
     .own = true,
     .sentence = "Models that must be ready before this one starts.",
     .store = [](Target& t, const Value& v) { t.model->after = Texts(v); }},
    {.path = "models.*.start",
     .type = Type::kChoice,
     .preset = "boot",
     .choices = "boot|manual",
     .sentence = "`boot`: starts with the daemon. `manual`: waits for `berth start`.",
     .store = [](Target& t, const Value& v) { t.model->start = FromName(v.text, kStarts); }},
    {.path = "models.*.sharing",
     .type = Type::kChoice,
     .preset = "shared",
     .choices = "shared|exclusive",
     .restarts = Restarts::kReplicas,
     .sentence = "`exclusive`: each replica is alone on its device.",
     .store = [](Target& t, const Value& v) { t.model->sharing = FromName(v.text, kSharings); }},
    {.path = "models.*.spread",
     .type = Type::kChoice,
     .preset = "spread",
     .choices = "spread|pack",
     .restarts = Restarts::kReplicas,
     .sentence = "Where a replica goes when there is a choice: to the device with the most free memory, or, `pack`, to "
                 "the one with the least on which it still fits. Holds while replicas are placed in load order: "
                 "when that leaves one without a place, the search packs; what is started by hand takes the freest.",
     .store = [](Target& t, const Value& v) { t.model->spread = FromName(v.text, kSpreads); }},
    {.path = "models.*.priority",
     .type = Type::kInteger,
     .preset = "0",
     .least = "-1000",
     .most = "1000",
     .sentence = "Of the models of one wave, the one with the higher priority is placed and loads first.",
     .store = [](Target& t, const Value& v) { t.model->priority = Int(v); }},
    {.path = "models.*.required",
     .type = Type::kFlag,
     .otherwise = "true where `start` is boot",
     .example = "true",
     .sentence = "Whether /health/ready waits for the model.",
     .store = [](Target& t, const Value& v) { t.model->required = v.flag; }},
    {.path = "models.*.matryoshka",
     .type = Type::kFlag,
     .preset = "false",
     .restarts = Restarts::kReplicas,
     .sentence = "The model was trained so that its embeddings may be cut: requests may ask for `dimensions`.",
     .store = [](Target& t, const Value& v) { t.model->matryoshka = v.flag; }},
    {.path = "models.*.batching.max_tokens",
     .type = Type::kInteger,
     .preset = "16384",
     .least = "1",
     .most = "1048576",
     .restarts = Restarts::kReplicas,
     .sentence = "Tokens of one batch, padding included.",
     .store = [](Target& t, const Value& v) { t.model->batching.max_tokens = Int(v); }},
    {.path = "models.*.batching.max_delay",
     .type = Type::kTime,
     .preset = "2ms",
     .least = "0",
     .most = "10s",
     .restarts = Restarts::kReplicas,
     .sentence = "How long a batch may wait for company.",
     .store = [](Target& t, const Value& v) { t.model->batching.max_delay = v.time; }},
    {.path = "models.*.queue.max",
     .type = Type::kInteger,
     .preset = "512",
     .least = "0",
     .most = "1000000",
     .sentence = "Requests that may wait for a replica of the model; one more is answered with 429.",
     .store = [](Target& t, const Value& v) { t.model->queue.max = Int(v); }},
    {.path = "models.*.queue.timeout",
     .type = Type::kTime,
     .preset = "30s",
     .least = "1ms",
     .most = "24h",
     .sentence = "A request waits at most this long.",
     .store = [](Target& t, const Value& v) { t.model->queue.timeout = v.time; }},
    {.path = "models.*.load.stall",
     .type = Type::kTime,
     .preset = "60s",
     .least = "100ms",
     .most = "24h",
     .sentence = "Loading without progress for this long is a failed load.",
     .store = [](Target& t, const Value& v) { t.model->load_stall = v.time; }},
    {.path = "models.*.health.stall",
     .type = Type::kTime,
     .preset = "30s",
     .least = "100ms",
     .most = "24h",
     .sentence = "Begun work without a step for this long is a hung replica: it is killed and restarted.",
     .store = [](Target& t, const Value& v) { t.model->health_stall = v.time; }},
    {.path = "models.*.stop.grace",
     .type = Type::kTime,
     .preset = "20s",
     .least = "0",
     .most = "24h",
     .sentence = "From the order to stop until the replica is killed.",
     .store = [](Target& t, const Value& v) { t.model->stop_grace = v.time; }},
    {.path = "models.*.restart.backoff",
     .type = Type::kTimeRange,
     .preset = "[1s, 60s]",
     .least = "1ms",
     .most = "24h",
     .sentence = "The wait before a failed replica is restarted: the first, doubled by each failure up to the second.",
     .store =
         [](Target& t, const Value& v) {
           t.model->restart.backoff_min = v.time;
           t.model->restart.backoff_max = v.time_most;
         }},
    {.path = "models.*.restart.give_up",
     .type = Type::kRate,
     .preset = "5 in 10m",
     .least = "1",
     .most = "1000",
     .sentence = "This many failures within this time: the replica is quarantined until an operator starts it.",
     .store =
         [](Target& t, const Value& v) {
           t.model->restart.give_up_count = Int(v);
           t.model->restart.give_up_window = v.time;
         }},
};

}  // namespace

std::span<const Key> Keys() { return kKeys; }

std::string_view Key::inner() const {
  for (const std::string_view section : {kDevices, kModels}) {
    if (path.starts_with(section)) return path.substr(section.size() + 1);
  }
  return path.substr(path.find('.') + 1);
}

std::vector<std::string> Choices(const Key& key) {
  std::vector<std::string> choices;
  for (std::string_view rest = key.choices; !rest.empty();) {
    const std::size_t bar = rest.find('|');
    choices.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view() : rest.substr(bar + 1);
  }
  return choices;
}

std::string_view TypeName(Type type) {
  switch (type) {
    case Type::kFlag: return "true or false";
    case Type::kInteger: return "a whole number";
    case Type::kSize: return "a size";
    case Type::kTime: return "a time";
    case Type::kText: return "a word";
    case Type::kPath: return "a path";
    case Type::kAddress: return "host:port";
    case Type::kChoice: return "one of";
    case Type::kChoices: return "a list of";
    case Type::kNames: return "a list of names";
    case Type::kGroups: return "a list of lists of names";
    case Type::kTimeRange: return "two times, [least, most]";
    case Type::kRate: return "a count in a time";
  }
  return "";
}

std::string BoundsText(const Key& key) {
  if (key.least.empty()) return "";
  if (key.least == key.most) return std::string(key.least);
  return std::string(key.least).append(" to ").append(key.most);
}

}  // namespace berth::config
