#include "tests/unit/config/plans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

namespace berth::config::testing {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return "[" + text + "]";
}

void DescribeServer(std::ostream& out, const Server& server) {
  out << "listen " << Format(server.listen) << "\n"
      << "metrics " << (server.metrics ? Format(*server.metrics) : "-") << "\n"
      << "admin " << server.admin.string() << "\n"
      << "threads " << server.threads << "\n"
      << "logs dir=" << server.logs.dir.string() << " max_size=" << server.logs.max_size.count
      << " keep=" << server.logs.keep << "\n"
      << "max_body " << server.max_body.count << " max_upload " << server.max_upload.count << "\n"
      << "timeouts header=" << FormatDuration(server.header_timeout) << " body=" << FormatDuration(server.body_timeout)
      << " idle=" << FormatDuration(server.idle_timeout) << "\n"
      << "max_connections " << server.max_connections << "\n"
      << "drain " << FormatDuration(server.drain) << "\n";
}

void DescribeModel(std::ostream& out, const Model& model) {
  out << "model " << model.name << "\n"
      << "  kind " << Name(model.kind) << "\n"
      << "  source " << model.source.string() << "\n"
      << "  aliases " << Join(model.aliases) << "\n"
      << "  devices " << Join(model.devices) << ", each replica on " << model.devices_per_replica << "\n"
      << "  memory " << model.memory.count << "\n"
      << "  threads " << model.threads << "\n"
      << "  replicas " << model.replicas << "\n"
      << "  balance " << Name(model.balance) << "\n"
      << "  after " << Join(model.after) << "\n"
      << "  start " << Name(model.start) << (model.required ? ", required" : "") << "\n"
      << "  sharing " << Name(model.sharing) << ", " << Name(model.spread) << ", priority " << model.priority << ", idle stop " << FormatDuration(model.idle_stop) << (model.pinned ? ", pinned" : "") << "\n"
      << "  matryoshka " << (model.matryoshka ? "true" : "false") << "\n"
      << "  batching max_tokens=" << model.batching.max_tokens
      << " max_delay=" << FormatDuration(model.batching.max_delay) << "\n"
      << "  llm dtype=" << Name(model.llm.dtype) << " context=" << model.llm.context
      << " max_sequences=" << model.llm.max_sequences << " prefix=" << (model.llm.prefix_cache ? "true" : "false")
      << " defaults=" << Name(model.llm.generation_defaults) << " template=" << model.llm.chat_template.string() << "\n"
      << "  queue max=" << model.queue.max << " timeout=" << FormatDuration(model.queue.timeout) << "\n"
      << "  stalls load=" << FormatDuration(model.load_stall) << " health=" << FormatDuration(model.health_stall)
      << "\n"
      << "  stop " << FormatDuration(model.stop_grace) << "\n"
      << "  restart " << FormatDuration(model.restart.backoff_min) << " to "
      << FormatDuration(model.restart.backoff_max) << ", gives up after " << model.restart.give_up_count << " in "
      << FormatDuration(model.restart.give_up_window) << "\n";
}

void DescribeRules(std::ostream& out, const Rules& rules) {
  out << "order";
  for (const Kind kind : rules.order) out << " " << Name(kind);
  out << "\n";
  for (const auto& [kind, most] : rules.max_per_device) out << "max_per_device " << Name(kind) << " " << most << "\n";
  for (const auto& group : rules.apart) out << "apart " << Join(group) << "\n";
  for (const auto& group : rules.together) out << "together " << Join(group) << "\n";
  out << "on_failure " << Name(rules.on_failure) << "\n";
}

}  // namespace

Host FixedHost() {
  const std::map<std::string, std::string> environment{{"HOME", "/home/ana"}, {"PORT", "9000"}, {"EMPTY", ""}};
  const auto getenv = [environment](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  };
  return {GiB(16), 8, "/run/berth", getenv};
}

std::string SmallPlan(std::string_view more) {
  return std::string("version: 1\nmodels:\n  bge:\n    kind: embedding\n    source: /models/bge\n    memory: 1GiB\n")
      .append(more);
}

std::string Wrong(std::string_view text) {
  const auto parsed = Parse(text, "berth.yaml", FixedHost());
  const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
  return mistakes == nullptr ? "" : Format(*mistakes);
}

Plan Good(std::string_view text) {
  EXPECT_EQ(Wrong(text), "");
  auto parsed = Parse(text, "berth.yaml", FixedHost());
  Plan* plan = std::get_if<Plan>(&parsed);
  return plan == nullptr ? Plan{} : std::move(*plan);
}

std::string Describe(const Plan& plan) {
  std::ostringstream out;
  out << "version " << plan.version << "\n";
  DescribeServer(out, plan.server);
  for (const Device& device : plan.devices) {
    out << "device " << device.name << " memory=" << device.memory.count << " reserve=" << device.reserve.count
        << " threads=" << device.threads << (device.cuda.empty() ? "" : " cuda=" + device.cuda) << "\n";
  }
  DescribeRules(out, plan.rules);
  for (const Model& model : plan.models) DescribeModel(out, model);
  return out.str();
}

std::filesystem::path SourceDir() {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  // ctest sets it; by hand the tests are started from the source folder.
  return dir == nullptr ? std::filesystem::current_path() : std::filesystem::path(dir);
}

std::string ReadFile(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::filesystem::path> GoldenPlans(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SourceDir() / "tests/golden/plans" / folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void ExpectGolden(const std::filesystem::path& file, const std::string& actual) {
  const char* update = std::getenv("BERTH_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    std::ofstream(file, std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(ReadFile(file), actual) << file << " differs; BERTH_UPDATE_GOLDEN=1 rewrites it, then look at the diff";
}

}  // namespace berth::config::testing
