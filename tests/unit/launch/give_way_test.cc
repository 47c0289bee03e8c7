#include "supervisor/launch/give_way.h"

#include <gmock/gmock.h>

#include "tests/unit/placement/plan_builder.h"

namespace berth::launch {
namespace {

using namespace std::chrono_literals;
using placement::testing::PlanBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const TimePoint kNow{1000s};

// One device of 10 GiB; models of some size that hold their places, and a newcomer.
class Scene {
 public:
  explicit Scene(PlanBuilder builder) : plan_(std::move(builder)), ledger_(plan_) {}

  // Ready for a while, with nothing to do since `rested` before now.
  Occupant& Has(const std::string& model, Duration rested = 60s) {
    const config::Model& of = *config::FindModel(plan_, model);
    EXPECT_TRUE(ledger_.Reserve({"cpu"}, model, 0, of.memory));
    Occupant& occupant = occupants_.emplace_back();
    occupant.model = model;
    occupant.priority = of.priority;
    occupant.ready = true;
    occupant.ready_since = kNow - 10min;
    occupant.last_busy = kNow - rested;
    return occupant;
  }
  Way For(const std::string& model) {
    const config::Model& of = *config::FindModel(plan_, model);
    return FindWay({model, 0, {"cpu"}, of.memory, 1, 0}, of.priority, occupants_, ledger_, kNow);
  }

 private:
  const config::Plan plan_;
  placement::Ledger ledger_;
  std::vector<Occupant> occupants_ = Room();
  static std::vector<Occupant> Room() {
    std::vector<Occupant> occupants;
    occupants.reserve(16);  // references to them stay
    return occupants;
  }
};

PlanBuilder Models() {
  return PlanBuilder().Device("cpu", GiB(10)).Model("a", GiB(4)).Model("b", GiB(3)).Model("c", GiB(2)).Model("large", GiB(8));
}

TEST(FindWay, WhoHasRestedLongestGoesFirstAndNoMoreThanMust) {
  Scene scene(Models().Model("new", GiB(2)));
  scene.Has("a", 10s);
  scene.Has("b", 5min);
  scene.Has("c", 1min);
  const Way way = scene.For("new");
  EXPECT_THAT(way.victims, ElementsAre(1));
  EXPECT_THAT(way.waits_for, HasSubstr("b/0, which gives way"));
}

TEST(FindWay, ASmallOneThatDoesNotHelpIsSpared) {
  Scene scene(Models().Model("new", GiB(7)));
  scene.Has("a", 10s);
  scene.Has("c", 5min);
  EXPECT_THAT(scene.For("new").victims, ElementsAre(0)) << "4 GiB are free: the 2 of c would not do, and a's 4 do alone";
}

TEST(FindWay, NobodyGoesForWhatWouldNotFitEvenThen) {
  Scene full(PlanBuilder().Device("cpu", GiB(10)).Model("a", GiB(4)).Model("huge", GiB(11)));
  full.Has("a");
  EXPECT_THAT(full.For("huge").victims, IsEmpty());
  EXPECT_EQ(full.For("huge").waits_for, "");
}

TEST(FindWay, TheMoreImportantStays) {
  Scene scene(PlanBuilder().Device("cpu", GiB(4)).Model("a", GiB(4)).Priority(1).Model("new", GiB(4)));
  scene.Has("a");
  EXPECT_EQ(scene.For("new").waits_for, "");
}

TEST(FindWay, WhoIsBusyIsLeftAWhileOfServiceAndThenGoes) {
  Scene scene(Models().Model("new", GiB(7)));
  Occupant& a = scene.Has("a");
  a.in_flight = 1;
  a.ready_since = kNow - kLeastService + 1s;
  EXPECT_THAT(scene.For("new").victims, IsEmpty());
  EXPECT_THAT(scene.For("new").waits_for, HasSubstr("a/0, which is on its way or busy"));
  a.ready_since = kNow - kLeastService;
  EXPECT_THAT(scene.For("new").victims, ElementsAre(0));
}

TEST(FindWay, WhoRestsGoesBeforeWhoIsBusy) {
  Scene scene(Models().Model("new", GiB(3)));
  scene.Has("a", 5min).in_flight = 1;
  scene.Has("b", 1s);
  scene.Has("c", 5min).in_flight = 1;
  EXPECT_THAT(scene.For("new").victims, ElementsAre(1));
}

TEST(FindWay, WhoGoesAlreadyIsWaitedForAndNobodyElseIsSentAway) {
  Scene scene(Models().Model("new", GiB(6)));
  Occupant& a = scene.Has("a");
  a.ready = false;
  a.going = true;
  scene.Has("b");
  const Way way = scene.For("new");
  EXPECT_THAT(way.victims, IsEmpty());
  EXPECT_THAT(way.waits_for, HasSubstr("a/0, which gives its place back"));
}

TEST(FindWay, WhoLoadsIsWaitedForAndNotSentAway) {
  Scene scene(Models().Model("new", GiB(8)));
  scene.Has("a").ready = false;
  EXPECT_THAT(scene.For("new").victims, IsEmpty());
  EXPECT_NE(scene.For("new").waits_for, "");
}

}  // namespace
}  // namespace berth::launch
