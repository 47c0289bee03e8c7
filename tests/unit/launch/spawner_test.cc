#include "supervisor/launch/spawner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "supervisor/base/fd.h"
#include "tests/unit/launch/temp_folder.h"

namespace berth::launch {
namespace {

// Runs a shell script as a worker: descriptor 1 is a pipe to the test, the other targets are /dev/null.
class Script {
 public:
  explicit Script(Spawner& spawner, const std::string& text, std::vector<std::string> environment = {"PATH=/bin:/usr/bin"},
                  int descriptors = 6) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    output_.Reset(ends[0]);
    const Fd write_end(ends[1]);
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    std::vector<int> fds(static_cast<std::size_t>(descriptors), null.get());
    fds[1] = write_end.get();
    auto child = spawner.Spawn({"/bin/sh", {"berth-worker", "-c", text}, std::move(environment), fds});
    if (child) child_ = std::move(*child);
    if (!child) ADD_FAILURE() << child.error().message;
  }

  // All it prints, until it and its heirs have closed the pipe.
  std::string Output() {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::read(output_.get(), buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
    return all;
  }
  std::string Line() {
    std::string line;
    for (char c; ::read(output_.get(), &c, 1) == 1 && c != '\n';) line.push_back(c);
    return line;
  }
  WaitStatus AwaitEnd() {
    pollfd ended{child_->ended_fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "still running";
    const auto status = child_->Reap();
    EXPECT_TRUE(status);
    return status.value_or(WaitStatus{});
  }

  std::unique_ptr<Child> child_;
  Fd output_;
};

// Polls what only the kernel knows, for at most ten seconds.
bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    ::poll(nullptr, 0, 10);
  }
  return false;
}

bool Exists(pid_t pid) { return ::kill(pid, 0) == 0; }

std::string StatusField(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "?";
}

class SpawnerTest : public testing::Test {
 protected:
  std::unique_ptr<Spawner> spawner_ = MakeSpawner();
};

TEST_F(SpawnerTest, TheExitCodeAndTheSignalAreReported) {
  Script code(*spawner_, "exit 42");
  const WaitStatus exited = code.AwaitEnd();
  EXPECT_EQ(exited.code, 42);
  EXPECT_EQ(exited.signal, 0);
  Script signal(*spawner_, "kill -SEGV $$");
  EXPECT_EQ(signal.AwaitEnd().signal, SIGSEGV);
}

TEST_F(SpawnerTest, ExactlyTheGivenDescriptorsAreInherited) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // not close-on-exec, and low
  const Fd high(::fcntl(leaky.get(), F_DUPFD, 200));
  Script script(*spawner_, "cd /proc/self/fd && echo *");
  // The shell expands the pattern itself and holds the folder open while it does: one descriptor above 5.
  std::istringstream words(script.Output());
  std::vector<int> fds;
  for (int fd; words >> fd;) fds.push_back(fd);
  std::erase_if(fds, [](int fd) { return fd == 6; });
  EXPECT_THAT(fds, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  script.AwaitEnd();
}

TEST_F(SpawnerTest, DescriptorsThatAreTargetsThemselvesArriveInPlace) {
  // The sources are a permutation of low numbers, so a careless dup2 would overwrite one before its use.
  int pipes[2][2];
  for (auto& ends : pipes) ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read0(pipes[0][0]), write0(pipes[0][1]), read1(pipes[1][0]), write1(pipes[1][1]);
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto child = spawner_->Spawn({"/bin/sh",
                                {"berth-worker", "-c", "echo three >&3; echo four >&4"},
                                {},
                                {null.get(), null.get(), null.get(), write1.get(), write0.get(), null.get()}});
  ASSERT_TRUE(child) << child.error().message;
  char text[16] = {};
  ASSERT_EQ(::read(read1.get(), text, sizeof text), 6);
  EXPECT_STREQ(text, "three\n");
  std::fill(std::begin(text), std::end(text), '\0');
  ASSERT_EQ(::read(read0.get(), text, sizeof text), 5);
  EXPECT_STREQ(text, "four\n");
}

TEST_F(SpawnerTest, TheEnvironmentIsWhatWasGivenAndTheTag) {
  ::setenv("BERTH_TEST_SECRET", "hunter2", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  Script script(*spawner_, "/usr/bin/env", {"PATH=/bin", "ONE=1"});
  const std::string output = script.Output();
  ::unsetenv("BERTH_TEST_SECRET");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_NE(output.find("ONE=1\n"), std::string::npos);
  EXPECT_NE(output.find("BERTH_SPAWN="), std::string::npos);
  EXPECT_EQ(output.find("hunter2"), std::string::npos);
}

TEST_F(SpawnerTest, TheChildLeadsItsOwnSessionWithoutPrivilegesOrBlockedSignals) {
  sigset_t blocked, before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old = ::signal(SIGINT, SIG_IGN);
  Script sleeper(*spawner_, "echo up; exec sleep 60");
  ::signal(SIGINT, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(sleeper.Line(), "up");
  const pid_t pid = sleeper.child_->pid();
  EXPECT_EQ(::getsid(pid), pid);
  EXPECT_EQ(::getpgid(pid), pid);
  EXPECT_EQ(StatusField(pid, "NoNewPrivs"), "1");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    if (::geteuid() != 0 && std::string(set) == "CapBnd") continue;  // only root can, and need, empty that
    EXPECT_EQ(StatusField(pid, set), "0000000000000000") << set;
  }
  EXPECT_EQ(StatusField(pid, "SigBlk"), "0000000000000000");
  EXPECT_EQ(StatusField(pid, "SigIgn"), "0000000000000000");
}

TEST_F(SpawnerTest, AProgramThatCannotRunIsAnErrorThatNamesIt) {
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto child = spawner_->Spawn({"/no/such/worker", {"berth-worker"}, {}, {null.get(), null.get(), null.get()}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().kind, ErrorKind::kNotFound);
  EXPECT_NE(child.error().message.find("/no/such/worker"), std::string::npos);
  siginfo_t info{};
  EXPECT_TRUE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) << "a zombie is left";
}

TEST_F(SpawnerTest, KillReachesTheGroupAndStoppedProcesses) {
  Script script(*spawner_, "sleep 60 & echo $!; kill -STOP $$");
  const pid_t member = std::stoi(script.Line());
  ASSERT_TRUE(Eventually([&] { return StatusField(script.child_->pid(), "State").starts_with("T"); }));
  script.child_->Kill();
  EXPECT_EQ(script.AwaitEnd().signal, SIGKILL);
  EXPECT_TRUE(Eventually([&] {
    spawner_->SweepOrphans(false);
    return !Exists(member);
  }));
}

TEST_F(SpawnerTest, GrandchildrenInSessionsOfTheirOwnDieAfterTheirWorkerAndLeaveNoZombie) {
  Script worker(*spawner_, "setsid sh -c 'echo $$; exec sleep 60' & wait");
  Script neighbour(*spawner_, "(setsid sh -c 'echo $$; exec sleep 60' &) ; exec sleep 60");
  const pid_t orphan = std::stoi(worker.Line());
  const pid_t neighbours = std::stoi(neighbour.Line());
  worker.child_->Kill();
  worker.AwaitEnd();
  EXPECT_TRUE(Exists(orphan)) << "it is in no group that Kill() reaches";
  EXPECT_TRUE(Eventually([&] {
    spawner_->SweepOrphans(true);
    return !Exists(orphan);
  }));
  EXPECT_TRUE(Exists(neighbours)) << "the orphan of a living worker is its own business";
  neighbour.child_->Kill();
  neighbour.AwaitEnd();
  EXPECT_TRUE(Eventually([&] { return !spawner_->SweepOrphans(true) && !Exists(neighbours); }));
  siginfo_t info{};
  EXPECT_TRUE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) << "a zombie is left";
}

// `exec berthd 2> >(logger)`: the shell's helper becomes a child of the daemon.
TEST_F(SpawnerTest, AChildFromBeforeTheDaemonIsReapedAndNeverKilled) {
  const pid_t helper = ::fork();
  ASSERT_GE(helper, 0);
  if (helper == 0) {
    for (;;) ::pause();
  }
  auto daemon = MakeSpawner();
  EXPECT_FALSE(daemon->SweepOrphans(true)) << "it is no orphan";
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(helper), &info, WEXITED | WNOHANG | WNOWAIT), 0);
  EXPECT_EQ(info.si_pid, 0) << "it was killed";
  ::kill(helper, SIGTERM);
  EXPECT_TRUE(Eventually([&] {
    daemon->SweepOrphans(false);
    return !Exists(helper);
  })) << "a zombie is left";
}

TEST_F(SpawnerTest, AChildThatIsForgottenIsKilledAndReaped) {
  pid_t pid;
  {
    Script script(*spawner_, "exec sleep 60");
    pid = script.child_->pid();
  }
  EXPECT_FALSE(Exists(pid));
}

// A daemon that is killed takes its workers along, stopped ones too.
TEST_F(SpawnerTest, WorkersDieWithTheirDaemon) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const pid_t daemon = ::fork();
  ASSERT_GE(daemon, 0);
  if (daemon == 0) {
    auto spawner = MakeSpawner();
    const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const std::vector<int> fds = {null.get(), null.get(), null.get()};
    auto runs = spawner->Spawn({"/bin/sleep", {"berth-worker", "60"}, {}, fds});
    auto stopped = spawner->Spawn({"/bin/sleep", {"berth-worker", "60"}, {}, fds});
    if (!runs || !stopped) ::_exit(1);
    ::kill((*stopped)->pid(), SIGSTOP);
    const pid_t pids[2] = {(*runs)->pid(), (*stopped)->pid()};
    if (::write(write_end.get(), pids, sizeof pids) != sizeof pids) ::_exit(1);
    for (;;) ::pause();
  }
  write_end.Reset();
  pid_t pids[2];
  ASSERT_EQ(::read(read_end.get(), pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
  EXPECT_TRUE(Exists(pids[0]) && Exists(pids[1]));
  ::kill(daemon, SIGKILL);
  ASSERT_EQ(::waitpid(daemon, nullptr, 0), daemon);
  // This process is a reaper too: the workers become its zombies.
  EXPECT_TRUE(Eventually([&] {
    spawner_->SweepOrphans(false);
    return !Exists(pids[0]) && !Exists(pids[1]);
  }));
}

TEST_F(SpawnerTest, ManySpawnsLeakNoDescriptor) {
  const auto count = [] {
    int n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
    return n;
  };
  { Script warm_up(*spawner_, "exit 0"); }
  const int before = count();
  for (int i = 0; i < 50; ++i) {
    Script script(*spawner_, "exit 0");
    script.AwaitEnd();
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace berth::launch
