#include "supervisor/route/admission.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace berth::route {
namespace {

config::Model AModel(int queue_max) {
  config::Model model;
  model.name = "m";
  model.queue.max = queue_max;
  return model;
}

std::shared_ptr<launch::Endpoint> AnEndpoint(int replica, int window) {
  auto endpoint = std::make_shared<launch::Endpoint>();
  endpoint->model = "m";
  endpoint->replica = replica;
  endpoint->window = window;
  return endpoint;
}

struct Waiter {
  std::atomic<int> wakes{0};
  std::shared_ptr<Ticket> ticket = std::make_shared<Ticket>([this] { ++wakes; });
};

launch::ModelCondition Coming(bool coming) {
  launch::ModelCondition condition;
  condition.coming = coming;
  return condition;
}

TEST(Admission, WithoutAReplicaOnItsWayItRefuses) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  Waiter a;
  EXPECT_EQ(admission.Acquire(a.ticket, false).refusal, Refusal::kNotComing);
}

launch::ModelCondition OnDemand() {
  launch::ModelCondition condition;
  condition.on_demand = true;
  return condition;
}

TEST(Admission, OfAModelThatComesOnDemandTheyWaitAndItIsAskedFor) {
  const auto model = AModel(1);
  int asked = 0;
  Admission admission(model, 1, [&asked] { ++asked; });
  admission.SetCondition(OnDemand());
  Waiter unwilling, a, b;
  EXPECT_EQ(admission.Acquire(unwilling.ticket, false, false).refusal, Refusal::kNotLoaded);
  EXPECT_EQ(asked, 0) << "a request that wants nothing loaded loads nothing";
  EXPECT_FALSE(admission.Acquire(a.ticket, false).refusal);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(admission.Acquire(b.ticket, false).refusal, Refusal::kQueueFull) << "the queue's bound holds";
  admission.SetCondition(Coming(true));
  EXPECT_EQ(asked, 1) << "it comes";
  admission.SetCondition(OnDemand());
  EXPECT_EQ(asked, 2) << "it was sent away while somebody waits";
  admission.SetCondition(Coming(false));
  EXPECT_EQ(admission.Look(*a.ticket).refusal, Refusal::kNotComing);
}

TEST(Admission, PlacesAreGivenInTheOrderOfArrival) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  auto endpoint = AnEndpoint(0, 1);
  admission.Up(endpoint);
  Waiter holder, first, second;
  EXPECT_EQ(admission.Acquire(holder.ticket, false).endpoint, endpoint);
  EXPECT_FALSE(admission.Acquire(first.ticket, false).endpoint);
  EXPECT_FALSE(admission.Acquire(second.ticket, false).endpoint);
  EXPECT_EQ(endpoint->in_flight, 1);
  admission.Release(holder.ticket, true);
  EXPECT_EQ(first.wakes, 1);
  EXPECT_EQ(second.wakes, 0);
  EXPECT_EQ(admission.Look(*first.ticket).endpoint, endpoint);
  EXPECT_EQ(endpoint->in_flight, 1);
}

TEST(Admission, ANewcomerDoesNotOvertakeTheQueue) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  admission.SetCondition(Coming(true));
  Waiter first, second;
  admission.Acquire(first.ticket, false);
  admission.Up(AnEndpoint(0, 1));
  EXPECT_TRUE(admission.Look(*first.ticket).endpoint);
  admission.Acquire(second.ticket, false);
  EXPECT_FALSE(admission.Look(*second.ticket).endpoint);
}

TEST(Admission, OneThatLostItsPlaceGoesToTheFrontOfAFullQueue) {
  const auto model = AModel(1);
  Admission admission(model, 1);
  auto endpoint = AnEndpoint(0, 1);
  admission.Up(endpoint);
  Waiter holder, waiting, refused, again;
  admission.Acquire(holder.ticket, false);
  admission.Acquire(waiting.ticket, false);
  EXPECT_EQ(admission.Acquire(refused.ticket, false).refusal, Refusal::kQueueFull);
  EXPECT_FALSE(admission.Acquire(again.ticket, true).refusal);
  admission.Release(holder.ticket, true);
  EXPECT_TRUE(admission.Look(*again.ticket).endpoint);
  EXPECT_FALSE(admission.Look(*waiting.ticket).endpoint);
}

TEST(Admission, LeavingTheQueueFreesItsPlace) {
  const auto model = AModel(1);
  Admission admission(model, 1);
  admission.SetCondition(Coming(true));
  Waiter leaver, next;
  admission.Acquire(leaver.ticket, false);
  admission.Release(leaver.ticket, false);
  EXPECT_FALSE(admission.Acquire(next.ticket, false).refusal);
  EXPECT_EQ(admission.Describe().waiting, 1);
}

TEST(Admission, WhenNothingIsComingAnyMoreTheQueueIsRefused) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  admission.SetCondition(Coming(true));
  Waiter a;
  admission.Acquire(a.ticket, false);
  admission.SetCondition(Coming(false));
  EXPECT_EQ(a.wakes, 1);
  EXPECT_EQ(admission.Look(*a.ticket).refusal, Refusal::kNotComing);
}

TEST(Admission, NewsOfAReplicaReachThoseWithIt) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  auto left = AnEndpoint(0, 4);
  auto right = AnEndpoint(1, 4);
  admission.Up(left);
  admission.Up(right);
  Waiter a, b;
  ASSERT_EQ(admission.Acquire(a.ticket, false).endpoint, left);
  ASSERT_EQ(admission.Acquire(b.ticket, false).endpoint, right);
  admission.Closing(*left);
  EXPECT_EQ(a.wakes, 1);
  EXPECT_EQ(b.wakes, 0);
  EXPECT_TRUE(admission.Look(*a.ticket).closing);
  EXPECT_FALSE(admission.Look(*a.ticket).down);
  admission.Down(*left);
  EXPECT_TRUE(admission.Look(*a.ticket).down);
  Waiter c;
  EXPECT_EQ(admission.Acquire(c.ticket, false).endpoint, right);
  admission.Release(a.ticket, false);
  EXPECT_EQ(left->in_flight, 0);
}

TEST(Admission, MoveExchangesAPlaceForOneElsewhere) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  auto left = AnEndpoint(0, 1);
  auto right = AnEndpoint(1, 1);
  admission.Up(left);
  Waiter a;
  admission.Acquire(a.ticket, false);
  EXPECT_FALSE(admission.Move(a.ticket));
  admission.Up(right);
  EXPECT_TRUE(admission.Move(a.ticket));
  EXPECT_EQ(admission.Look(*a.ticket).endpoint, right);
  EXPECT_EQ(left->in_flight, 0);
  EXPECT_EQ(right->in_flight, 1);
}

TEST(Admission, DrainRefusesAllThatWaitAndCome) {
  const auto model = AModel(10);
  Admission admission(model, 1);
  admission.SetCondition(Coming(true));
  Waiter a, b;
  admission.Acquire(a.ticket, false);
  admission.Drain();
  EXPECT_EQ(admission.Look(*a.ticket).refusal, Refusal::kDraining);
  admission.Up(AnEndpoint(0, 1));
  EXPECT_EQ(admission.Acquire(b.ticket, false).refusal, Refusal::kDraining);
}

// In-flight counters never drift (C5), and nobody is forgotten in the queue.
TEST(Admission, CountersReturnToZeroUnderManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 100'000;
  const auto model = AModel(1000);
  Admission admission(model, 1);
  const std::vector endpoints{AnEndpoint(0, 2), AnEndpoint(1, 1)};
  for (const auto& endpoint : endpoints) admission.Up(endpoint);
  std::atomic<int> over{0};
  auto run = [&] {
    for (int i = 0; i < kRequests; ++i) {
      // Shared, since a grant that crosses with leaving the queue may be told after the end of this turn.
      auto changed = std::make_shared<std::atomic<bool>>(false);
      auto ticket = std::make_shared<Ticket>([changed] {
        *changed = true;
        changed->notify_one();
      });
      Standing standing = admission.Acquire(ticket, false);
      if (!standing.endpoint && i % 7 != 0) {  // every seventh leaves the queue instead of waiting
        changed->wait(false);
        standing = admission.Look(*ticket);
      }
      if (standing.endpoint && standing.endpoint->in_flight > standing.endpoint->window) ++over;
      admission.Release(ticket, true);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(run);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(over, 0);
  for (const auto& endpoint : endpoints) EXPECT_EQ(endpoint->in_flight, 0);
  EXPECT_EQ(admission.Describe().waiting, 0);
  EXPECT_EQ(admission.Describe().running, 0);
}

}  // namespace
}  // namespace berth::route
