#include "worker/serve/control_link.h"

#include <gtest/gtest.h>

#include <future>
#include <variant>
#include <vector>

#include "worker/protocol/control_channel.h"
#include "worker/serve/contract.h"
#include "worker/serve/memory_report.h"

namespace berth::serve {
namespace {

using protocol::FromWorker;
using std::chrono::milliseconds;

class ControlLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = std::move(*protocol::MakeControlPair());
    supervisor = std::move(pair.first);
    link = std::make_unique<ControlLink>(std::move(pair.second));
  }

  std::optional<FromWorker> Receive() {
    const auto packet = protocol::ReceivePacket(supervisor.get());
    if (!packet || !*packet) return std::nullopt;
    auto message = protocol::DecodeFromWorker(**packet);
    return message ? std::optional(*message) : std::nullopt;
  }

  void Tell(const protocol::ToWorker& message) {
    ASSERT_TRUE(*protocol::SendPacket(supervisor.get(), protocol::Encode(message)));
  }

  Fd supervisor;
  std::unique_ptr<ControlLink> link;
};

TEST_F(ControlLinkTest, MessagesArrive) {
  ASSERT_TRUE(link->Send(protocol::HelloMessage{1, "b"}));
  const auto message = Receive();
  ASSERT_TRUE(message && std::holds_alternative<protocol::HelloMessage>(*message));
}

TEST_F(ControlLinkTest, ASupervisorThatIsGoneIsAnError) {
  supervisor.Reset();
  EXPECT_FALSE(link->Send(protocol::HelloMessage{1, "b"}));
}

TEST_F(ControlLinkTest, TheFirstMessageMustBeAStart) {
  EXPECT_EQ(link->ReceiveStart(milliseconds(1)).error().kind, ErrorKind::kTimeout);
  Tell(protocol::DrainMessage{1});
  EXPECT_FALSE(link->ReceiveStart(milliseconds(1000)));
  protocol::StartMessage start;
  start.name = "m";
  start.kind = "embedding";
  start.source = "/m";
  start.devices = {"cpu"};
  start.budget_bytes = 1;
  start.batch_max_tokens = 16;
  start.max_body_bytes = 1024;
  Tell(start);
  const auto received = link->ReceiveStart(milliseconds(1000));
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(received->name, "m");
}

TEST_F(ControlLinkTest, DrainsAndTheEndAreHeard) {
  std::promise<std::int64_t> drained;
  std::promise<void> gone;
  link->Listen([&](protocol::DrainMessage drain) { drained.set_value(drain.deadline_ms); },
               [&] { gone.set_value(); });
  Tell(protocol::DrainMessage{123});
  EXPECT_EQ(drained.get_future().get(), 123);
  supervisor.Reset();
  gone.get_future().get();
}

TEST_F(ControlLinkTest, BeatsCarryIncrementsOnce) {
  engine::Metrics metrics;
  metrics.Add(engine::Counter::kBatches, 3);
  metrics.Observe(engine::Histogram::kBatchSize, 2);
  link->Beat(milliseconds(1), {[] { return std::uint64_t{7}; }, [] { return std::uint64_t{5}; },
              [] { return protocol::MemoryReport{.vm_data = 9}; }}, metrics);
  const auto first = Receive();
  ASSERT_TRUE(first && std::holds_alternative<protocol::BeatMessage>(*first));
  const auto& beat = std::get<protocol::BeatMessage>(*first);
  EXPECT_EQ(beat.steps, 7u);
  EXPECT_EQ(beat.begun, 5u);
  EXPECT_EQ(beat.counters.at("batches_total"), 3);
  EXPECT_EQ(beat.histograms.at("batch_size").counts[1], 1u);
  EXPECT_EQ(beat.memory.vm_data, 9u);
  const auto second = Receive();
  ASSERT_TRUE(second);
  EXPECT_TRUE(std::get<protocol::BeatMessage>(*second).counters.empty());
}

TEST_F(ControlLinkTest, WhatAFullSocketKeepsBackComesWithALaterBeat) {
  // Fill the socket; then let beats fail; then read everything.
  const std::string filler(30'000, 'x');
  engine::Metrics metrics;
  metrics.Add(engine::Counter::kBatches, 3);
  auto pair = std::move(*protocol::MakeControlPair());
  while (*protocol::SendPacket(pair.second.get(), filler)) {
  }
  std::promise<void> tried;
  int beats = 0;
  ControlLink full(std::move(pair.second));
  full.Beat(milliseconds(1),
            {[&] {
               if (++beats == 3) tried.set_value();  // two beats could not be sent
               return std::uint64_t{0};
             },
             [] { return std::uint64_t{0}; }, [] { return protocol::MemoryReport(); }},
            metrics);
  tried.get_future().get();
  double batches = 0;
  while (batches < 3) {
    const auto packet = protocol::ReceivePacket(pair.first.get());
    ASSERT_TRUE(packet && *packet);
    if (**packet == filler) continue;
    const auto message = protocol::DecodeFromWorker(**packet);
    ASSERT_TRUE(message);
    const auto* beat = std::get_if<protocol::BeatMessage>(&*message);
    if (beat != nullptr && beat->counters.contains("batches_total"))
      batches += beat->counters.at("batches_total");
  }
  EXPECT_EQ(batches, 3);
}

TEST(MemoryWatch, ReportsThisProcess) {
  engine::Budget budget;
  ASSERT_TRUE(budget.Take(7));
  budget.Give(7);
  const auto memory = MemoryWatch(budget).Read();
  EXPECT_EQ(memory.counted_peak, 7u);
  EXPECT_GT(memory.rss_anon, 100'000u);
  EXPECT_GT(memory.vm_data, memory.rss_anon / 2);
  EXPECT_GE(memory.peak_rss, memory.rss_anon);
  EXPECT_GE(memory.private_peak, memory.rss_anon);
  EXPECT_LE(memory.private_peak, memory.peak_rss);
}

TEST(MemoryWatch, RemembersItsPeakAndTellsWhatAreWeights) {
  const engine::Budget budget;
  MemoryWatch watch(budget);
  watch.SetWeights(MiB(5), MiB(6));
  {
    const std::vector<char> much(64 << 20, 'x');
    EXPECT_GT(watch.Read().rss_anon, much.size());
  }
  const auto after = watch.Read();
  EXPECT_GT(after.private_peak, after.rss_anon + (48u << 20));
  EXPECT_EQ(after.weights_mapped, MiB(5).count);
  EXPECT_EQ(after.weights, MiB(6).count);
}

TEST(Contract, AProcessStartedByHandIsToldHowWorkersStart) {
  const Status checked = CheckDescriptors();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("berthd PLAN.yaml"), std::string::npos);
}

}  // namespace
}  // namespace berth::serve
