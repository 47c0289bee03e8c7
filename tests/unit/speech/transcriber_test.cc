// Jobs through the transcriber over a model that follows a script: both ways of decoding, fallback, silence, languages, what is
// told in which order, how jobs end.
#include "worker/speech/transcriber.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/unit/speech/scripted_model.h"
#include "worker/speech/live_transcripts.h"

namespace berth::speech {
namespace {

using engine::JobEnd;
using News = TranscriptionJob::News;

constexpr std::chrono::seconds kDeadline(60);

// A job, what it was told, and how it ended.
struct Request {
  std::shared_ptr<TranscriptionJob> job = std::make_shared<TranscriptionJob>();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<News> news;
  std::optional<JobEnd> end;

  // `script`: of a piece.
  explicit Request(std::function<int(const Piece&)> script) {
    job->options.language = "en";
    job->options.beam = 2;
    job->features = [script = std::move(script)](const Piece& piece, std::span<float> mel) -> Status {
      mel[0] = static_cast<float>(script(piece));
      return Ok();
    };
    job->deliver = [this](News&& one) {
      std::lock_guard lock(mutex);
      news.push_back(std::move(one));
      changed.notify_all();
    };
    job->ended = [this](JobEnd how) {
      std::lock_guard lock(mutex);
      end = how;
      changed.notify_all();
    };
  }

  JobEnd Wait() {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, kDeadline, [this] { return end.has_value(); })) << "it has not ended";
    return end.value_or(JobEnd::kFailed);
  }

  std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const News& one : news) {
      for (const Segment& segment : one.segments) texts.push_back(segment.text);
    }
    return texts;
  }
};

class TranscriberTest : public testing::Test {
 protected:
  void Start(TranscriberOptions options = {}, int windows = 4) {
    ASSERT_TRUE(model_.AllocateCache(Transcriber::CacheBlocks(model_.config(), windows, 5)));
    transcriber_ = std::make_unique<Transcriber>(model_, *tokenizer_, tokens_, std::move(options));
  }

  // One window after the other, each a piece by itself.
  static std::unique_ptr<Request> Pieces(int count) {
    auto request = std::make_unique<Request>([](const Piece& piece) { return static_cast<int>(piece.first_frame / 20); });
    for (int i = 0; i < count; ++i) request->job->pieces.push_back({i * 20, 20});
    request->job->frames = count * 20;
    return request;
  }

  ScriptedModel model_;
  const std::unique_ptr<text::Tokenizer> tokenizer_ = LetterTokenizer();
  const SpeechTokens tokens_ = SmallTokens();
  std::unique_ptr<Transcriber> transcriber_;
};

using Texts = std::vector<std::string>;

TEST_F(TranscriberTest, PiecesAreDecodedTogetherAndToldInOrder) {
  model_.scripts[0] = {{{kT0, 1, 2, 3, 4, 5, 6, kT0 + 10}}};  // the longest is the first
  model_.scripts[1] = {{{kT0, 2, kT0 + 4, kT0 + 4, 3, kT0 + 9}}};
  model_.scripts[2] = {{{kT0 + 1, 4, kT0 + 5, kT0 + 6, 5}}};
  Start();
  auto request = Pieces(3);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  EXPECT_EQ(request->Texts(), (Texts{"abcdef", "b", "c", "d", "e"}));
  EXPECT_GT(model_.most_windows, 1u);
  ASSERT_EQ(request->news.size(), 3u);
  const auto& second = request->news[1].segments;
  EXPECT_NEAR(second[0].start, 0.2, 1e-9);
  EXPECT_NEAR(second[0].end, 0.28, 1e-9);
  EXPECT_NEAR(second[1].end, 0.38, 1e-9);
  EXPECT_EQ(second[0].seek, 20);
  EXPECT_EQ(second[0].tokens, (std::vector<Token>{kT0, 2, kT0 + 4}));
  EXPECT_EQ(second[0].temperature, 0);
  // What follows the last pair is told, too: of a piece there is no second look.
  EXPECT_NEAR(request->news[2].segments[1].start, 0.52, 1e-9);
  EXPECT_NEAR(request->news[2].segments[1].end, 0.6, 1e-9);
  EXPECT_EQ(request->news[2].done_frames, 60);
  for (const auto& prompt : model_.prompts) EXPECT_EQ(prompt, (std::vector<Token>{kStart, kEnglish, kTranscribe}));
}

TEST_F(TranscriberTest, PromptAndHotwordsAreInEveryPiece) {
  model_.scripts[0] = model_.scripts[1] = {{{kT0, 1, kT0 + 10}}};
  Start();
  auto request = Pieces(2);
  request->job->options.prompt = " abc ";
  request->job->options.hotwords = "h";
  request->job->options.task = Task::kTranslate;
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  ASSERT_EQ(model_.prompts.size(), 2u);
  for (const auto& prompt : model_.prompts) {
    EXPECT_EQ(prompt, (std::vector<Token>{kPrevious, 0, 8, 0, 1, 2, 3, kStart, kEnglish, kTranslate}));
  }
}

TEST_F(TranscriberTest, WindowsThatFollowEachOtherBeginWhereSegmentsEndedAndKnowWhatWasSaid) {
  std::vector<Piece> seen;
  Request request([&seen](const Piece& piece) {
    seen.push_back(piece);
    return static_cast<int>(seen.size()) - 1;
  });
  request.job->frames = 50;
  model_.scripts[0] = {{{kT0, 1, kT0 + 6, kT0 + 6, 2}}};       // to 120 ms
  model_.scripts[1] = {{{kT0, 2, 3, kT0 + 10}}};                // a single timestamp at the end: the whole window
  model_.scripts[2] = {{{kT0, 4, kT0 + 5}}};                    // what is left
  Start();
  transcriber_->Submit(request.job);
  EXPECT_EQ(request.Wait(), JobEnd::kDone);
  EXPECT_EQ(seen, (std::vector<Piece>{{0, 20}, {12, 20}, {32, 18}}));
  EXPECT_EQ(request.Texts(), (Texts{"a", "bc", "d"}));
  EXPECT_NEAR(request.news[1].segments[0].start, 0.12, 1e-9);
  EXPECT_NEAR(request.news[2].segments[0].end, 0.42, 1e-9);
  ASSERT_EQ(model_.prompts.size(), 3u);
  EXPECT_EQ(model_.prompts[1], (std::vector<Token>{kPrevious, kT0, 1, kT0 + 6, kStart, kEnglish, kTranscribe}));
  EXPECT_EQ(model_.prompts[2], (std::vector<Token>{kPrevious, kT0, 1, kT0 + 6, kT0, 2, 3, kT0 + 10, kStart, kEnglish,
                                                   kTranscribe}));
}

TEST_F(TranscriberTest, AWindowThatGoesNowhereIsLeftBehind) {
  Request request([](const Piece&) { return 0; });
  request.job->frames = 40;
  model_.scripts[0] = {{{kT0, kT0, 1}}};  // a pair at the window's beginning
  Start();
  transcriber_->Submit(request.job);
  EXPECT_EQ(request.Wait(), JobEnd::kDone);
  EXPECT_EQ(model_.heard.size(), 2u);
}

TEST_F(TranscriberTest, RepetitionIsTriedAgainWarmer) {
  std::vector<Token> repeated = {kT0};
  repeated.insert(repeated.end(), 30, 1);
  model_.scripts[0] = {{repeated, repeated, {kT0, 1, 2, kT0 + 10}}};
  model_.scripts[0].sure = 40;  // no sample strays from it
  Start();
  auto request = Pieces(1);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  EXPECT_EQ(request->Texts(), (Texts{"ab"}));
  EXPECT_NEAR(request->news[0].segments[0].temperature, 0.4, 1e-9);
  EXPECT_EQ(request->news[0].attempts, 3);
}

TEST_F(TranscriberTest, ATemperatureThatIsAskedForIsTheOnlyOne) {
  std::vector<Token> repeated = {kT0};
  repeated.insert(repeated.end(), 30, 1);
  model_.scripts[0] = {{repeated, {kT0, 2}}};
  model_.scripts[0].sure = 40;
  Start();
  auto request = Pieces(1);
  request->job->options.temperature = 0.3;
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  EXPECT_EQ(request->Texts(), (Texts{std::string(30, 'a')}));
  EXPECT_NEAR(request->news[0].segments[0].temperature, 0.3, 1e-9);
}

TEST_F(TranscriberTest, SilenceIsSkipped) {
  model_.scripts[0] = {{{kT0, 1, kT0 + 10}}, 20, 0.1f};  // no speech, and unsure of what was made of it
  model_.scripts[1] = {{{kT0, 2, kT0 + 10}}, 20, 12};    // no speech, but sure
  Start();
  auto request = Pieces(2);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  EXPECT_EQ(request->Texts(), (Texts{"b"}));
  EXPECT_TRUE(request->news[0].skipped);
  EXPECT_EQ(request->news[0].attempts, 1) << "silence is not tried again";
  EXPECT_GT(request->news[1].segments[0].quality.no_speech_prob, 0.9);
}

TEST_F(TranscriberTest, TheFirstWindowTellsTheLanguageOfAll) {
  model_.scripts[0] = {{{kT0, 1, kT0 + 10}}, 0, 12, kGerman};
  model_.scripts[1] = model_.scripts[2] = {{{kT0, 2, kT0 + 10}}};
  Start();
  auto request = Pieces(3);
  request->job->options.language = "";
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  EXPECT_EQ(request->job->language, "de");
  EXPECT_EQ(request->news[0].language, "de");
  ASSERT_EQ(model_.prompts.size(), 3u);
  for (const auto& prompt : model_.prompts) EXPECT_EQ(prompt[1], kGerman);
}

TEST_F(TranscriberTest, WordsHaveTheTimesAtWhichTheyWereHeard) {
  model_.scripts[0] = {{{kT0, 0, 1, 0, 2, kT0 + 10}}};  // " a b"
  Start();
  auto request = Pieces(1);
  request->job->options.words = true;
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDone);
  ASSERT_EQ(request->news[0].segments.size(), 1u);
  const auto& words = request->news[0].segments[0].words;
  ASSERT_EQ(words.size(), 2u) << "a blank begins a word";
  EXPECT_EQ(words[0].text, " a");
  EXPECT_EQ(words[1].text, " b");
  EXPECT_NEAR(words[0].start, 0, 1e-9);
  EXPECT_NEAR(words[1].start, 0.08, 1e-9) << "its first token is the third, at positions 4 and 5";
  EXPECT_NEAR(words[1].end, 0.16, 1e-9);
  EXPECT_NEAR(words[0].probability, 1.0 / 10, 1e-6) << "all logits of text are equal";
}

TEST_F(TranscriberTest, AudioOfNoLengthIsDoneAtOnce) {
  Start();
  Request request([](const Piece&) { return 0; });
  transcriber_->Submit(request.job);
  EXPECT_EQ(request.Wait(), JobEnd::kDone);
  EXPECT_TRUE(request.news.empty());
}

TEST_F(TranscriberTest, ALongFileDoesNotHoldUpAShortOne) {
  for (int i = 0; i < 60; ++i) model_.scripts[i] = {{{kT0, 1, 2, 3, kT0 + 10}}};
  Start({.max_windows = 2});
  auto longer = Pieces(60), shorter = Pieces(1);
  std::promise<void> both;
  longer->job->begin = [waiting = both.get_future().share()] {
    waiting.wait();
    return true;
  };
  std::size_t told = 0;
  const auto ended = shorter->job->ended;
  shorter->job->ended = [&](JobEnd end) {
    told = longer->news.size();  // on the thread that delivers them
    ended(end);
  };
  transcriber_->Submit(longer->job);
  transcriber_->Submit(shorter->job);
  both.set_value();
  EXPECT_EQ(shorter->Wait(), JobEnd::kDone);
  EXPECT_LT(told, 5u);
  EXPECT_EQ(longer->Wait(), JobEnd::kDone);
}

TEST_F(TranscriberTest, ACancelledJobEndsAndTheOthersGoOn) {
  for (int i = 0; i < 60; ++i) model_.scripts[i] = {{{kT0, 1, kT0 + 10}}};
  Start();
  auto gone = Pieces(60), other = Pieces(5);
  const auto deliver = gone->job->deliver;
  gone->job->deliver = [this, deliver, job = gone->job.get()](News&& news) {
    deliver(std::move(news));
    job->cancelled = true;  // as Cancel() does, which takes a lock
  };
  transcriber_->Submit(gone->job);
  transcriber_->Submit(other->job);
  EXPECT_EQ(gone->Wait(), JobEnd::kCancelled);
  EXPECT_LT(gone->news.size(), 10u) << "within a step";
  EXPECT_EQ(other->Wait(), JobEnd::kDone);
  EXPECT_EQ(other->news.size(), 5u);
  auto before = Pieces(1);
  transcriber_->Cancel(*before->job);
  transcriber_->Submit(before->job);
  EXPECT_EQ(before->Wait(), JobEnd::kCancelled);
}

TEST_F(TranscriberTest, ALostClaimEndsTheJobBeforeAnythingIsHeard) {
  Start();
  auto request = Pieces(2);
  request->job->begin = [] { return false; };
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kClaimLost);
  EXPECT_TRUE(model_.heard.empty());
}

TEST_F(TranscriberTest, DrainingEndsWhatHasNotBegun) {
  Start();
  transcriber_->Drain();
  auto request = Pieces(1);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kDraining);
}

TEST_F(TranscriberTest, WhatFailsEndsItsOwnJob) {
  model_.scripts[0] = {{{kT0, 1, kT0 + 10}}};
  Start();
  Request broken([](const Piece&) { return 0; });
  broken.job->frames = 20;
  broken.job->features = [](const Piece&, std::span<float>) -> Status { return Invalid("the audio ends"); };
  transcriber_->Submit(broken.job);
  EXPECT_EQ(broken.Wait(), JobEnd::kFailed);
  EXPECT_EQ(broken.job->error, "the audio ends");
  auto good = Pieces(1);
  transcriber_->Submit(good->job);
  EXPECT_EQ(good->Wait(), JobEnd::kDone);
}

TEST_F(TranscriberTest, WhatTheBudgetRefusesIsOverBudget) {
  model_.scripts[0] = {{{kT0, 1, kT0 + 10}}};
  model_.fail_hearing = MakeError(ErrorKind::kUnavailable, "10 MiB more are over the budget");
  Start();
  auto request = Pieces(1);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kOverBudget);
  EXPECT_NE(request->job->error.find("10 MiB"), std::string::npos);
}

TEST_F(TranscriberTest, AStepThatFailsEndsTheJobsOfItsWindows) {
  model_.scripts[0] = {{{kT0, 1, kT0 + 10}}};
  model_.fail_decoding = MakeError(ErrorKind::kInternal, "it broke");
  int steps = 0;
  Start({.after_step = [&steps](const Status& done) { steps += done ? 0 : 1; }});
  auto request = Pieces(1);
  transcriber_->Submit(request->job);
  EXPECT_EQ(request->Wait(), JobEnd::kFailed);
  EXPECT_EQ(request->job->error, "it broke");
  EXPECT_EQ(steps, 1);
}

TEST_F(TranscriberTest, WhatCannotBeDoneIsRefusedByName) {
  Start({}, 1);
  const auto refused = [this](const std::function<void(TranscriptionJob&)>& change) {
    auto request = Pieces(1);
    change(*request->job);
    transcriber_->Submit(request->job);
    EXPECT_EQ(request->Wait(), JobEnd::kRefused);
    return request->job->error;
  };
  EXPECT_NE(refused([](auto& job) { job.options.language = "tlh"; }).find("\"tlh\""), std::string::npos);
  EXPECT_NE(refused([](auto& job) { job.pieces[0].frames = 21; }).find("21 frames"), std::string::npos);
  EXPECT_NE(refused([](auto& job) { job.options.beam = 9; }).find("a beam of 9"), std::string::npos);
  EXPECT_NE(refused([](auto& job) { job.options.patience = 0; }).find("patience"), std::string::npos);
}

TEST_F(TranscriberTest, WhatIsLeftIsCancelledWhenTheTranscriberGoes) {
  for (int i = 0; i < 60; ++i) model_.scripts[i] = {{{kT0, 1, 2, 3, 4, kT0 + 10}}};
  Start();
  auto request = Pieces(60);
  transcriber_->Submit(request->job);
  transcriber_.reset();
  ASSERT_TRUE(request->end.has_value());
  EXPECT_TRUE(request->end == JobEnd::kCancelled || request->end == JobEnd::kDone);
}

TEST(NextTurn, IsWhoHasFewestOnTheWayThenWhoWasServedLeastThenWhoCameFirst) {
  const auto next = [](std::vector<Turn> turns) {
    const Turn* turn = NextTurn(turns);
    return turn != nullptr ? turn->serial : 0;
  };
  EXPECT_EQ(next({}), 0u);
  EXPECT_EQ(next({{1, 0, 0, false}}), 0u);
  EXPECT_EQ(next({{1, 0, 5, true}, {2, 0, 5, true}}), 1u);
  EXPECT_EQ(next({{1, 0, 5, true}, {2, 0, 4, true}}), 2u);
  EXPECT_EQ(next({{1, 1, 0, true}, {2, 0, 9, true}}), 2u);
  EXPECT_EQ(next({{1, 1, 0, true}, {2, 0, 9, false}}), 1u);
}

}  // namespace
}  // namespace berth::speech
