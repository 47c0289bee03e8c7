// The fleet with real processes: the fake worker, which misbehaves as the file that the plan calls its source
// says. Skipped where that program is not built.
#include "supervisor/launch/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

#include "supervisor/launch/worker_stats.h"
#include "tests/unit/launch/fake_cgroup_tree.h"
#include "tests/unit/launch/temp_folder.h"

namespace berth::launch {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path FakeWorker() {
  if (const char* path = std::getenv("BERTH_FAKE_WORKER")) return path;
  return fs::read_symlink("/proc/self/exe").parent_path() / "fake-worker";
}

// Stands in for the proxy: keeps what it was told.
class Sink : public EndpointSink {
 public:
  void Up(std::shared_ptr<Endpoint> endpoint) override {
    ++ups;
    up.push_back(std::move(endpoint));
  }
  void Closing(const std::shared_ptr<Endpoint>& endpoint) override {
    EXPECT_TRUE(std::ranges::count(up, endpoint)) << "closing, but never up";
    ++closings;
  }
  void Down(const std::shared_ptr<Endpoint>& endpoint) override {
    EXPECT_EQ(std::erase(up, endpoint), 1u) << "down, but never up, or twice";
    ++downs;
  }
  void Condition(const std::string& model, ModelCondition condition) override {
    conditions[model] = std::move(condition);
  }
  std::vector<std::shared_ptr<Endpoint>> up;
  int ups = 0, closings = 0, downs = 0;
  std::map<std::string, ModelCondition> conditions;
};

class FleetTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(FakeWorker())) GTEST_SKIP() << FakeWorker() << " is not built";
    fs::create_directory(temp_.path() / "run");
    fs::create_directory(temp_.path() / "logs");
    plan_.devices = {{"cpu", GiB(4), 2}};
    plan_.server.max_body = MiB(8);
    plan_.server.logs.max_size = MiB(1);
  }
  void TearDown() override {
    if (!fleet_) return;
    Await(fleet_->Shutdown(5s));
    EXPECT_TRUE(sink_.up.empty());
    EXPECT_TRUE(fleet_->ledger().reservations().empty());
    EXPECT_TRUE(fs::is_empty(temp_.path() / "run")) << "a socket is left";
    siginfo_t info{};
    EXPECT_TRUE(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) << "a child is left";
    fleet_.reset();
  }

  config::Model& Add(const std::string& name, const std::string& behaviour = "{}", int wave = 0) {
    const fs::path source = temp_.path() / (name + ".json");
    std::ofstream(source) << behaviour;
    config::Model model;
    model.name = name;
    model.source = source;
    model.devices = {"cpu"};
    model.memory = MiB(512);
    model.threads = 1;
    model.replicas = 1;
    model.required = true;
    model.load_stall = 2s;
    model.health_stall = 2s;
    model.stop_grace = 2s;
    model.restart = {20ms, 100ms, 4, 10min};
    plan_.models.push_back(model);
    waves_[name] = wave;
    return plan_.models.back();
  }
  void Make() {
    placement::Placement placement;
    for (const config::Model& model : plan_.models) {
      for (int replica = 0; replica < model.replicas; ++replica) {
        placement.assignments.push_back({model.name, replica, {"cpu"}, model.memory, model.threads, waves_[model.name]});
      }
    }
    fleet_ = std::make_unique<Fleet>(io_.get_executor(), plan_, placement,
                                     FleetOptions{worker_, temp_.path() / "run", temp_.path() / "logs", 1, spawner_, 300ms, cgroups_},
                                     sink_, events_, metrics_);
  }
  void Boot() {
    Make();
    fleet_->Boot();
  }

  bool RunUntil(const std::function<bool()>& condition, Duration limit = 20s) {
    const TimePoint deadline = Clock::now() + limit;
    while (!condition() && Clock::now() < deadline) {
      if (io_.stopped()) io_.restart();
      io_.run_one_for(50ms);
    }
    return condition();
  }
  void Await(asio::awaitable<void> task) {
    bool done = false;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr error) {
      done = true;
      EXPECT_FALSE(error);
    });
    EXPECT_TRUE(RunUntil([&] { return done; }, 60s));
  }
  bool Settle(const std::string& model = "") {
    std::optional<bool> settled;
    asio::co_spawn(io_, fleet_->Settled(model, Clock::now() + 20s),
                   [&](std::exception_ptr, bool result) { settled = result; });
    RunUntil([&] { return settled.has_value(); }, 30s);
    return settled.value_or(false);
  }
  ReplicaStatus Replica(const std::string& model, std::size_t replica = 0) {
    return fleet_->Describe(model)->replicas[replica];
  }
  bool RunUntilState(const std::string& model, State state) {
    const bool reached = RunUntil([&] { return Replica(model).state == state; });
    EXPECT_TRUE(reached) << model << " is " << Name(Replica(model).state) << ": " << Replica(model).reason;
    return reached;
  }

  TempFolder temp_;
  fs::path worker_ = FakeWorker();
  Spawner* spawner_ = nullptr;  // null: the real one
  Cgroups* cgroups_ = nullptr;
  asio::io_context io_;
  config::Plan plan_;
  std::map<std::string, int> waves_;
  Sink sink_;
  observe::Events events_;
  observe::Metrics metrics_;
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(FleetTest, ReplicasGetReadyServeAndStopInOrder) {
  Add("bge").replicas = 2;
  Boot();
  EXPECT_FALSE(fleet_->Ready(nullptr));
  ASSERT_TRUE(Settle());
  EXPECT_TRUE(fleet_->Ready(nullptr));
  ASSERT_EQ(sink_.up.size(), 2u);
  EXPECT_EQ(sink_.conditions["bge"].ready, 2);
  EXPECT_EQ(fleet_->ledger().Reserved("cpu"), MiB(1024));
  EXPECT_EQ(Replica("bge").window, 8);
  EXPECT_NE(Replica("bge", 0).pid, Replica("bge", 1).pid);
  EXPECT_EQ(metrics_.Gauge("model_ready", {{"model", "bge"}}).Value(), 2);
  ASSERT_TRUE(fleet_->Stop("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_EQ(Replica("bge").state, State::kStopped);
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kRequested);
  EXPECT_EQ(sink_.closings, 2);
  EXPECT_EQ(sink_.downs, 2);
  EXPECT_EQ(fleet_->ledger().Reserved("cpu"), Bytes{});
}

TEST_F(FleetTest, OneLoadAtATimeAndWavesInOrder) {
  Add("llm", R"({"load_ms": 50})", 1);
  Add("bge", R"({"load_ms": 50})", 0).replicas = 2;
  Make();
  int most = 0;
  std::vector<std::string> order;
  fleet_->Boot();
  ASSERT_TRUE(RunUntil([&] {
    int loading = 0;
    for (const ModelStatus& model : fleet_->Describe()) {
      for (const ReplicaStatus& replica : model.replicas) {
        loading += replica.state == State::kStarting || replica.state == State::kLoading;
      }
    }
    most = std::max(most, loading);
    return sink_.up.size() == 3;
  }));
  EXPECT_EQ(most, 1);
  EXPECT_EQ(sink_.up.back()->model, "llm") << "the first in the plan, but of the second wave";
}

TEST_F(FleetTest, ACrashIsRestartedAndTheLastLinesAreKept) {
  Add("bge", R"({"log_lines": ["about to serve"]})");
  Boot();
  ASSERT_TRUE(Settle());
  const int first = Replica("bge").pid;
  ::kill(first, SIGABRT);  // sanitizers take SIGSEGV for themselves
  ASSERT_TRUE(RunUntil([&] { return sink_.ups == 2; }));
  EXPECT_NE(Replica("bge").pid, first);
  EXPECT_EQ(Replica("bge").incarnation, 2u);
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kSignal);
  EXPECT_EQ(Replica("bge").last_exit->signal, SIGABRT);
  EXPECT_THAT(Replica("bge").last_lines, testing::Contains(HasSubstr("about to serve")));
  EXPECT_EQ(sink_.downs, 1);
  EXPECT_EQ(sink_.closings, 0);
}

TEST_F(FleetTest, ACrashLoopIsQuarantinedUntilAnOperatorStartsIt) {
  Add("bge", R"({"crash_on_load": true, "crash_signal": 11})");
  Boot();
  ASSERT_TRUE(RunUntilState("bge", State::kQuarantined));
  EXPECT_EQ(Replica("bge").incarnation, 4u);
  EXPECT_THAT(Replica("bge").reason, HasSubstr("berth start bge"));
  EXPECT_FALSE(sink_.conditions["bge"].coming);
  EXPECT_EQ(metrics_.Gauge("replica_quarantined", {{"model", "bge"}}).Value(), 1);
  std::ofstream(temp_.path() / "bge.json") << "{}";
  ASSERT_TRUE(fleet_->Start("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_EQ(Replica("bge").state, State::kReady);
}

TEST_F(FleetTest, APermanentFailureIsNotRetriedAndSaysWhy) {
  Add("bge", R"({"fail_load": {"reason": "config.json: no such file", "permanent": true}})");
  Boot();
  ASSERT_TRUE(RunUntilState("bge", State::kFailed));
  EXPECT_EQ(Replica("bge").incarnation, 1u);
  EXPECT_EQ(Replica("bge").reason, "config.json: no such file");
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kLoadFailed);
  std::vector<std::string> reasons;
  EXPECT_FALSE(fleet_->Ready(&reasons));
  EXPECT_THAT(reasons, testing::ElementsAre(HasSubstr("config.json")));
}

TEST_F(FleetTest, ADependentWaitsForAFailedDependencyAndLaterWavesDoNot) {
  Add("ears", R"({"fail_load": {"reason": "bad file", "permanent": true}})", 0);
  Add("chat", "{}", 1).after = {"ears"};
  Add("tts", "{}", 2);
  Boot();
  ASSERT_TRUE(RunUntilState("tts", State::kReady));
  EXPECT_EQ(Replica("chat").state, State::kWaiting);
  EXPECT_EQ(Replica("chat").reason, "waits for ears, which is failed");
  EXPECT_FALSE(sink_.conditions["chat"].coming);
}

TEST_F(FleetTest, BreachesOfTheProtocolEndTheProcess) {
  for (const char* breach : {R"({"bad_packet": "{\"type\": \"nonsense\"}"})", R"({"oversized_packet": true})",
                             R"({"second_hello": true})", R"({"nan_ready": true})", R"({"protocol": 9})"}) {
    SCOPED_TRACE(breach);
    plan_.models.clear();
    Add("bge", breach);
    Boot();
    ASSERT_TRUE(RunUntil([&] { return Replica("bge").last_exit.has_value(); }));
    EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kProtocol) << Replica("bge").last_exit->reason;
    Await(fleet_->Shutdown(1s));
    fleet_.reset();
  }
}

TEST_F(FleetTest, ALoadWithoutProgressIsKilled) {
  Add("bge", R"({"stall_load": true})").load_stall = 300ms;
  Boot();
  ASSERT_TRUE(RunUntil([&] { return Replica("bge").last_exit.has_value(); }));
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kLoadFailed);
  EXPECT_THAT(Replica("bge").last_exit->reason, HasSubstr("no progress"));
}

TEST_F(FleetTest, AStoppedProcessIsHungAndReplaced) {
  Add("bge", R"({"beat_ms": 50})").health_stall = 500ms;
  Boot();
  ASSERT_TRUE(Settle());
  ::kill(Replica("bge").pid, SIGSTOP);
  ASSERT_TRUE(RunUntil([&] { return sink_.ups == 2; }));
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kHung);
  EXPECT_EQ(sink_.closings, 1) << "closed before it was killed";
}

TEST_F(FleetTest, WorkThatWasBegunAndDoesNotMoveIsHungAndOfferedWorkIsNot) {
  Add("bge", R"({"beat_ms": 50})").health_stall = 500ms;
  Boot();
  ASSERT_TRUE(Settle());
  const std::shared_ptr<Endpoint> endpoint = sink_.up.front();
  const auto claim = endpoint->claims->Offer();
  ASSERT_TRUE(claim);
  endpoint->in_flight = 1;
  const TimePoint until = Clock::now() + 2500ms;
  RunUntil([&] { return Clock::now() > until; });
  EXPECT_EQ(Replica("bge").state, State::kReady) << "nothing was begun";
  auto view = protocol::ClaimView::Map(Fd(::dup(endpoint->claims->fd())));
  ASSERT_TRUE(view);
  ASSERT_TRUE((*view)->TryBegin(*claim));
  ASSERT_TRUE(RunUntil([&] { return sink_.downs == 1; }));
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kHung);
  EXPECT_THAT(Replica("bge").last_exit->reason, HasSubstr("no step"));
}

TEST_F(FleetTest, AWorkerAboveItsBudgetAfterWarmUpFailsAloneWithTheNumbers) {
  Add("fat").memory = KiB(64);  // less than any process has
  Add("bge");
  Boot();
  ASSERT_TRUE(RunUntil([&] { return Replica("fat").last_exit.has_value(); }));
  EXPECT_EQ(Replica("fat").last_exit->cause, ExitCause::kOverBudget);
  EXPECT_THAT(Replica("fat").last_exit->reason, HasSubstr("its budget is 64 KiB"));
  ASSERT_TRUE(RunUntilState("bge", State::kReady));
  EXPECT_EQ(Replica("bge").failures_in_window, 0);
}

TEST_F(FleetTest, AFakeCgroupTreeHasAGroupForEachProcessAndTellsWhyItWasKilled) {
  if (!kFencesMemory) GTEST_SKIP() << "there is no third ring in a sanitizer build";
  const FakeCgroupTree tree;
  Cgroups cgroups(tree.Place());
  cgroups_ = &cgroups;
  const config::Model& bge = Add("bge");
  const Bytes limit = CgroupLimit(bge.memory, bge.source);
  Boot();
  ASSERT_TRUE(Settle());
  EXPECT_EQ(tree.Get(FakeCgroupTree::Worker(1) + "/cgroup.procs"), std::to_string(Replica("bge").pid));
  EXPECT_EQ(tree.Get(FakeCgroupTree::Worker(1) + "/memory.max"), std::to_string(limit.count));
  tree.Put(FakeCgroupTree::Worker(1) + "/memory.events", "oom 1\noom_kill 1\n");
  ASSERT_EQ(::kill(Replica("bge").pid, SIGKILL), 0);
  ASSERT_TRUE(RunUntil([&] { return sink_.ups == 2; }));
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kOverBudget);
  EXPECT_THAT(Replica("bge").last_exit->reason, HasSubstr("memory.max"));
  EXPECT_EQ(tree.Get(FakeCgroupTree::Worker(2) + "/cgroup.procs"), std::to_string(Replica("bge").pid));
  EXPECT_FALSE(fs::exists(tree.group() / (FakeCgroupTree::Worker(1))));
  TearDown();
}

TEST_F(FleetTest, ASecondShutdownShortensTheFirst) {
  Add("bge", R"({"ignore_drain": true})").stop_grace = 50s;
  Boot();
  ASSERT_TRUE(Settle());
  bool done = false;
  asio::co_spawn(io_, fleet_->Shutdown(50s), [&](std::exception_ptr) { done = true; });
  ASSERT_TRUE(RunUntilState("bge", State::kDraining));
  Await(fleet_->Shutdown(0s));
  EXPECT_TRUE(RunUntil([&] { return done; }));
  EXPECT_EQ(Replica("bge").last_exit->signal, SIGKILL);
}

TEST_F(FleetTest, AWorkerThatIgnoresTheDrainIsKilledAfterItsGrace) {
  Add("bge", R"({"ignore_drain": true, "ignore_sigterm": true})").stop_grace = 200ms;
  Boot();
  ASSERT_TRUE(Settle());
  ASSERT_TRUE(fleet_->Stop("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_EQ(Replica("bge").state, State::kStopped);
  EXPECT_EQ(Replica("bge").last_exit->cause, ExitCause::kRequested);
  EXPECT_EQ(Replica("bge").last_exit->signal, SIGKILL);
}

TEST_F(FleetTest, RestartEndsOneProcessAndStartsAnother) {
  Add("bge");
  Boot();
  ASSERT_TRUE(Settle());
  const int first = Replica("bge").pid;
  ASSERT_TRUE(fleet_->Restart("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_EQ(Replica("bge").state, State::kReady);
  EXPECT_NE(Replica("bge").pid, first);
  EXPECT_EQ(Replica("bge").failures_in_window, 0);
}

TEST_F(FleetTest, AManualModelStartsOnlyWhenAskedAndStartingTwiceIsOneLoad) {
  Add("bge").start = config::Start::kManual;
  Boot();
  ASSERT_TRUE(Settle());
  EXPECT_EQ(Replica("bge").state, State::kStopped);
  ASSERT_TRUE(fleet_->Start("bge"));
  ASSERT_TRUE(fleet_->Start("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_EQ(sink_.ups, 1);
  EXPECT_EQ(Replica("bge").incarnation, 1u);
  EXPECT_EQ(fleet_->Start("nobody").error().kind, ErrorKind::kNotFound);
}

TEST_F(FleetTest, WithoutMemoryAReplicaWaitsAndSaysHowMuchIsMissing) {
  Add("small");
  Add("big").memory = GiB(4);
  plan_.models[1].start = config::Start::kManual;
  Boot();
  ASSERT_TRUE(Settle());
  ASSERT_TRUE(fleet_->Start("big"));
  ASSERT_TRUE(RunUntil([&] { return Replica("big").state == State::kWaiting && Replica("big").reason.find("needs") != std::string::npos; }));
  EXPECT_THAT(Replica("big").reason, HasSubstr("4 GiB on cpu"));
  ASSERT_TRUE(fleet_->Stop("small"));
  EXPECT_TRUE(RunUntilState("big", State::kReady));
}

TEST_F(FleetTest, AGrandchildInItsOwnSessionDiesWithItsWorker) {
  Add("bge", R"({"fork_grandchild_holding_stdout": true})");
  Boot();
  ASSERT_TRUE(Settle());
  ASSERT_TRUE(fleet_->Stop("bge"));
  ASSERT_TRUE(Settle("bge"));
  EXPECT_TRUE(RunUntil([] {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
  })) << "there is a child left";
}

TEST_F(FleetTest, ShutdownDuringLoadsLeavesNothing) {
  Add("bge", R"({"never_ready": true})").replicas = 2;
  Boot();
  ASSERT_TRUE(RunUntilState("bge", State::kLoading));
  Await(fleet_->Shutdown(10s));
  EXPECT_EQ(Replica("bge").state, State::kStopped);
  EXPECT_EQ(fleet_->Start("bge").error().kind, ErrorKind::kConflict);
}

TEST_F(FleetTest, AMissingWorkerProgramIsAFailureThatNamesIt) {
  Add("bge");
  worker_ = "/no/such/berth-worker";
  Boot();
  ASSERT_TRUE(RunUntilState("bge", State::kQuarantined));
  EXPECT_THAT(Replica("bge").last_exit->reason, HasSubstr("/no/such/berth-worker"));
  EXPECT_EQ(metrics_.Counter("model_loads_total", {{"model", "bge"}, {"result", "failed"}}).Value(), 4);
  const observe::Labels exits = {{"model", "bge"}, {"cause", "load_failed"}};
  EXPECT_EQ(metrics_.Counter("replica_exits_total", exits).Value(), 0) << "no process started, and none ended";
}

// Processes that the kernel does not let go, whatever is done to them.
class ImmortalSpawner : public Spawner {
 public:
  class Immortal : public Child {
   public:
    Immortal() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
    ~Immortal() override {
      for (const int end : ends_) ::close(end);
    }
    pid_t pid() const override { return ::getpid(); }
    int ended_fd() const override { return ends_[0]; }
    void Kill() override {}
    std::optional<WaitStatus> Reap() override { return {}; }

   private:
    int ends_[2];
  };
  Result<std::unique_ptr<Child>> Spawn(const SpawnRequest&) override {
    return std::unique_ptr<Child>(std::make_unique<Immortal>());
  }
  bool SweepOrphans(bool) override { return false; }
};

TEST_F(FleetTest, AStuckLoadKeepsItsMemoryButNotTheDevicesTurnAndDoesNotHoldUpTheEnd) {
  ImmortalSpawner spawner;
  spawner_ = &spawner;
  Add("bge");
  Add("chat");
  Boot();
  ASSERT_TRUE(RunUntilState("bge", State::kStarting));
  ASSERT_TRUE(RunUntilState("chat", State::kWaiting));
  ASSERT_TRUE(fleet_->Stop("bge"));
  ASSERT_TRUE(RunUntilState("bge", State::kStuck));
  EXPECT_TRUE(RunUntilState("chat", State::kStarting)) << "a process that is stuck loads nothing";
  EXPECT_EQ(fleet_->ledger().Reserved("cpu"), MiB(1024)) << "it is not proven gone";
  Await(fleet_->Shutdown(1s));
  EXPECT_EQ(Replica("chat").state, State::kStuck);
  fleet_.reset();
}

TEST_F(FleetTest, FiftyCyclesLeakNoDescriptor) {
  Add("bge", R"({"load_ms": 1, "load_steps": 1})");
  Make();
  const auto count = [] {
    int n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++n;
    return n;
  };
  int before = 0;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(fleet_->Start("bge"));
    ASSERT_TRUE(Settle("bge"));
    ASSERT_EQ(Replica("bge").state, State::kReady) << Replica("bge").reason;
    ASSERT_TRUE(fleet_->Stop("bge"));
    ASSERT_TRUE(Settle("bge"));
    if (i == 5) before = count();
  }
  EXPECT_TRUE(RunUntil([&] { return count() <= before; })) << count() << " descriptors, " << before << " before";
}

}  // namespace
}  // namespace berth::launch
