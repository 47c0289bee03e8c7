#include "worker/generation/cache_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::engine {
namespace {

using testing::HasSubstr;

CacheNeeds Needs() {
  return {.memory = GiB(4), .held = GiB(1), .activations = GiB(1), .block = MiB(2), .model_context = 131'072,
          .max_sequences = 64};
}

TEST(CachePlan, WhatIsLeftIsTheCacheAndOneSequenceMayFillIt) {
  const auto plan = PlanCache(Needs());
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->blocks, 1024);
  EXPECT_EQ(plan->context, 16'384);
}

TEST(CachePlan, TheContextIsAtMostTheModels) {
  CacheNeeds needs = Needs();
  needs.model_context = 2048;
  const auto plan = PlanCache(needs);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->context, 2048);
  EXPECT_EQ(plan->blocks, 1024);
}

TEST(CachePlan, TakesNoMoreBlocksThanTheSequencesCanUse) {
  CacheNeeds needs = Needs();
  needs.context = 100;
  needs.max_sequences = 3;
  const auto plan = PlanCache(needs);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->blocks, 21);
  EXPECT_EQ(plan->context, 100);
}

TEST(CachePlan, AContextThatDoesNotFitIsRefusedWithTheBytes) {
  CacheNeeds needs = Needs();
  needs.context = 131'072;
  const auto plan = PlanCache(needs);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kExhausted);
  EXPECT_THAT(plan.error().message, HasSubstr("a context of 131072 tokens needs 16 GiB"));
  EXPECT_THAT(plan.error().message, HasSubstr("18 GiB (19327352832 bytes), and `memory` is 4 GiB"));
  EXPECT_THAT(plan.error().message, HasSubstr("lower `context` to at most 16384"));
}

TEST(CachePlan, OneBlockMoreThanFitsIsRefusedAndTheLastThatFitsIsNot) {
  CacheNeeds needs = Needs();
  needs.context = 16'384;
  EXPECT_TRUE(PlanCache(needs));
  needs.context = 16'385;
  EXPECT_FALSE(PlanCache(needs));
}

TEST(CachePlan, WithoutRoomForABlockTheModelIsRefused) {
  CacheNeeds needs = Needs();
  needs.memory = GiB(2);
  const auto plan = PlanCache(needs);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kExhausted);
  EXPECT_THAT(plan.error().message, HasSubstr("raise `memory`"));
}

TEST(CachePlan, AContextBeyondTheModelsIsRefused) {
  CacheNeeds needs = Needs();
  needs.model_context = 2048;
  needs.context = 4096;
  const auto plan = PlanCache(needs);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(plan.error().message, HasSubstr("the model's own is 2048"));
}

TEST(CachePlan, WithoutALimitOneLongestSequenceFits) {
  CacheNeeds needs = Needs();
  needs.memory = {};
  const auto plan = PlanCache(needs);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->blocks, 8192);
  EXPECT_EQ(plan->context, 131'072);
}

}  // namespace
}  // namespace berth::engine
