#include "supervisor/launch/child_setup.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace berth::launch {
namespace {

[[noreturn]] void Fail(const ChildPlan& plan, char step) {
  const ChildError error{errno, step};
  [[maybe_unused]] const auto written = ::write(plan.error_pipe, &error, sizeof error);
  ::_exit(127);
}

void DieWithParent(const ChildPlan& plan) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(plan, 'd');
  if (::getppid() != plan.parent) ::_exit(127);  // it died before the call above
}

// execve() gives root all capabilities of the bounding set, so that set is emptied first. A process without
// CAP_SETPCAP may not do that, and has nothing to lose but what the capset() takes.
void DropPrivileges(const ChildPlan& plan) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(plan, 'p');
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM) Fail(plan, 'p');
  }
  // Inheritable ones go; permitted ones stay for the path lookup of execve(), which then drops them.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) Fail(plan, 'p');
  data[0].inheritable = data[1].inheritable = 0;
  if (::geteuid() != 0) data[0] = data[1] = {};
  if (::syscall(SYS_capset, &header, data) != 0) Fail(plan, 'p');
}

void PlaceDescriptors(const ChildPlan& plan) {
  for (int target = 0; target < plan.descriptor_count; ++target) {
    if (::dup2(plan.descriptors[target], target) < 0) Fail(plan, 'f');
  }
  const auto first = static_cast<unsigned>(plan.descriptor_count);
  if (::close_range(first, ~0U, /* CLOSE_RANGE_CLOEXEC */ 1U << 2) != 0) Fail(plan, 'f');
}

// Ignored signals and the signal mask survive execve. Dispositions first, so that nothing pending reaches a
// handler of the daemon.
void ResetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

void RunChild(const ChildPlan& plan) {
  if (::setsid() < 0) Fail(plan, 's');
  DieWithParent(plan);
  DropPrivileges(plan);
  PlaceDescriptors(plan);
  ResetSignals();
  ::execve(plan.program, plan.argv, plan.environment);
  Fail(plan, 'e');
}

}  // namespace berth::launch
