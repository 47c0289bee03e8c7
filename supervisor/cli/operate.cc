// Commands that change something.
#include <poll.h>

#include <cstdio>
#include <thread>

#include "supervisor/cli/commands.h"
#include "supervisor/cli/views.h"

namespace berth::cli {
namespace {

// For the daemon's answer, beyond what it was told to wait.
constexpr Duration kAnswerTime = std::chrono::seconds(30);
constexpr Duration kPollPeriod = std::chrono::milliseconds(50);

std::string WaitQuery(const std::optional<Duration>& wait) {
  if (!wait) return "";
  return "?wait=" + std::to_string(std::chrono::duration<double>(*wait).count());
}

Exit OperateOne(Session& session, const std::string& model, const std::string& verb) {
  const Invocation& invocation = session.invocation;
  const std::string target = "/v1/models/" + PercentEncode(model) + "/" + verb + WaitQuery(invocation.wait);
  const auto reply = session.client.Call("POST", target, invocation.wait.value_or(Duration()) + kAnswerTime);
  if (!reply) return Fail(reply.error());
  if (invocation.json) std::printf("%s\n", reply->body.c_str());
  if (reply->status >= 400) return Fail(*reply);
  if (!invocation.json) {
    std::fputs(ViewOutcome(Json::parse(reply->body), reply->status == 200, session.screen).c_str(), stdout);
  }
  return Exit::kOk;
}

// All of them, whatever becomes of one; the exit code is the first failure's.
Exit Operate(Session& session, const std::string& verb) {
  Exit exit = Exit::kOk;
  for (const std::string& model : session.invocation.operands) {
    const Exit one = OperateOne(session, model, verb);
    if (exit == Exit::kOk) exit = one;
    if (one == Exit::kUnreachable) break;
  }
  return exit;
}

bool HasEnded(const Fd& process) {
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, 0) > 0;
}

// The daemon cannot answer after its end. Its process tells; where that cannot be seen, it is over when nobody
// accepts connections any more.
Exit AwaitEnd(const Session& session, const Result<Fd>& process, Duration limit) {
  const TimePoint deadline = Clock::now() + limit;
  while (process ? !HasEnded(*process) : session.client.Answers()) {
    if (Clock::now() > deadline) {
      return Fail(MakeError(ErrorKind::kTimeout, "the daemon still drains after ", FormatDuration(limit)));
    }
    std::this_thread::sleep_for(kPollPeriod);
  }
  return Exit::kOk;
}

}  // namespace

Exit StartModels(Session& session) { return Operate(session, "start"); }
Exit StopModels(Session& session) { return Operate(session, "stop"); }
Exit RestartModels(Session& session) { return Operate(session, "restart"); }

Exit ShutdownDaemon(Session& session) {
  const Result<Fd> process = session.client.Process();  // while it can still be asked
  const auto reply = session.client.Call("POST", "/v1/shutdown", kAnswerTime);
  if (!reply) return Fail(reply.error());
  if (reply->status >= 400) return Fail(*reply);
  const Invocation& invocation = session.invocation;
  if (invocation.json) std::printf("%s\n", reply->body.c_str());
  if (!invocation.wait) {
    if (!invocation.json) std::puts("the daemon drains and will end");
    return Exit::kOk;
  }
  const Exit exit = AwaitEnd(session, process, *invocation.wait);
  if (exit == Exit::kOk && !invocation.json) std::puts("the daemon has ended");
  return exit;
}

}  // namespace berth::cli
