#include "supervisor/launch/spawner.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

extern "C" {  // glibc 2.36 forgets that in the header
#include <sys/pidfd.h>
}

#include "supervisor/base/fd.h"
#include "supervisor/launch/child_setup.h"
#include "supervisor/launch/orphans.h"

namespace berth::launch {
namespace {

// Where copies of descriptors go before the fork, above every target in the child.
constexpr int kAboveTargets = 64;
// A child that nobody waited for is killed with its owner; the kernel may take a moment.
constexpr int kReapMs = 1000;
// From fork to execve, as long as the control thread may wait.
constexpr int kExecMs = 2000;

class PosixChild : public Child {
 public:
  PosixChild(pid_t pid, Fd pidfd, Orphans& orphans) : pid_(pid), pidfd_(std::move(pidfd)), orphans_(orphans) {}
  ~PosixChild() override {
    Kill();
    pollfd ended{pidfd_.get(), POLLIN, 0};
    if (!reaped_) ::poll(&ended, 1, kReapMs);
    Reap();
  }

  pid_t pid() const override { return pid_; }
  int ended_fd() const override { return pidfd_.get(); }

  void Kill() override {
    if (reaped_) return;
    ::pidfd_send_signal(pidfd_.get(), SIGKILL, nullptr, 0);
    ::kill(-pid_, SIGKILL);  // its group: the number is taken as long as the leader is not reaped
  }

  std::optional<WaitStatus> Reap() override {
    rusage usage{};  // which waitid() does not give; the pid is the child's until it is reaped here
    int status = 0;
    if (reaped_ || ::wait4(pid_, &status, WNOHANG, &usage) != pid_) return {};
    reaped_ = true;
    orphans_.Reaped(pid_);
    return WaitStatus{.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                      .peak_resident = static_cast<std::uint64_t>(usage.ru_maxrss) << 10};
  }

 private:
  const pid_t pid_;
  Fd pidfd_;
  Orphans& orphans_;
  bool reaped_ = false;
};

// The pointers that execve() takes, into strings that outlive them.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

Result<Fd> CopyAbove(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, kAboveTargets));
  if (!copy) return SystemError(errno, "cannot copy descriptor " + std::to_string(fd) + " for a worker");
  return copy;
}

Error StartError(const SpawnRequest& request, ChildError error) {
  const std::string program = request.program.string();
  switch (error.step) {
    case 'e': return SystemError(error.errno_value, "cannot run " + program + " (is it installed and executable?)");
    case 's': return SystemError(error.errno_value, "cannot start " + program + ": setsid");
    case 'd': return SystemError(error.errno_value, "cannot start " + program + ": setting its death signal");
    case 'p': return SystemError(error.errno_value, "cannot start " + program + ": dropping privileges");
    default: return SystemError(error.errno_value, "cannot start " + program + ": passing descriptors");
  }
}

// fork() with all signals blocked: a handler of the daemon must never run in the child.
pid_t ForkInto(ChildPlan& plan) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  plan.parent = ::getpid();
  const pid_t pid = ::fork();
  const int error = errno;
  if (pid == 0) RunChild(plan);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

// Nothing once execve() has closed the pipe, else what failed. A program on a file system that does not answer
// is not waited for: it is a process like any other then, whose load makes no progress.
std::optional<ChildError> AwaitExec(int pipe) {
  pollfd word{pipe, POLLIN, 0};
  if (::poll(&word, 1, kExecMs) == 0) return {};
  ChildError error{};
  ssize_t n;
  do n = ::read(pipe, &error, sizeof error);
  while (n < 0 && errno == EINTR);
  if (n == sizeof error) return error;
  return {};
}

class PosixSpawner : public Spawner {
 public:
  Result<std::unique_ptr<Child>> Spawn(const SpawnRequest& request) override {
    std::vector<Fd> copies;
    for (int fd : request.descriptors) {
      auto copy = CopyAbove(fd);
      if (!copy) return copy.error();
      copies.push_back(std::move(*copy));
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return SystemError(errno, "cannot make a pipe to start a worker");
    Fd read_end(ends[0]);
    Fd low_write_end(ends[1]);
    auto write_end = CopyAbove(low_write_end.get());
    if (!write_end) return write_end.error();
    low_write_end.Reset();
    return Fork(request, copies, std::move(read_end), std::move(*write_end));
  }

  bool SweepOrphans(bool thorough) override {
    const bool reaped = orphans_.ReapEnded();
    return (thorough && orphans_.KillLiving()) || reaped;
  }

 private:
  Result<std::unique_ptr<Child>> Fork(const SpawnRequest& request, const std::vector<Fd>& copies, Fd read_end,
                                      Fd write_end) {
    const std::string tag = std::to_string(::getpid()) + "." + std::to_string(++spawned_);
    const std::string program = request.program.string();
    std::vector<std::string> argv = request.argv;
    std::vector<std::string> environment = request.environment;
    environment.push_back(std::string(kSpawnTag) + "=" + tag);
    std::vector<char*> argv_pointers = Pointers(argv);
    std::vector<char*> environment_pointers = Pointers(environment);
    std::vector<int> descriptors;
    for (const Fd& copy : copies) descriptors.push_back(copy.get());

    ChildPlan plan{program.c_str(), argv_pointers.data(), environment_pointers.data(), descriptors.data(),
                   static_cast<int>(descriptors.size()), write_end.get(), 0};
    const pid_t pid = ForkInto(plan);
    if (pid < 0) return SystemError(errno, "cannot fork a worker");
    Fd pidfd(::pidfd_open(pid, 0));  // only we reap, so the pid is still the child's
    const int pidfd_errno = errno;
    write_end.Reset();
    const auto error = AwaitExec(read_end.get());
    if (error || !pidfd) {
      ::kill(pid, SIGKILL);
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
      if (error) return StartError(request, *error);
      return SystemError(pidfd_errno, "cannot watch " + program);
    }
    orphans_.Started(pid, tag);
    return std::unique_ptr<Child>(std::make_unique<PosixChild>(pid, std::move(pidfd), orphans_));
  }

  Orphans orphans_;
  std::uint64_t spawned_ = 0;
};

}  // namespace

std::unique_ptr<Spawner> MakeSpawner() { return std::make_unique<PosixSpawner>(); }

}  // namespace berth::launch
