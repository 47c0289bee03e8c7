// The plan's rules, in the placement and in the ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <map>
#include <random>
#include <set>

#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"
#include "tests/unit/placement/plan_builder.h"

namespace berth::placement {
namespace {

using config::Kind;
using testing::Numbered;
using testing::PlanBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// "bge/0 gpu0" for each assignment, in order; or the first refusal.
std::vector<std::string> Lines(const config::Plan& plan) {
  const auto placed = Place(plan);
  const Placement* placement = std::get_if<Placement>(&placed);
  if (placement == nullptr) return {"refused: " + std::get<std::vector<Refusal>>(placed).front().message};
  std::vector<std::string> lines;
  for (const Assignment& a : placement->assignments) {
    lines.push_back(a.model + "/" + std::to_string(a.replica) + " " + JoinDevices(a));
  }
  return lines;
}

PlanBuilder TwoGpus() { return PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(80)); }

TEST(Rules, ExclusiveReplicaIsAloneOnItsDevice) {
  EXPECT_THAT(Lines(TwoGpus().Model("chat", GiB(8)).Exclusive().Model("bge", GiB(1), 2)),
              ElementsAre("chat/0 gpu0", "bge/0 gpu1", "bge/1 gpu1"));
}

TEST(Rules, ExclusiveReplicasTakeADeviceEach) {
  EXPECT_THAT(Lines(TwoGpus().Model("chat", GiB(8), 2).Exclusive()), ElementsAre("chat/0 gpu0", "chat/1 gpu1"));
}

TEST(Rules, RefusalNamesTheExclusiveTenant) {
  EXPECT_THAT(Lines(TwoGpus().Model("chat", GiB(8), 2).Exclusive().Model("bge", GiB(1))),
              ElementsAre("refused: model \"bge\": replica 0 fits nowhere: it needs 1 GiB; gpu0 is closed to it: chat/0 is there, which "
                          "is exclusive; gpu1 is closed to it: chat/1 is there, which is exclusive; loosen the rule, or give it "
                          "start: manual"));
}

TEST(Rules, NoMoreOfAKindThanTheRuleAllows) {
  const auto plan = [] { return TwoGpus().MostPerDevice(Kind::kLlm, 1).Model("chat", GiB(8), 2).Kind(Kind::kLlm); };
  EXPECT_THAT(Lines(plan()), ElementsAre("chat/0 gpu0", "chat/1 gpu1"));
  EXPECT_THAT(Lines(plan().Model("coder", GiB(8)).Kind(Kind::kLlm)).front(),
              HasSubstr("gpu0 is closed to it: rules.max_per_device.llm is 1, and chat/0 is there"));
  EXPECT_THAT(Lines(plan().Model("bge", GiB(8)).Kind(Kind::kEmbedding)).front(), HasSubstr("chat/0 gpu0"));
}

TEST(Rules, ThoseThatAreApartNeverShareADevice) {
  EXPECT_THAT(Lines(TwoGpus().Apart({"chat", "ears"}).Model("chat", GiB(60)).Model("ears", GiB(1)).Model("bge", GiB(1))),
              ElementsAre("chat/0 gpu0", "ears/0 gpu1", "bge/0 gpu1"));
  EXPECT_THAT(Lines(TwoGpus().Apart({"chat", "ears"}).Model("chat", GiB(1), 2).Model("ears", GiB(1)).On({"gpu0"})),
              ElementsAre("chat/0 gpu1", "chat/1 gpu1", "ears/0 gpu0"));
}

TEST(Rules, ThoseThatAreTogetherShareADeviceReplicaByReplica) {
  EXPECT_THAT(Lines(TwoGpus().Together({"bge", "reranker"}).Model("bge", GiB(1), 3).Model("reranker", GiB(2), 2)),
              ElementsAre("bge/0 gpu0", "reranker/0 gpu0", "bge/1 gpu1", "reranker/1 gpu1", "bge/2 gpu0"));
}

TEST(Rules, TogetherNeedsRoomForAll) {
  const auto plan = PlanBuilder().Device("a", GiB(4)).Device("b", GiB(4)).Together({"x", "y"}).Model("x", GiB(3)).Model("y", GiB(2));
  EXPECT_THAT(Lines(plan), ElementsAre(HasSubstr("model \"x\": replica 0 fits nowhere: it needs 5 GiB together with y; a, b: "
                                                 "each has 4 GiB of 4 GiB free, 1 GiB missing")));
}

TEST(Rules, ListsOfTogetherThatShareAModelAreOne) {
  EXPECT_THAT(Lines(TwoGpus().Together({"a", "b"}).Together({"b", "c"}).Model("a", GiB(1)).Model("x", GiB(2)).Model("b", GiB(1)).Model("c", GiB(1))),
              ElementsAre("a/0 gpu0", "b/0 gpu0", "c/0 gpu0", "x/0 gpu1"));
}

TEST(Rules, ReserveIsKeptFree) {
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(80)).Reserve(GiB(1)).Model("chat", GiB(80))),
              ElementsAre(HasSubstr("gpu0 has 79 GiB of 79 GiB free, 1 GiB missing")));
}

TEST(Rules, PackFillsADeviceBeforeTheNext) {
  EXPECT_THAT(Lines(TwoGpus().Model("a", GiB(10)).Model("b", GiB(10), 2).Pack()), ElementsAre("a/0 gpu0", "b/0 gpu0", "b/1 gpu0"));
}

TEST(Rules, HigherPriorityIsPlacedAndLoadsFirst) {
  EXPECT_THAT(Lines(PlanBuilder().Device("small", GiB(9)).Device("large", GiB(10)).Model("a", GiB(8)).Model("b", GiB(8)).Priority(5)),
              ElementsAre("b/0 large", "a/0 small"));
}

TEST(Search, FindsThePlacementThatLoadOrderMisses) {
  EXPECT_THAT(Lines(PlanBuilder().Device("d0", GiB(4)).Device("d1", GiB(6)).Model("bge", GiB(1), 2).Model("chat", GiB(3)).Model("big", GiB(5))),
              ElementsAre("bge/0 d0", "bge/1 d1", "chat/0 d0", "big/0 d1"));
}

TEST(Search, ManualModelPrefersADeviceThatRulesLeaveToIt) {
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(80)).Device("gpu1", GiB(40)).Model("chat", GiB(8)).On({"gpu0"}).Exclusive().Model("bge", GiB(1)).Manual()),
              ElementsAre("chat/0 gpu0", "bge/0 gpu1"));
}

TEST(Search, ReplicasThatAreStartedByHandGoWhereTheyCanAllRun) {
  EXPECT_THAT(Lines(TwoGpus().Model("chat", GiB(60), 2).Manual()), ElementsAre("chat/0 gpu0", "chat/1 gpu1"));
  EXPECT_THAT(Lines(TwoGpus().Model("chat", GiB(1), 2).Exclusive().Manual()), ElementsAre("chat/0 gpu0", "chat/1 gpu1"));
}

TEST(Ledger, RulesHoldForWhatIsStartedByHandToo) {
  const config::Plan plan = TwoGpus().Model("chat", GiB(8)).Exclusive().Model("bge", GiB(1));
  Ledger ledger(plan);
  ASSERT_TRUE(ledger.Reserve({"gpu0"}, "bge", 0, GiB(1)));
  const Status refused = ledger.Reserve({"gpu0"}, "chat", 0, GiB(8));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(refused.error().message, "model \"chat\": replica 0 may not join those on gpu0: chat is exclusive, and bge/0 is "
                                     "there; stop who is in the way, or change the rule");
  ledger.Release("bge", 0);
  EXPECT_TRUE(ledger.Reserve({"gpu0"}, "chat", 0, GiB(8)));
  EXPECT_FALSE(ledger.Reserve({"gpu0"}, "bge", 0, GiB(1)));
}

// ---- against a search that knows no shortcuts

config::Plan RandomPlan(std::mt19937& random) {
  const auto upto = [&](unsigned n) { return static_cast<int>(random() % n); };
  PlanBuilder builder;
  const int devices = 1 + upto(3);
  for (int d = 0; d < devices; ++d) builder.Device(Numbered("d", d), GiB(2 + random() % 6));
  const int models = 1 + upto(4);
  for (int m = 0; m < models; ++m) {
    builder.Model(Numbered("m", m), GiB(1 + random() % 3), 1 + upto(2)).Kind(static_cast<Kind>(upto(3)));
    if (upto(5) == 0) builder.Exclusive();
    if (upto(3) == 0) builder.Pack();
    if (upto(4) == 0) {
      builder.On({Numbered("d", upto(static_cast<unsigned>(devices)))});
    } else if (devices > 1 && upto(3) == 0) {
      builder.DevicesPerReplica(2);
    }
  }
  if (upto(3) == 0) builder.MostPerDevice(static_cast<Kind>(upto(3)), 1 + upto(2));
  if (models > 1 && upto(2) == 0) builder.Apart({"m0", "m1"});
  config::Plan plan = builder;
  if (models > 2 && plan.models[1].devices_per_replica == plan.models[2].devices_per_replica && upto(2) == 0) {
    plan.rules.together.push_back({"m1", "m2"});
  }
  return plan;
}

// Whether those on one device may share it, and have room, written as the rules are spoken.
bool LawfulOn(const config::Device& device, const config::Plan& plan, const std::vector<Assignment>& all) {
  Bytes used;
  std::map<Kind, int> kinds;
  std::set<std::string> models;
  int count = 0;
  bool exclusive = false;
  for (const Assignment& a : all) {
    if (!IsOn(a, device.name)) continue;
    const config::Model& model = *config::FindModel(plan, a.model);
    if (std::ranges::find(model.devices, device.name) == model.devices.end()) return false;
    used += a.memory;
    ++kinds[model.kind];
    models.insert(a.model);
    ++count;
    exclusive |= model.sharing == config::Sharing::kExclusive;
  }
  for (const auto& list : plan.rules.apart) {
    if (std::ranges::count_if(list, [&](const std::string& model) { return models.contains(model); }) > 1) return false;
  }
  for (const auto& [kind, most] : plan.rules.max_per_device) {
    if (kinds[kind] > most) return false;
  }
  return used <= device.capacity() && (count <= 1 || !exclusive);
}

bool Lawful(const config::Plan& plan, const std::vector<Assignment>& all) {
  const auto devices = [](const Assignment& a) { return std::set<std::string>(a.devices.begin(), a.devices.end()); };
  for (const Assignment& a : all) {
    if (std::ssize(devices(a)) != config::FindModel(plan, a.model)->devices_per_replica) return false;
    for (const Assignment& b : all) {
      for (const auto& list : plan.rules.together) {
        const bool both = std::ranges::count(list, a.model) + std::ranges::count(list, b.model) == 2;
        if (both && a.replica == b.replica && devices(a) != devices(b)) return false;
      }
    }
  }
  return std::ranges::all_of(plan.devices, [&](const config::Device& d) { return LawfulOn(d, plan, all); });
}

// All sets of `count` devices.
std::vector<std::vector<std::string>> Sets(const config::Plan& plan, int count) {
  std::vector<std::vector<std::string>> sets;
  for (unsigned bits = 0; bits < 1U << plan.devices.size(); ++bits) {
    if (std::popcount(bits) != count) continue;
    sets.emplace_back();
    for (std::size_t d = 0; d < plan.devices.size(); ++d) {
      if ((bits >> d & 1) != 0) sets.back().push_back(plan.devices[d].name);
    }
  }
  return sets;
}

// Every way to place every replica.
bool SomePlacementExists(const config::Plan& plan) {
  std::vector<Assignment> all;
  std::vector<std::vector<std::vector<std::string>>> choices;
  for (const config::Model& model : plan.models) {
    for (int r = 0; r < model.replicas; ++r) {
      all.push_back({model.name, r, {}, model.memory, 1, 0});
      choices.push_back(Sets(plan, model.devices_per_replica));
    }
  }
  std::vector<std::size_t> at(all.size());
  for (;;) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].devices = choices[i][at[i]];
    if (Lawful(plan, all)) return true;
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == choices[i].size()) at[i++] = 0;
    if (i == at.size()) return false;
  }
}

TEST(Place, AgreesWithTryingEveryPlacement) {
  std::mt19937 random(7);
  int placed_plans = 0, refused_plans = 0;
  for (int i = 0; i < 1500; ++i) {
    const config::Plan plan = RandomPlan(random);
    const auto placed = Place(plan);
    if (const auto* placement = std::get_if<Placement>(&placed)) {
      ++placed_plans;
      ASSERT_TRUE(Lawful(plan, placement->assignments)) << "plan " << i;
    } else {
      ++refused_plans;
      ASSERT_FALSE(SomePlacementExists(plan)) << "plan " << i;
    }
  }
  EXPECT_GT(placed_plans, 300);
  EXPECT_GT(refused_plans, 300);
}

// ---- speed

// 200 replicas on 64 devices, with rules of every sort.
config::Plan LargePlan(std::uint64_t gib_per_device) {
  PlanBuilder builder;
  for (int d = 0; d < 64; ++d) builder.Device(Numbered("gpu", d), GiB(gib_per_device));
  for (int m = 0; m < 40; ++m) {
    builder.Model(Numbered("m", m), GiB(static_cast<std::uint64_t>(9 + 7 * m % 31)), 5).Kind(m % 4 == 0 ? Kind::kLlm : Kind::kEmbedding);
    if (m % 20 == 0) builder.Exclusive();
  }
  builder.MostPerDevice(Kind::kLlm, 1).Apart({"m1", "m2", "m3"}).Together({"m5", "m6"});
  return builder;
}

double MillisecondsToPlace(const config::Plan& plan) {
  const auto begun = std::chrono::steady_clock::now();
  const auto placed = Place(plan);
  const double took = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
  std::printf("200 replicas on 64 devices: %s after %.2f ms\n",
              std::holds_alternative<Placement>(placed) ? "placed" : "refused", took);
  return took;
}

TEST(Place, TwoHundredReplicasOnSixtyFourDevicesTakeNoTime) {
  for (const std::uint64_t gib : {141, 96, 90, 80, 60}) EXPECT_LT(MillisecondsToPlace(LargePlan(gib)), 2000);
}

// The processor's time, whatever else the machine does.
double SecondsToPlaceThousandPairs(int devices_per_replica) {
  PlanBuilder builder;
  for (int d = 0; d < 16; ++d) builder.Device(Numbered("gpu", d), GiB(512));
  for (int m = 0; m < 2000; ++m) {
    builder.Model(Numbered("m", m), MiB(16), 64).DevicesPerReplica(devices_per_replica);
    if (m % 2 == 1) builder.Together({Numbered("m", m - 1), Numbered("m", m)});
  }
  const config::Plan plan = builder;
  const std::clock_t begun = std::clock();
  EXPECT_TRUE(std::holds_alternative<Placement>(Place(plan)));
  const double took = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  std::printf("1,000 pairs of 64 replicas on 16 devices, %d each: %.2f s\n", devices_per_replica, took);
  return took;
}

TEST(Place, AThousandPairsThatAreTogetherTakeASecondOrTwo) {
  for (const int devices : {1, 2}) EXPECT_LT(SecondsToPlaceThousandPairs(devices), 3);
}

// ---- refusals of large plans

TEST(Place, ARefusalOnHundredsOfDevicesGroupsThemAndCountsTheRest) {
  PlanBuilder alike, unlike;
  for (int d = 0; d < 256; ++d) {
    alike.Device(Numbered("gpu", d), GiB(80));
    unlike.Device(Numbered("gpu", d), MiB(1024 + static_cast<std::uint64_t>(d)));
  }
  EXPECT_THAT(Lines(alike.Model("big", GiB(81))),
              ElementsAre("refused: model \"big\": replica 0 fits nowhere: it needs 81 GiB; gpu0, gpu1, gpu2 and 253 more: each has "
                          "80 GiB of 80 GiB free, 1 GiB missing; lower its memory to the 80 GiB free on gpu0, or give it start: manual"));
  const std::string refusal = Lines(unlike.Model("big", GiB(2)))[0];
  EXPECT_THAT(refusal, HasSubstr("; gpu255 has "));
  EXPECT_THAT(refusal, HasSubstr("; 248 more devices miss no less, or rules close them to it; lower"));
  EXPECT_LT(refusal.size(), 1000U);
}

TEST(Place, OfModelsThatAreTogetherTheRemedyNamesThemAll) {
  EXPECT_THAT(Lines(PlanBuilder().Device("gpu0", GiB(4)).Model("a", GiB(3)).Model("b", GiB(2)).Together({"a", "b"})),
              ElementsAre("refused: model \"a\": replica 0 fits nowhere: it needs 5 GiB together with b; gpu0 has 4 GiB of 4 GiB free, "
                          "1 GiB missing; lower the memory of a + b to the 4 GiB free on gpu0, or give it start: manual"));
}

TEST(Place, ASearchThatWasCutOffSaysHowManyPlacementsWereTried) {
  PlanBuilder builder;  // 17 GiB in each device would have to be 8 + 9, and there are too many ways to find that out
  for (int d = 0; d < 12; ++d) builder.Device(Numbered("gpu", d), GiB(17));
  for (int m = 0; m < 25; ++m) builder.Model(Numbered("m", m), GiB(static_cast<std::uint64_t>(7 + m % 3)));
  EXPECT_THAT(Lines(builder)[0], HasSubstr("has no place in any of the 20000 placements that were tried: it needs "));
}

}  // namespace
}  // namespace berth::placement
