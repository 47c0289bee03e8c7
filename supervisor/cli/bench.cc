// berth bench: a load generator for any OpenAI-compatible server. Needs no daemon.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "supervisor/bench/run.h"
#include "supervisor/cli/commands.h"

namespace berth::cli {
namespace {

constexpr int kOpenConcurrency = 1024;  // far above what a server that keeps up has at a time

bench::Api ApiOf(const std::string& name) {
  if (name == "embeddings") return bench::Api::kEmbeddings;
  return name == "completions" ? bench::Api::kCompletions : bench::Api::kChat;
}

Status Check(const LoadAsked& load) {
  if (load.model.empty()) return Invalid("berth bench needs --model NAME");
  if (load.rate && !load.trace.empty()) return Invalid("--rate and --trace exclude each other; --speed changes a trace's rate");
  if (load.trace.empty() && (load.speed != 1 || load.length != 1)) return Invalid("--speed and --length are for --trace");
  return Ok();
}

Result<std::vector<bench::Arrival>> WorkloadOf(const LoadAsked& load) {
  const auto count = static_cast<std::size_t>(load.requests);
  if (load.rate) {
    return bench::Poisson(count, *load.rate, load.prompt_tokens, load.output_tokens, static_cast<std::uint64_t>(load.seed));
  }
  if (load.trace.empty()) return bench::Steady(count, load.prompt_tokens, load.output_tokens);
  auto arrivals = bench::ReadTrace(load.trace);
  if (!arrivals) return arrivals.error();
  bench::Apply({load.speed, load.length, load.requests_given ? count : bench::kMostRequests}, *arrivals);
  return arrivals;
}

bench::RunOptions OptionsOf(const LoadAsked& load, bench::Target target) {
  const bool open = load.rate || !load.trace.empty();
  const char* key = std::getenv("OPENAI_API_KEY");
  return {std::move(target), key == nullptr ? "" : key, load.model, ApiOf(load.api),
          open && !load.concurrency_given ? kOpenConcurrency : load.concurrency, load.timeout, load.ignore_eos,
          static_cast<std::uint64_t>(load.seed)};
}

// On a terminal one line that changes, else a line each time.
void Progress(std::string_view line) {
  static const bool terminal = ::isatty(STDERR_FILENO) == 1;
  std::fprintf(stderr, terminal ? "\r%.*s\033[K" : "%.*s\n", static_cast<int>(line.size()), line.data());
}

Status WritePicture(const LoadAsked& load, const std::vector<bench::Sample>& samples, const std::string& url) {
  if (load.picture.empty()) return Ok();
  std::ofstream file(load.picture);
  file << bench::Picture(samples, load.model + " on " + url + ", " + load.api);
  file.close();
  if (file) return Ok();
  return MakeError(ErrorKind::kIo, load.picture.string(), ": cannot be written");
}

}  // namespace

Exit BenchServer(Session& session) {
  const LoadAsked& load = session.invocation.load;
  const std::string& url = session.invocation.operands[0];
  if (const Status good = Check(load); !good) return Fail(good.error());
  auto target = bench::ParseTarget(url);
  if (!target) return Fail(target.error());
  const auto arrivals = WorkloadOf(load);
  if (!arrivals) return Fail(arrivals.error());
  const auto samples = bench::Run(OptionsOf(load, std::move(*target)), *arrivals, Progress);
  if (::isatty(STDERR_FILENO) == 1) std::fputs("\r\033[K", stderr);
  const bench::Summary summary = bench::Summarise(samples);
  const std::string text = session.invocation.json ? bench::ToJson(summary).dump(2) + "\n" : bench::Format(summary);
  std::fputs(text.c_str(), stdout);
  if (const Status written = WritePicture(load, samples, url); !written) return Fail(written.error());
  return summary.failed() == 0 && summary.requests > 0 ? Exit::kOk : Exit::kFailed;
}

}  // namespace berth::cli
