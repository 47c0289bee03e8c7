#include "supervisor/gpu/tenancy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "supervisor/gpu/news.h"

namespace berth::gpu {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kUuid = "GPU-5f1c2a3b-1";
const TimePoint kRead = TimePoint{} + std::chrono::hours(1);

Inventory With(Bytes used, std::vector<Process> processes) {
  Gpu gpu;
  gpu.uuid = kUuid;
  gpu.name = "NVIDIA H100";
  gpu.read_at = kRead;
  gpu.memory = Memory{GiB(80), used};
  gpu.processes = std::move(processes);
  Inventory inventory;
  inventory.number = 1;
  inventory.taken_at = kRead;
  inventory.gpus = {std::move(gpu)};
  return inventory;
}

std::optional<std::string> ObjectionTo(Bytes needed, const Inventory& inventory, std::vector<Tenant> ours = {}) {
  return Objection(inventory, kUuid, needed, ours, kRead + seconds(1));
}

// ---- foreign use

TEST(ForeignUse, IsWhatProcessesThatAreNotOursHoldTheLargestFirst) {
  const Inventory inventory = With(GiB(33), {{10, GiB(20), "berth-worker"}, {11, GiB(1), "Xorg"}, {12, GiB(12), "python3"}});
  const ForeignUse foreign = ForeignOn(inventory.gpus[0], std::vector<Tenant>{{10, GiB(30)}});
  EXPECT_EQ(foreign.bytes, GiB(13));
  ASSERT_EQ(foreign.processes.size(), 2U);
  EXPECT_EQ(foreign.processes[0].pid, 12);
}

TEST(ForeignUse, CountsWhatNoListedProcessHolds) {
  EXPECT_EQ(ForeignOn(With(GiB(5), {}).gpus[0], {}).bytes, GiB(5));
}

TEST(ForeignUse, InAContainerIsWhatIsUsedBeyondOurReservations) {
  const Inventory inventory = With(GiB(33), {{70010, GiB(20), ""}, {70012, GiB(13), ""}});
  const ForeignUse foreign = ForeignOn(inventory.gpus[0], std::vector<Tenant>{{10, GiB(30)}});
  EXPECT_EQ(foreign.bytes, GiB(3));
  EXPECT_THAT(foreign.processes, IsEmpty());
}

TEST(ForeignUse, OfOursWithoutAReadingTheReservationCounts) {
  const Inventory inventory = With(GiB(33), {{10, std::nullopt, ""}, {12, std::nullopt, "python3"}});
  EXPECT_EQ(ForeignOn(inventory.gpus[0], std::vector<Tenant>{{10, GiB(30)}}).bytes, GiB(3));
}

TEST(ForeignUse, IsNothingWhereOursHoldMoreThanIsReadAsUsed) {
  const Inventory inventory = With(GiB(9), {{10, GiB(10), ""}});
  EXPECT_EQ(ForeignOn(inventory.gpus[0], std::vector<Tenant>{{10, GiB(10)}}).bytes, Bytes{});
}

// ---- admission (M3)

TEST(GpuObjection, AForeignProcessInTheWayIsNamedWithPidAndSize) {
  const auto objection = ObjectionTo(GiB(30), With(GiB(60), {{4711, GiB(59), "python3"}}));
  ASSERT_TRUE(objection);
  EXPECT_THAT(*objection, AllOf(HasSubstr("pid 4711 (python3) with 59 GiB"), HasSubstr("needs 30 GiB"),
                                HasSubstr("80 GiB"), HasSubstr("60 GiB"), HasSubstr("GPU-5f1c2a3b")));
}

TEST(GpuObjection, ThereIsNoneUpToTheLastByte) {
  EXPECT_FALSE(ObjectionTo(GiB(20), With(GiB(60), {{4711, GiB(60), "python3"}})));
  EXPECT_TRUE(ObjectionTo(GiB(20) + Bytes{1}, With(GiB(60), {{4711, GiB(60), "python3"}})));
}

TEST(GpuObjection, OursCountWithTheirReservationsNotWithWhatTheyUseYet) {
  const Inventory inventory = With(GiB(15), {{10, GiB(5), "berth-worker"}, {4711, GiB(10), "python3"}});
  const std::vector<Tenant> ours = {{10, GiB(50)}};
  EXPECT_FALSE(ObjectionTo(GiB(20), inventory, ours));
  const auto objection = ObjectionTo(GiB(21), inventory, ours);
  ASSERT_TRUE(objection);
  EXPECT_THAT(*objection, AllOf(HasSubstr("50 GiB is reserved"), HasSubstr("others hold 10 GiB"), HasSubstr("4711"),
                                Not(HasSubstr("pid 10 "))));
}

TEST(GpuObjection, ManyProcessesAreCountedTheLargestNamed) {
  std::vector<Process> processes;
  for (int pid = 1; pid <= 9; ++pid) processes.push_back({pid, GiB(static_cast<std::uint64_t>(pid)), ""});
  const auto objection = ObjectionTo(GiB(70), With(GiB(45), processes));
  ASSERT_TRUE(objection);
  EXPECT_THAT(*objection, AllOf(HasSubstr("pid 9"), HasSubstr("pid 7"), Not(HasSubstr("pid 6")), HasSubstr("and 6 more")));
}

TEST(GpuObjection, ALostGpuTakesNothing) {
  Inventory inventory = With({}, {});
  inventory.gpus[0].lost = "the GPU has fallen off the bus";
  EXPECT_THAT(ObjectionTo(MiB(1), inventory).value_or(""), HasSubstr("fallen off the bus"));
}

TEST(GpuObjection, AGpuThatHasNotAnsweredForTenSecondsTakesNothing) {
  const Inventory inventory = With({}, {});
  EXPECT_FALSE(Objection(inventory, kUuid, MiB(1), {}, kRead + seconds(10)));
  EXPECT_THAT(Objection(inventory, kUuid, MiB(1), {}, kRead + seconds(11)).value_or(""), HasSubstr("11 s"));
}

TEST(GpuObjection, WithoutNvmlOrWithoutTheDeviceNothingBegins) {
  Inventory inventory = With({}, {});
  inventory.error = "driver and libraries have different versions";
  EXPECT_THAT(ObjectionTo(MiB(1), inventory).value_or(""), HasSubstr("different versions"));
  EXPECT_THAT(Objection(With({}, {}), "MIG-gone", MiB(1), {}, kRead).value_or(""), HasSubstr("MIG-gone"));
}

TEST(GpuObjection, ADeviceThatDoesNotTellItsMemoryIsTheLedgersAlone) {
  Inventory inventory = With({}, {});
  inventory.gpus[0].memory.reset();
  EXPECT_FALSE(ObjectionTo(GiB(500), inventory));
}

// ---- proven gone (M1)

TEST(ProvenGone, AListedProcessIsGoneOnceItIsNoLongerListed) {
  const Stay stay = {10, true, {}, {}};
  EXPECT_FALSE(ProvenGone(With(GiB(20), {{10, GiB(20), ""}}), kUuid, stay, kRead - seconds(1)));
  EXPECT_TRUE(ProvenGone(With(GiB(20), {{11, GiB(20), ""}}), kUuid, stay, kRead - seconds(1)));
}

TEST(ProvenGone, NeedsAReadingBegunAfterTheReaping) {
  const Stay stay = {10, true, {}, {}};
  EXPECT_FALSE(ProvenGone(With({}, {}), kUuid, stay, kRead + seconds(1)));
  EXPECT_FALSE(ProvenGone(With({}, {}), kUuid, stay, kRead));
  EXPECT_FALSE(ProvenGone(Inventory{}, kUuid, stay, kRead - seconds(1)));
}

TEST(ProvenGone, InAContainerTheDeviceMustBeBackAtWhatItWasPlusWhatWasReservedSince) {
  const Stay stay = {10, false, GiB(4), GiB(6)};
  EXPECT_FALSE(ProvenGone(With(GiB(10) + Bytes{1}, {{70010, GiB(10), ""}}), kUuid, stay, kRead - seconds(1)));
  EXPECT_TRUE(ProvenGone(With(GiB(10), {{70011, GiB(10), ""}}), kUuid, stay, kRead - seconds(1)));
}

TEST(ProvenGone, WhereProcessesAreNoLongerToldTheMemoryDecides) {
  Inventory inventory = With(GiB(5), {});
  inventory.gpus[0].processes.reset();
  EXPECT_FALSE(ProvenGone(inventory, kUuid, {10, true, GiB(4), {}}, kRead - seconds(1)));
  EXPECT_TRUE(ProvenGone(inventory, kUuid, {10, true, GiB(5), {}}, kRead - seconds(1)));
}

TEST(ProvenGone, NothingIsHeldOfALostGpuNorOfAnInstanceThatIsNoMore) {
  Inventory inventory = With(GiB(20), {{10, GiB(20), ""}});
  inventory.gpus[0].lost = "the GPU has fallen off the bus";
  EXPECT_TRUE(ProvenGone(inventory, kUuid, {10, true, {}, {}}, kRead + seconds(1)));
  EXPECT_TRUE(ProvenGone(With({}, {}), "MIG-gone", {10, true, {}, {}}, kRead - seconds(1)));
}

TEST(ProvenGone, WhileNvmlGivesNothingNothingIsProven) {
  Inventory inventory;
  inventory.number = 5;
  inventory.taken_at = kRead;
  inventory.error = "the driver is not loaded";
  EXPECT_FALSE(ProvenGone(inventory, kUuid, {10, true, {}, {}}, kRead - seconds(1)));
}

TEST(Shows, APidOnTheDeviceAndNoOther) {
  const Inventory inventory = With(GiB(1), {{10, GiB(1), ""}});
  EXPECT_TRUE(Shows(inventory, kUuid, 10));
  EXPECT_FALSE(Shows(inventory, kUuid, 11));
  EXPECT_FALSE(Shows(inventory, "GPU-other", 10));
}

// ---- news

const News::TenantsOf kNoTenants = [](const Gpu&) { return std::vector<Tenant>(); };

TEST(GpuNews, AQuietGpuIsNoNews) {
  News news;
  const Inventory inventory = With(MiB(100), {});
  EXPECT_THAT(news.Tell(inventory, kNoTenants), IsEmpty());
  EXPECT_THAT(news.Tell(inventory, kNoTenants), IsEmpty());
}

TEST(GpuNews, ForeignUseThatGrowsIsToldOncePerGrowthWithTheLargestProcess) {
  News news;
  news.Tell(With(GiB(1), {}), kNoTenants);
  const Inventory grown = With(GiB(13), {{4711, GiB(12), "python3"}});
  EXPECT_THAT(news.Tell(grown, kNoTenants), ElementsAre(AllOf(HasSubstr("from 1 GiB to 13 GiB"), HasSubstr("pid 4711 (python3)"))));
  EXPECT_THAT(news.Tell(grown, kNoTenants), IsEmpty());
  EXPECT_THAT(news.Tell(With(GiB(13) + News::kGrowth - Bytes{1}, {}), kNoTenants), IsEmpty());
  EXPECT_THAT(news.Tell(With(GiB(13) + News::kGrowth, {}), kNoTenants), testing::SizeIs(1));
  // It leaves quietly, and comes back with a word.
  EXPECT_THAT(news.Tell(With(GiB(1), {}), kNoTenants), IsEmpty());
  EXPECT_THAT(news.Tell(With(GiB(2), {}), kNoTenants), testing::SizeIs(1));
}

TEST(GpuNews, OursThatGrowAreNoNewsNorIsADeviceThatIsNotThePlans) {
  News news;
  const Inventory grown = With(GiB(60), {{10, GiB(60), ""}});
  EXPECT_THAT(news.Tell(grown, [](const Gpu&) { return std::vector<Tenant>{{10, GiB(70)}}; }), IsEmpty());
  EXPECT_THAT(news.Tell(With(GiB(80), {}), [](const Gpu&) { return std::nullopt; }), IsEmpty());
}

TEST(GpuNews, ALostGpuAndItsXidAreToldOnce) {
  News news;
  Inventory inventory = With(GiB(1), {});
  news.Tell(inventory, kNoTenants);
  inventory.gpus[0].xids[79] = 1;
  inventory.gpus[0].lost = "the GPU has fallen off the bus";
  EXPECT_THAT(news.Tell(inventory, kNoTenants), ElementsAre(HasSubstr("Xid 79"), HasSubstr("is lost: ")));
  EXPECT_THAT(news.Tell(inventory, kNoTenants), IsEmpty());
  inventory.gpus[0].xids[31] += 3;
  EXPECT_THAT(news.Tell(inventory, kNoTenants), ElementsAre(HasSubstr("3 times Xid 31")));
  inventory.gpus[0].lost.clear();
  EXPECT_THAT(news.Tell(inventory, kNoTenants), ElementsAre(HasSubstr("can be used again")));
}

TEST(GpuNews, NvmlGoneAndBackAreTold) {
  News news;
  Inventory gone;
  gone.error = "the NVIDIA driver is not loaded";
  EXPECT_THAT(news.Tell(gone, kNoTenants), ElementsAre(HasSubstr("driver is not loaded")));
  EXPECT_THAT(news.Tell(gone, kNoTenants), IsEmpty());
  EXPECT_THAT(news.Tell(With({}, {}), kNoTenants), ElementsAre(HasSubstr("answers again")));
}

}  // namespace
}  // namespace berth::gpu
