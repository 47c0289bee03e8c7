#include "supervisor/route/pick.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace berth::route {
namespace {

using config::Balance;

std::vector<int> Serve(std::vector<Candidate>& candidates, Balance balance, PickState& state, int requests) {
  std::vector<int> replicas;
  for (int i = 0; i < requests; ++i) {
    const auto picked = Pick(candidates, balance, state);
    if (!picked) break;
    ++candidates[*picked].in_flight;
    replicas.push_back(candidates[*picked].replica);
  }
  return replicas;
}

TEST(Pick, NobodyIsPickedFromNone) {
  PickState state;
  EXPECT_FALSE(Pick({}, Balance::kLeastLoaded, state));
  EXPECT_FALSE(Pick({}, Balance::kRandom, state));
}

TEST(Pick, FullOrIneligibleReplicasAreNeverPicked) {
  for (Balance balance : {Balance::kLeastLoaded, Balance::kRoundRobin, Balance::kRandom}) {
    PickState state;
    const std::vector<Candidate> candidates{{0, 2, 2, true}, {1, 0, 2, false}, {2, 1, 2, true}};
    for (int i = 0; i < 20; ++i) EXPECT_EQ(Pick(candidates, balance, state), 2u);
  }
}

TEST(Pick, LeastLoadedSpreadsAndRotatesTies) {
  PickState state;
  std::vector<Candidate> candidates{{0, 0, 4, true}, {1, 0, 4, true}, {2, 0, 4, true}};
  EXPECT_EQ(Serve(candidates, Balance::kLeastLoaded, state, 6), (std::vector<int>{0, 1, 2, 0, 1, 2}));
  // Idle replicas take turns too: each request ends before the next comes.
  for (Candidate& c : candidates) c.in_flight = 0;
  std::map<int, int> served;
  for (int i = 0; i < 9; ++i) ++served[candidates[*Pick(candidates, Balance::kLeastLoaded, state)].replica];
  EXPECT_EQ(served, (std::map<int, int>{{0, 3}, {1, 3}, {2, 3}}));
}

TEST(Pick, LeastLoadedComparesSharesOfTheWindow) {
  PickState state;
  const std::vector<Candidate> candidates{{0, 2, 4, true}, {1, 3, 16, true}};
  EXPECT_EQ(Pick(candidates, Balance::kLeastLoaded, state), 1u);
}

TEST(Pick, RoundRobinGoesOnWhereItWasAfterAChange) {
  PickState state;
  std::vector<Candidate> three{{0, 0, 9, true}, {1, 0, 9, true}, {2, 0, 9, true}};
  EXPECT_EQ(Serve(three, Balance::kRoundRobin, state, 2), (std::vector<int>{0, 1}));
  std::vector<Candidate> without_one{{0, 0, 9, true}, {2, 0, 9, true}};
  EXPECT_EQ(Serve(without_one, Balance::kRoundRobin, state, 2), (std::vector<int>{2, 0}));
  EXPECT_EQ(Serve(three, Balance::kRoundRobin, state, 3), (std::vector<int>{1, 2, 0}));
}

TEST(Pick, RandomReachesEverybodyAboutEquallyOften) {
  PickState state{-1, 12345};
  const std::vector<Candidate> candidates{{0, 0, 9, true}, {1, 0, 9, true}, {2, 9, 9, true}, {3, 0, 9, true}};
  std::map<std::size_t, int> served;
  for (int i = 0; i < 3000; ++i) ++served[*Pick(candidates, Balance::kRandom, state)];
  EXPECT_EQ(served.count(2), 0u);
  for (std::size_t i : {0u, 1u, 3u}) EXPECT_NEAR(served[i], 1000, 150) << i;
}

}  // namespace
}  // namespace berth::route
