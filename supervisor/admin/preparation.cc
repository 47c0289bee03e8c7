#include "supervisor/admin/preparation.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <system_error>

#include "config/parse.h"
#include "supervisor/admin/gpu_devices.h"
#include "supervisor/base/log.h"

namespace fs = std::filesystem;

namespace berth::admin {
namespace {

// A line each, begun with the file's name as mistakes are.
template <class Things>
std::string JoinMessages(const fs::path& file, const Things& things) {
  std::string text;
  for (const auto& thing : things) text.append(file.string()).append(": ").append(thing.message).append("\n");
  return text;
}

// A driver that has nothing to do may take seconds to wake its GPUs.
constexpr Duration kFirstReading = std::chrono::seconds(20);

std::unique_ptr<gpu::Reader> ReadGpus(const config::Plan& plan, const std::string& nvml) {
  if (!NeedsGpus(plan)) return nullptr;
  gpu::Reader::Options options;
  if (!nvml.empty()) options.library = nvml;
  return std::make_unique<gpu::Reader>(std::move(options));
}

Refused BadPlan(std::string message) {
  while (message.ends_with('\n')) message.pop_back();
  return {Exit::kBadPlan, std::move(message)};
}

// The plan may be right and the host not ready yet: its driver is not loaded, or does not answer. Whoever starts the
// daemon may try again.
Refused NotYet(std::string message) {
  Refused refused = BadPlan(std::move(message));
  refused.exit = Exit::kTimeout;
  refused.message += "\nstart it again once the NVIDIA driver is there (the service does)";
  return refused;
}

std::optional<Refused> FindGpus(const fs::path& file, config::Plan& plan, const gpu::Reader& gpus) {
  const auto inventory = gpus.WaitForReading(kFirstReading);
  if (inventory->number == 0) return NotYet(file.string() + ": " + gpus.Blocked(Clock::now()) + "; see the kernel's log");
  const std::vector<Error> wrong = ResolveGpus(plan, *inventory);
  if (wrong.empty()) return {};
  const bool passes = std::ranges::all_of(wrong, [](const Error& e) { return e.kind == ErrorKind::kUnavailable; });
  std::string message = JoinMessages(file, wrong);
  return passes ? NotYet(std::move(message)) : BadPlan(std::move(message));
}

fs::path OwnFolder() {
  std::error_code failed;
  return fs::read_symlink("/proc/self/exe", failed).parent_path();
}

// Beside this program in a build folder; ../libexec/berth/ where it is installed.
fs::path OwnWorker() {
  std::error_code failed;
  const fs::path own = OwnFolder();
  const fs::path installed = own.parent_path() / "libexec/berth/berth-worker";
  const fs::path beside = own / "berth-worker";
  return !fs::exists(beside, failed) && fs::exists(installed, failed) ? installed : beside;
}

}  // namespace

Refused RefusedBy(const Error& error) {
  switch (error.kind) {
    case ErrorKind::kPermission: return {Exit::kPermission, error.message};
    case ErrorKind::kInternal: return {Exit::kInternal, error.message};
    default: return {Exit::kCannotCreate, error.message};
  }
}

Prepared<CheckedPlan> CheckPlan(const fs::path& file, const std::string& nvml) {
  auto parsed = config::ParseFile(file, config::ThisHost());
  if (const auto* mistakes = std::get_if<config::Mistakes>(&parsed)) return BadPlan(Format(*mistakes));
  config::Plan plan = std::get<config::Plan>(std::move(parsed));
  auto gpus = ReadGpus(plan, nvml);
  if (gpus) {
    if (auto refused = FindGpus(file, plan, *gpus)) return *std::move(refused);  // without their memory nothing is placed
  }
  placement::LookedAt seen = placement::LookAtSources(plan, placement::Sources::kAll);
  std::string wrong = JoinMessages(file, seen.errors);
  auto placed = placement::Place(plan);
  if (const auto* refusals = std::get_if<std::vector<placement::Refusal>>(&placed)) {
    wrong += JoinMessages(file, *refusals);
  }
  if (!wrong.empty()) return BadPlan(std::move(wrong));
  return CheckedPlan{std::move(plan), std::get<placement::Placement>(std::move(placed)), std::move(gpus),
                     std::move(seen.estimates)};
}

Prepared<fs::path> FindWorker(const fs::path& given) {
  std::error_code failed;
  const fs::path worker = fs::absolute(given.empty() ? OwnWorker() : given, failed);
  const std::string remedy = "; give the worker program with --worker PATH";
  if (!fs::is_regular_file(worker, failed)) {
    return Refused{Exit::kCannotCreate, "there is no worker program " + worker.string() + remedy};
  }
  if (::access(worker.c_str(), X_OK) != 0) {
    return Refused{Exit::kPermission, "the worker program " + worker.string() + " may not be executed" + remedy};
  }
  return worker;
}

fs::path LogDir(const config::Plan& plan) {
  const fs::path& given = plan.server.logs.dir;
  return given.empty() ? plan.server.admin.parent_path() / "logs" : given;
}

Status MakeLogDir(const fs::path& folder) {
  constexpr std::string_view kRemedy = "; set server.logs.dir to another folder";
  std::error_code failed;
  if (!fs::create_directories(folder, failed) && failed) {
    const Error error = SystemError(failed.value(), "cannot create the log folder " + folder.string());
    return MakeError(error.kind, error.message, kRemedy);
  }
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return Ok();
  const Error error = SystemError(errno, "cannot write to the log folder " + folder.string());
  return MakeError(error.kind, error.message, kRemedy);
}

void RaiseLimits() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      LogWarning(SystemError(errno, "cannot raise the limit of open files").message);
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace berth::admin
