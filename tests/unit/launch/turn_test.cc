#include "supervisor/launch/turn.h"

#include <gtest/gtest.h>

namespace berth::launch {
namespace {

TurnView View(std::string model, int wave, State state, bool boot_turn = true, bool hopeless = false) {
  return {std::move(model), wave, state, boot_turn, state != State::kReady, hopeless};
}

TEST(TurnOf, AWaveWaitsForTheOneBefore) {
  const TurnView llm = View("llm", 1, State::kWaiting);
  for (const State state : {State::kWaiting, State::kStarting, State::kLoading}) {
    const Turn turn = TurnOf(llm, {}, {View("bge", 0, state), llm});
    EXPECT_NE(turn.obstacle.find("bge"), std::string::npos) << Name(state);
    EXPECT_FALSE(turn.hopeless);
  }
}

TEST(TurnOf, AWaveDoesNotWaitForOneThatHadItsTurn) {
  const TurnView llm = View("llm", 1, State::kWaiting);
  for (const State state : {State::kReady, State::kBackoff, State::kFailed, State::kQuarantined}) {
    EXPECT_EQ(TurnOf(llm, {}, {View("bge", 0, state, false), llm}).obstacle, "") << Name(state);
  }
}

TEST(TurnOf, AWaveDoesNotWaitForOneThatCannotCome) {
  const TurnView llm = View("llm", 2, State::kWaiting);
  const TurnView blocked = View("tts", 1, State::kWaiting, true, true);
  EXPECT_EQ(TurnOf(llm, {}, {View("ears", 0, State::kFailed, false), blocked, llm}).obstacle, "");
}

TEST(TurnOf, WithOnFailureStopAWaveWaitsForOneThatFailed) {
  constexpr auto kStop = config::OnFailure::kStop;
  const TurnView llm = View("llm", 1, State::kWaiting);
  const Turn failed = TurnOf(llm, {}, {View("bge", 0, State::kFailed, false), llm}, kStop);
  EXPECT_EQ(failed.obstacle, "waits for all replicas of bge, which loads before it and of which one is failed "
                             "(rules.on_failure: stop); `berth start bge` tries again, `berth stop bge` goes on without it");
  EXPECT_TRUE(failed.hopeless);
  EXPECT_FALSE(TurnOf(llm, {}, {View("bge", 0, State::kBackoff, false), llm}, kStop).hopeless);
  EXPECT_EQ(TurnOf(llm, {}, {View("bge", 0, State::kReady, false), llm}, kStop).obstacle, "");
  EXPECT_EQ(TurnOf(llm, {}, {View("bge", 1, State::kFailed, false), llm}, kStop).obstacle, "") << "same wave";
}

TEST(TurnOf, AfterBootWavesHoldNobody) {
  const TurnView restarted = View("llm", 1, State::kWaiting, false);
  EXPECT_EQ(TurnOf(restarted, {}, {View("bge", 0, State::kLoading), restarted}).obstacle, "");
}

TEST(TurnOf, ADependentWaitsUntilOneReplicaOfItsDependencyIsReady) {
  const TurnView chat = View("chat", 1, State::kWaiting, false);
  const TurnView loading = View("ears", 0, State::kLoading);
  EXPECT_EQ(TurnOf(chat, {"ears"}, {loading, chat}).obstacle, "waits for ears, which is loading");
  EXPECT_EQ(TurnOf(chat, {"ears"}, {loading, View("ears", 0, State::kReady), chat}).obstacle, "");
}

TEST(TurnOf, ADependencyThatIsNotComingIsSaidToBe) {
  const TurnView chat = View("chat", 1, State::kWaiting);
  for (const State state : {State::kFailed, State::kQuarantined, State::kStopped}) {
    const Turn turn = TurnOf(chat, {"ears"}, {View("ears", 0, state, false), chat});
    EXPECT_EQ(turn.obstacle, "waits for ears, which is " + std::string(Name(state)));
    EXPECT_TRUE(turn.hopeless);
  }
  EXPECT_FALSE(TurnOf(chat, {"ears"}, {View("ears", 0, State::kBackoff, false), chat}).hopeless);
}

}  // namespace
}  // namespace berth::launch
