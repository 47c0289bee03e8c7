#include "supervisor/placement/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/unit/placement/plan_builder.h"

namespace berth::placement {
namespace {

using config::Kind;
using testing::Numbered;
using testing::PlanBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// "bge/0 cpu wave 0" for each assignment, in order.
std::vector<std::string> Lines(const config::Plan& plan) {
  const auto placed = Place(plan);
  const Placement* placement = std::get_if<Placement>(&placed);
  if (placement == nullptr) return {"refused: " + std::get<std::vector<Refusal>>(placed).front().message};
  std::vector<std::string> lines;
  for (const Assignment& a : placement->assignments) {
    lines.push_back(a.model + "/" + std::to_string(a.replica) + " " + JoinDevices(a) + " wave " + std::to_string(a.wave));
  }
  return lines;
}

std::vector<std::string> Refusals(const config::Plan& plan) {
  const auto placed = Place(plan);
  std::vector<std::string> messages;
  if (const auto* refusals = std::get_if<std::vector<Refusal>>(&placed)) {
    for (const Refusal& refusal : *refusals) messages.push_back(refusal.message);
  }
  return messages;
}

TEST(Place, AssignmentCarriesMemoryAndThreadsOfTheModel) {
  const auto placed = Place(PlanBuilder().Device("cpu", GiB(4)).Model("bge", GiB(1)).Threads(3));
  const Assignment& only = std::get<Placement>(placed).assignments.at(0);
  EXPECT_EQ(only.memory, GiB(1));
  EXPECT_EQ(only.threads, 3);
}

TEST(Place, ReplicasFillADeviceToTheLastByte) {
  EXPECT_THAT(Lines(PlanBuilder().Device("cpu", GiB(3)).Model("a", GiB(1), 2).Model("b", GiB(1))),
              ElementsAre("a/0 cpu wave 0", "a/1 cpu wave 0", "b/0 cpu wave 0"));
}

TEST(Place, OneByteTooMuchIsRefused) {
  const auto messages = Refusals(PlanBuilder().Device("cpu", GiB(2) - Bytes{1}).Model("a", GiB(1), 2));
  EXPECT_EQ(messages.size(), 1U);
}

TEST(Place, ReplicasSpreadOverTheFreestDevices) {
  EXPECT_THAT(Lines(PlanBuilder().Device("d0", GiB(4)).Device("d1", GiB(8)).Model("a", GiB(3), 3)),
              ElementsAre("a/0 d1 wave 0", "a/1 d1 wave 0", "a/2 d0 wave 0"));
}

TEST(Place, TieGoesToTheDeviceThatTheModelListsFirst) {
  EXPECT_THAT(Lines(PlanBuilder().Device("d0", GiB(4)).Device("d1", GiB(4)).Model("a", GiB(1)).On({"d1", "d0"})),
              ElementsAre("a/0 d1 wave 0"));
}

TEST(Place, ModelStaysOnItsDevices) {
  EXPECT_THAT(Lines(PlanBuilder().Device("d0", GiB(2)).Device("d1", GiB(8)).Model("a", GiB(1), 2).On({"d0"})),
              ElementsAre("a/0 d0 wave 0", "a/1 d0 wave 0"));
}

TEST(Place, ModelThatFitsNowhereNamesEveryDeviceAndTheRemedies) {
  const auto messages = Refusals(PlanBuilder()
                                     .Device("d0", GiB(4))
                                     .Device("d1", GiB(6))
                                     .Model("chat", GiB(3))
                                     .Model("bge", GiB(1), 2)
                                     .Model("big", GiB(6)));
  // chat to d1 (3 free), bge/0 to d0 (3 free), bge/1 to d0 (2 free).
  EXPECT_THAT(messages, ElementsAre("model \"big\": replica 0 fits nowhere: it needs 6 GiB; "
                                    "d0 has 2 GiB of 4 GiB free (bge 2 x 1 GiB), 4 GiB missing; "
                                    "d1 has 3 GiB of 6 GiB free (chat 3 GiB), 3 GiB missing; "
                                    "lower its memory to the 3 GiB free on d1, or give it start: manual"));
}

TEST(Place, ModelThatFitsOnlyElsewhereIsToldWhere) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("d0", GiB(1)).Device("d1", GiB(9)).Model("a", GiB(2)).On({"d0"})),
              ElementsAre("model \"a\": replica 0 fits nowhere: it needs 2 GiB; d0 has 1 GiB of 1 GiB free, 1 GiB "
                          "missing; add d1 (9 GiB free) to its devices, or lower its memory to the 1 GiB free on d0, "
                          "or give it start: manual"));
}

TEST(Place, LaterReplicaIsToldHowManyFit) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("cpu", GiB(4)).Model("a", GiB(2), 4)),
              ElementsAre("model \"a\": replica 2 fits nowhere: it needs 2 GiB; cpu has 0 B of 4 GiB free "
                          "(a 2 x 2 GiB), 2 GiB missing; lower its replicas to 2, or give it start: manual"));
}

TEST(Place, EveryModelThatDoesNotFitIsRefusedAtOnce) {
  const auto placed =
      Place(PlanBuilder().Device("cpu", GiB(4)).Model("a", GiB(5)).Model("b", GiB(1)).Model("c", GiB(6), 2));
  const auto* refusals = std::get_if<std::vector<Refusal>>(&placed);
  ASSERT_NE(refusals, nullptr);
  ASSERT_EQ(refusals->size(), 2U);
  EXPECT_EQ(refusals->at(0).model, "a");
  EXPECT_EQ(refusals->at(1).model, "c");
}

TEST(Place, ManualModelGetsTheFreestDeviceButTakesNoRoom) {
  EXPECT_THAT(Lines(PlanBuilder()
                        .Device("d0", GiB(4))
                        .Device("d1", GiB(4))
                        .Model("by-hand", GiB(3), 2)
                        .Manual()
                        .Model("a", GiB(3))
                        .Model("b", GiB(4))),
              ElementsAre("a/0 d0 wave 0", "b/0 d1 wave 0", "by-hand/0 d0 wave 0", "by-hand/1 d0 wave 0"));
}

TEST(Place, ReplicasOfAManualModelDoNotCrowdEachOther) {
  EXPECT_THAT(Lines(PlanBuilder().Device("d0", GiB(4)).Device("d1", GiB(5)).Model("by-hand", GiB(2), 2).Manual()),
              ElementsAre("by-hand/0 d1 wave 0", "by-hand/1 d1 wave 0"));
}

// ---- replicas on several devices

TEST(Place, AReplicaOnSeveralDevicesTakesItsMemoryOnEach) {
  const config::Plan plan = PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(80)).Device("gpu2", GiB(40))
                                .Model("chat", GiB(60)).DevicesPerReplica(2).Model("bge", GiB(30));
  EXPECT_THAT(Lines(plan), ElementsAre("chat/0 gpu0, gpu1 wave 0", "bge/0 gpu2 wave 0"));
  EXPECT_THAT(Format(plan, std::get<Placement>(Place(plan))), HasSubstr("gpu1      60 GiB  80 GiB  20 GiB"));
}

TEST(Place, SeveralDevicesOfAReplicaAreDistinctEvenWhereOneHasRoomForAll) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(5)).Model("chat", GiB(10)).DevicesPerReplica(2)),
              ElementsAre("model \"chat\": replica 0 fits nowhere: it needs 10 GiB on each of 2 devices; gpu0 would take it; "
                          "gpu1 has 5 GiB of 5 GiB free, 5 GiB missing; lower its memory to the 5 GiB free on gpu1, "
                          "or give it start: manual"));
}

TEST(Place, ReplicasOnSeveralDevicesAreSearchedForToo) {
  // In load order a/0 takes gpu0 and gpu1, which b needs.
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(80)).Device("gpu2", GiB(60)).Device("gpu3", GiB(60))
                        .Model("a", GiB(50)).DevicesPerReplica(2).Model("b", GiB(70)).DevicesPerReplica(2)),
              ElementsAre("a/0 gpu2, gpu3 wave 0", "b/0 gpu0, gpu1 wave 0"));
}

TEST(Place, WhatIsTogetherOnSeveralDevicesHasTheSameOnes) {
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(10)).Device("gpu1", GiB(20)).Device("gpu2", GiB(20))
                        .Model("a", GiB(8)).DevicesPerReplica(2).Model("b", GiB(8)).DevicesPerReplica(2).Together({"a", "b"})),
              ElementsAre("a/0 gpu1, gpu2 wave 0", "b/0 gpu1, gpu2 wave 0"));
}

TEST(Place, ByHandAReplicaOnSeveralDevicesGetsDistinctOnes) {
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(20)).Model("a", GiB(10)).DevicesPerReplica(2).Manual()),
              ElementsAre("a/0 gpu0, gpu1 wave 0"));
}

// ---- what is started by hand and could never run

TEST(Place, AModelByHandThatIsLargerThanEachOfItsDevicesIsRefused) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("gpu0", GiB(40)).Device("gpu1", GiB(80)).Model("big", GiB(81)).Manual()),
              ElementsAre("model \"big\": it can never be started: each replica needs 81 GiB; gpu0 has 40 GiB in all; "
                          "gpu1 has 80 GiB in all; lower its memory, or add other devices to its `devices`"));
  EXPECT_THAT(Refusals(PlanBuilder().Device("gpu0", GiB(40)).Device("gpu1", GiB(80)).Model("big", GiB(80)).Manual()), IsEmpty());
  EXPECT_THAT(Refusals(PlanBuilder().Device("gpu0", GiB(40)).Device("gpu1", GiB(80)).Model("big", GiB(50)).DevicesPerReplica(2).Manual()),
              ElementsAre(HasSubstr("needs 50 GiB on each of 2 devices")));
}

TEST(Place, AModelByHandOnAGpuWhoseSizeIsNotKnownHereIsLeftToTheDaemon) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("gpu0", Bytes{}).Model("big", GiB(81)).Manual()), IsEmpty());
}

// ---- weights that several replicas map

TEST(Place, MappedWeightsAreChargedOnceForAllThatMapThem) {
  const config::Plan plan = PlanBuilder().Device("cpu", GiB(9)).Model("a", GiB(1), 2).Maps("file", GiB(3)).Model("b", GiB(1)).Maps("file", GiB(3))
                                .Model("c", GiB(1)).Maps("other", GiB(2));
  EXPECT_EQ(Lines(plan).size(), 4U);
  EXPECT_EQ(Format(plan, std::get<Placement>(Place(plan))),
            "WAVE  REPLICA        DEVICE  MEMORY  THREADS  START\n"
            "   0  a/0            cpu      1 GiB        1  boot\n"
            "   0  a/1            cpu      1 GiB        1  boot\n"
            "   0  b/0            cpu      1 GiB        1  boot\n"
            "   0  c/0            cpu      1 GiB        1  boot\n"
            "      a, b: weights  cpu      3 GiB           shared\n"
            "      c: weights     cpu      2 GiB           shared\n"
            "\n"
            "DEVICE  RESERVED     OF  FREE  THREADS\n"
            "cpu        9 GiB  9 GiB   0 B  4 of 4\n");
}

TEST(Place, WeightsThatAreMissingAreNamedInTheRefusal) {
  EXPECT_THAT(Refusals(PlanBuilder().Device("cpu", GiB(8)).Model("a", GiB(2)).Maps("file", GiB(3)).Model("b", GiB(2)).Maps("other", GiB(2))),
              ElementsAre("model \"b\": replica 0 fits nowhere: it needs 2 GiB; cpu has 3 GiB of 8 GiB free (a 2 GiB, weights of a 3 GiB), "
                          "1 GiB missing (its weights would take 2 GiB); lower its memory to the 1 GiB free on cpu, or give it start: manual"));
}

TEST(Place, OnAGpuNothingIsShared) {
  EXPECT_EQ(Lines(PlanBuilder().Device("gpu0", GiB(2)).Model("a", GiB(1), 2).Maps("file", GiB(3))).size(), 2U);
}

TEST(Waves, KindsLoadInTheOrderOfTheRules) {
  EXPECT_THAT(Lines(PlanBuilder()
                        .Device("cpu", GiB(9))
                        .Order({Kind::kSpeech, Kind::kEmbedding})
                        .Model("chat", GiB(1))
                        .Kind(Kind::kLlm)
                        .Model("bge", GiB(1))
                        .Kind(Kind::kEmbedding)
                        .Model("ears", GiB(1))
                        .Kind(Kind::kSpeech)),
              ElementsAre("ears/0 cpu wave 0", "bge/0 cpu wave 1", "chat/0 cpu wave 2"));
}

TEST(Waves, KindsThatAreNotListedComeLastTogether) {
  EXPECT_THAT(Lines(PlanBuilder()
                        .Device("cpu", GiB(9))
                        .Order({Kind::kSpeech})
                        .Model("chat", GiB(1))
                        .Kind(Kind::kLlm)
                        .Model("bge", GiB(1))
                        .Kind(Kind::kEmbedding)
                        .Model("ears", GiB(1))
                        .Kind(Kind::kSpeech)),
              ElementsAre("ears/0 cpu wave 0", "chat/0 cpu wave 1", "bge/0 cpu wave 1"));
}

TEST(Waves, DependencyLoadsOneWaveEarlier) {
  EXPECT_THAT(Lines(PlanBuilder()
                        .Device("cpu", GiB(9))
                        .Model("last", GiB(1))
                        .After({"left", "right"})
                        .Model("left", GiB(1))
                        .After({"first"})
                        .Model("right", GiB(1))
                        .Model("first", GiB(1))),
              ElementsAre("right/0 cpu wave 0", "first/0 cpu wave 0", "left/0 cpu wave 1", "last/0 cpu wave 2"));
}

TEST(Waves, DependencyBeatsTheOrderOfKinds) {
  EXPECT_THAT(Lines(PlanBuilder()
                        .Device("cpu", GiB(9))
                        .Order({Kind::kEmbedding, Kind::kLlm})
                        .Model("bge", GiB(1))
                        .After({"chat"})
                        .Model("mini", GiB(1))
                        .Model("chat", GiB(1))
                        .Kind(Kind::kLlm)),
              ElementsAre("mini/0 cpu wave 0", "chat/0 cpu wave 1", "bge/0 cpu wave 2"));
}

TEST(Waves, LongChainWithinAKindStaysBeforeTheNextKind) {
  PlanBuilder builder;
  builder.Device("cpu", GiB(99)).Order({Kind::kEmbedding, Kind::kLlm}).Model("chat", GiB(1)).Kind(Kind::kLlm);
  for (int i = 0; i < 20; ++i) {
    builder.Model(Numbered("m", i), GiB(1));
    if (i < 19) builder.After({Numbered("m", i + 1)});
  }
  const auto lines = Lines(builder);
  EXPECT_EQ(lines.front(), "m19/0 cpu wave 0");
  EXPECT_EQ(lines[19], "m0/0 cpu wave 19");
  EXPECT_EQ(lines.back(), "chat/0 cpu wave 20");
}

config::Plan RandomPlan(unsigned seed) {
  std::mt19937 random(seed);
  const auto upto = [&](unsigned n) { return static_cast<int>(random() % n); };
  PlanBuilder builder;
  const int devices = 1 + upto(3);
  for (int d = 0; d < devices; ++d) builder.Device(Numbered("d", d), GiB(1 + random() % 16));
  builder.Order({Kind::kSpeech, Kind::kEmbedding});
  const int models = 1 + upto(8);
  for (int m = 0; m < models; ++m) {
    builder.Model(Numbered("m", m), MiB(256 * (1 + random() % 12)), 1 + upto(3));
    builder.Kind(static_cast<Kind>(upto(3)));
    if (m > 0 && upto(3) == 0) builder.After({Numbered("m", upto(static_cast<unsigned>(m)))});
    if (upto(4) == 0) builder.Manual();
  }
  return builder;
}

TEST(Place, RandomPlansNeverOverfillADeviceAndNeverLoadBeforeADependency) {
  int placed_plans = 0;
  int refused_plans = 0;
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    const config::Plan plan = RandomPlan(seed);
    const auto placed = Place(plan);
    const Placement* placement = std::get_if<Placement>(&placed);
    if (placement == nullptr) {
      ++refused_plans;
      continue;
    }
    ++placed_plans;
    std::map<std::string, Bytes> used;
    std::map<std::string, int> waves;
    std::size_t replicas = 0;
    for (const Assignment& a : placement->assignments) {
      waves[a.model] = a.wave;
      if (config::FindModel(plan, a.model)->start == config::Start::kBoot) used[a.devices.at(0)] += a.memory;
    }
    for (const config::Device& device : plan.devices) ASSERT_LE(used[device.name], device.memory);
    for (const config::Model& model : plan.models) {
      replicas += static_cast<std::size_t>(model.replicas);
      for (const std::string& before : model.after) ASSERT_LT(waves.at(before), waves.at(model.name));
    }
    ASSERT_EQ(placement->assignments.size(), replicas);
    ASSERT_TRUE(std::ranges::is_sorted(placement->assignments, {}, &Assignment::wave));
  }
  EXPECT_GT(placed_plans, 200);
  EXPECT_GT(refused_plans, 200);
}

TEST(Format, TablesAreAligned) {
  const config::Plan plan = PlanBuilder()
                                .Device("cpu", GiB(12), 2)
                                .Model("bge", MiB(512), 2)
                                .Model("a-longer-name", GiB(3))
                                .After({"bge"})
                                .Model("by-hand", GiB(10))
                                .Manual();
  EXPECT_EQ(Format(plan, std::get<Placement>(Place(plan))),
            "WAVE  REPLICA          DEVICE   MEMORY  THREADS  START\n"
            "   0  bge/0            cpu     512 MiB        1  boot\n"
            "   0  bge/1            cpu     512 MiB        1  boot\n"
            "   0  by-hand/0        cpu      10 GiB        1  manual\n"
            "   1  a-longer-name/0  cpu       3 GiB        1  boot\n"
            "\n"
            "DEVICE  RESERVED      OF   FREE  THREADS\n"
            "cpu        4 GiB  12 GiB  8 GiB  3 of 2 (shared: slower when all are busy)\n");
}

}  // namespace
}  // namespace berth::placement
