#include "worker/protocol/control.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "worker/protocol/control_reader.h"

namespace berth::protocol {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxReason = 8 * 1024;  // at most 6 times as long when escaped: below kMaxPacket
constexpr std::size_t kMaxShortText = 256;
constexpr std::size_t kMaxDevices = 64;
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxRoutes = 64;
constexpr std::size_t kMaxBuckets = 128;
constexpr std::uint64_t kMaxCount = 1ULL << 62;
constexpr double kMaxIncrement = 1e18;
constexpr int kMaxWindow = 65'536;

// Parses the packet, and lets the decoder of its type make the message.
template <class Message>
struct Decoder {
  std::string_view type;
  Message (*decode)(Reader& in);
};

template <class Message, std::size_t kCount>
Result<Message> DecodeAs(std::string_view packet, const Decoder<Message> (&decoders)[kCount]) {
  json value;
  std::optional<Error> error = ParsePacket(packet, &value);
  if (error) return *std::move(error);
  Reader in(value, "", &error);
  const std::string type = in.Text("type", kMaxShortText);
  for (const auto& decoder : decoders) {
    if (decoder.type != type) continue;
    Message message = decoder.decode(in);
    if (error) return *std::move(error);
    return message;
  }
  if (error) return *std::move(error);
  return Invalid("control message: unknown type \"", type, "\"");
}

// --- one pair of functions per message: what is written, and how it is read back ---

json ToJson(const LlmSettings& m) {
  return {{"dtype", m.dtype},
          {"context", m.context},
          {"max_sequences", m.max_sequences},
          {"prefix_cache", m.prefix_cache},
          {"generation_defaults", m.generation_defaults},
          {"chat_template", m.chat_template}};
}

LlmSettings DecodeLlm(Reader in) {
  LlmSettings m;
  m.dtype = in.Text("dtype", kMaxShortText);
  m.context = in.Whole("context", std::int64_t{0}, std::int64_t{1} << 30);
  m.max_sequences = in.Whole("max_sequences", 1, 65'536);
  m.prefix_cache = in.Bool("prefix_cache");
  m.generation_defaults = in.Text("generation_defaults", kMaxShortText);
  m.chat_template = in.Text("chat_template", kMaxPath);
  return m;
}

json ToJson(const StartMessage& m) {
  json start = {{"type", "start"},
          {"protocol", m.protocol},
          {"name", m.name},
          {"replica", m.replica},
          {"kind", m.kind},
          {"source", m.source},
          {"devices", m.devices},
          {"budget_bytes", m.budget_bytes},
          {"threads", m.threads},
          {"batch_max_tokens", m.batch_max_tokens},
          {"batch_max_delay_us", m.batch_max_delay_us},
          {"matryoshka", m.matryoshka},
          {"max_body_bytes", m.max_body_bytes}};
  if (m.llm) start["llm"] = ToJson(*m.llm);
  return start;
}

ToWorker DecodeStart(Reader& in) {
  StartMessage m;
  m.protocol = in.Whole("protocol", 1, 1'000'000);
  m.name = in.Text("name", kMaxShortText);
  m.replica = in.Whole("replica", 0, 1'000'000);
  m.kind = in.Text("kind", kMaxShortText);
  m.source = in.Text("source", kMaxPath);
  in.List("devices", kMaxDevices, [&](const json& device) {
    const bool good = device.is_string() && device.get_ref<const std::string&>().size() <= kMaxShortText;
    if (!good) return in.Wrong("devices", "a list of names of at most " + std::to_string(kMaxShortText) + " bytes");
    m.devices.push_back(device.get<std::string>());
  });
  m.budget_bytes = in.Whole("budget_bytes", std::uint64_t{0}, kMaxCount);
  m.threads = in.Whole("threads", 1, 65'536);
  m.batch_max_tokens = in.Whole("batch_max_tokens", 0, 1 << 30);
  m.batch_max_delay_us = in.Whole("batch_max_delay_us", std::int64_t{0}, std::int64_t{1} << 50);
  m.matryoshka = in.Bool("matryoshka");
  m.max_body_bytes = in.Whole("max_body_bytes", std::uint64_t{0}, kMaxCount);
  if (in.Has("llm")) m.llm = DecodeLlm(in.Object("llm"));
  return m;
}

json ToJson(const DrainMessage& m) { return {{"type", "drain"}, {"deadline_ms", m.deadline_ms}}; }

ToWorker DecodeDrain(Reader& in) {
  return DrainMessage{in.Whole("deadline_ms", std::int64_t{0}, std::int64_t{1} << 50)};
}

json ToJson(const HelloMessage& m) {
  return {{"type", "hello"}, {"protocol", m.protocol}, {"build", m.build}};
}

FromWorker DecodeHello(Reader& in) {
  HelloMessage m;
  m.protocol = in.Whole("protocol", 0, 1'000'000);
  m.build = in.Text("build", kMaxShortText);
  return m;
}

json ToJson(const LoadingMessage& m) {
  return {{"type", "loading"}, {"stage", m.stage}, {"fraction", m.fraction}};
}

FromWorker DecodeLoading(Reader& in) {
  LoadingMessage m;
  m.stage = in.Text("stage", kMaxShortText);
  m.fraction = in.Real("fraction", 0, 1);
  return m;
}

json ToJson(const MemoryReport& m) {
  return {{"rss_anon", m.rss_anon},
          {"vm_data", m.vm_data},
          {"peak_rss", m.peak_rss},
          {"private_peak", m.private_peak},
          {"counted_peak", m.counted_peak},
          {"weights", m.weights},
          {"weights_mapped", m.weights_mapped}};
}

MemoryReport DecodeMemory(Reader in) {
  MemoryReport m;
  m.rss_anon = in.Whole("rss_anon", std::uint64_t{0}, kMaxCount);
  m.vm_data = in.Whole("vm_data", std::uint64_t{0}, kMaxCount);
  m.peak_rss = in.Whole("peak_rss", std::uint64_t{0}, kMaxCount);
  m.private_peak = in.WholeOrNone("private_peak", kMaxCount);
  m.counted_peak = in.WholeOrNone("counted_peak", kMaxCount);
  m.weights = in.WholeOrNone("weights", kMaxCount);
  m.weights_mapped = in.WholeOrNone("weights_mapped", kMaxCount);
  return m;
}

json ToJson(const ReadyMessage& m) {
  json capabilities = {{"kind", m.capabilities.kind},
                       {"context", m.capabilities.context},
                       {"dimensions", m.capabilities.dimensions},
                       {"routes", m.capabilities.routes},
                       {"sampling", m.capabilities.sampling}};
  return {{"type", "ready"},
          {"capabilities", std::move(capabilities)},
          {"window", m.window},
          {"memory", ToJson(m.memory)}};
}

Capabilities DecodeCapabilities(Reader in) {
  Capabilities c;
  c.kind = in.Text("kind", kMaxShortText);
  c.context = in.Whole("context", 0, 1 << 30);
  c.dimensions = in.Whole("dimensions", 0, 1 << 30);
  in.List("routes", kMaxRoutes, [&](const json& route) {
    const bool good = route.is_string() && route.get_ref<const std::string&>().size() <= kMaxShortText &&
                      route.get_ref<const std::string&>().starts_with('/');
    if (!good)
      return in.Wrong("routes", "a list of paths of at most " + std::to_string(kMaxShortText) + " bytes");
    c.routes.push_back(route.get<std::string>());
  });
  in.Series("sampling", [&](const std::string& name, const json& value) {
    c.sampling[name] = in.RealOf(value, "sampling." + name, -kMaxIncrement, kMaxIncrement);
  });
  return c;
}

FromWorker DecodeReady(Reader& in) {
  ReadyMessage m;
  m.capabilities = DecodeCapabilities(in.Object("capabilities"));
  m.window = in.Whole("window", 1, kMaxWindow);
  m.memory = DecodeMemory(in.Object("memory"));
  return m;
}

json ToJson(const BeatMessage& m) {
  json histograms = json::object();
  for (const auto& [name, delta] : m.histograms) {
    histograms[name] = {{"bounds", delta.bounds}, {"counts", delta.counts}, {"sum", delta.sum}};
  }
  return {{"type", "beat"},         {"steps", m.steps},
          {"begun", m.begun},       {"memory", ToJson(m.memory)},
          {"counters", m.counters}, {"histograms", std::move(histograms)},
          {"gauges", m.gauges}};
}

HistogramDelta DecodeHistogram(Reader in) {
  HistogramDelta delta;
  in.List("bounds", kMaxBuckets, [&](const json& bound) {
    delta.bounds.push_back(in.RealOf(bound, "bounds", -kMaxIncrement, kMaxIncrement));
  });
  in.List("counts", kMaxBuckets + 1, [&](const json& count) {
    delta.counts.push_back(in.WholeOf(count, "counts", std::uint64_t{0}, kMaxCount));
  });
  delta.sum = in.Real("sum", -kMaxIncrement, kMaxIncrement);
  for (std::size_t i = 1; i < delta.bounds.size(); ++i) {
    if (!(delta.bounds[i - 1] < delta.bounds[i])) in.Wrong("bounds", "ascending");
  }
  if (delta.counts.size() != delta.bounds.size() + 1) in.Wrong("counts", "one longer than bounds");
  return delta;
}

FromWorker DecodeBeat(Reader& in) {
  BeatMessage m;
  m.steps = in.Whole("steps", std::uint64_t{0}, kMaxCount);
  m.begun = in.Whole("begun", std::uint64_t{0}, kMaxCount);
  m.memory = DecodeMemory(in.Object("memory"));
  in.Series("counters", [&](const std::string& name, const json& value) {
    m.counters[name] = in.RealOf(value, "counters." + name, 0, kMaxIncrement);
  });
  in.Series("histograms", [&](const std::string& name, const json& value) {
    m.histograms[name] = DecodeHistogram(in.ObjectOf(value, "histograms." + name));
  });
  in.Series("gauges", [&](const std::string& name, const json& value) {
    m.gauges[name] = in.RealOf(value, "gauges." + name, 0, kMaxIncrement);
  });
  return m;
}

// At a character's start, so that what is left is UTF-8 if it was.
std::string_view CutReason(std::string_view reason) {
  if (reason.size() <= kMaxReason) return reason;
  std::size_t end = kMaxReason;
  while (end > kMaxReason - 4 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) --end;
  return reason.substr(0, end);
}

json ToJson(const FailedMessage& m) {
  return {{"type", "failed"}, {"reason", CutReason(m.reason)}, {"permanent", m.permanent}};
}

FromWorker DecodeFailed(Reader& in) {
  FailedMessage m;
  m.reason = in.Text("reason", kMaxPacket);
  m.permanent = in.Bool("permanent");
  return m;
}

json ToJson(const DrainedMessage&) { return {{"type", "drained"}}; }

FromWorker DecodeDrained(Reader&) { return DrainedMessage{}; }

constexpr Decoder<ToWorker> kToWorker[] = {{"start", DecodeStart}, {"drain", DecodeDrain}};
constexpr Decoder<FromWorker> kFromWorker[] = {{"hello", DecodeHello},   {"loading", DecodeLoading},
                                               {"ready", DecodeReady},   {"beat", DecodeBeat},
                                               {"failed", DecodeFailed}, {"drained", DecodeDrained}};

// Text that is not UTF-8 (a path, a library's message) is replaced, not refused.
std::string Dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string Encode(const ToWorker& message) {
  return std::visit([](const auto& m) { return Dump(ToJson(m)); }, message);
}

std::string Encode(const FromWorker& message) {
  return std::visit([](const auto& m) { return Dump(ToJson(m)); }, message);
}

Result<ToWorker> DecodeToWorker(std::string_view packet) { return DecodeAs(packet, kToWorker); }
Result<FromWorker> DecodeFromWorker(std::string_view packet) { return DecodeAs(packet, kFromWorker); }

}  // namespace berth::protocol
