// Kind speech: Whisper, its tokenizer, the transcriber that batches for it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/audio/mel.h"
#include "worker/checkpoint/whisper_config.h"
#include "worker/checkpoint/whisper_footprint.h"
#include "worker/loaded_model.h"
#include "worker/process.h"
#include "worker/speech/decoding/tokens.h"
#include "worker/speech/speech_model.h"
#include "worker/speech/transcriber.h"
#include "worker/text/tokenizer.h"
#include "worker/transcription/transcription_route.h"

namespace berth {
namespace {

using speech::SpeechModel;
using speech::Transcriber;

constexpr int kMostWindows = 8;  // decoded together; beyond that a step gains little
constexpr int kHypotheses = 5;   // of a beam, and of samples

std::unique_ptr<SpeechModel> LoadWeights(Loading& loading) {
  speech::SpeechModelOptions options;
  options.threads = loading.start.threads;
  options.budget = Bytes{loading.start.budget_bytes};
  options.meter = &loading.budget;
  options.progress = [&loading](double share) { loading.Progress(share); };
  return Need(loading.control, speech::LoadWhisper(loading.start.source, options));
}

speech::SpeechTokens TokensOf(Loading& loading, const text::Tokenizer& tokenizer, const checkpoint::WhisperConfig& config,
                              const checkpoint::WhisperGeneration& generation) {
  return Need(loading.control, speech::FindSpeechTokens(tokenizer, config, generation, loading.start.source));
}

[[noreturn]] void FailMemory(Loading& loading, const Error& error) {
  FailLoad(loading.control, loading.start.source + ": " + error.message,
           error.kind == ErrorKind::kInternal ? WorkerExit::kBadModel : WorkerExit::kOutOfMemory);
}

// As many windows as there is memory for, at least one: each has its hypotheses' cache and what the decoder knows of it.
int MakeCache(Loading& loading, SpeechModel& model) {
  const auto& config = model.config();
  const auto floats = [](std::int64_t count) { return static_cast<std::uint64_t>(count) * sizeof(float); };
  const std::uint64_t once = floats(checkpoint::EncoderFloats(config)) +
                             floats(checkpoint::StepFloats(config, checkpoint::kSpeechStepRows)) +
                             floats(checkpoint::kSpeechLogitRows * config.vocab_size);
  const std::uint64_t each = model.window_bytes().count +
                             static_cast<std::uint64_t>(Transcriber::CacheBlocks(config, 1, kHypotheses)) *
                                 model.block_bytes().count;
  loading.guard.SettleExactly();
  const engine::Budget& budget = loading.budget;
  const std::uint64_t held = budget.taken() + budget.other() + once +
                             checkpoint::KeptForRequests(Bytes{budget.limit()}).count;
  const std::uint64_t free = budget.limit() > held ? budget.limit() - held : 0;
  const int windows = static_cast<int>(std::min<std::uint64_t>(kMostWindows, free / each));
  if (windows < 1) {
    FailMemory(loading, MakeError(ErrorKind::kExhausted, "one window needs ", FormatBytes(Bytes{held + each}),
                                  " with weights and requests, the budget is ", FormatBytes(Bytes{budget.limit()}),
                                  "; raise `memory` of the model"));
  }
  const Status made = model.AllocateCache(Transcriber::CacheBlocks(config, windows, kHypotheses));
  if (!made) FailMemory(loading, made.error());
  return windows;
}

speech::TranscriberOptions OptionsOf(Loading& loading, int windows, const checkpoint::WhisperGeneration& generation) {
  speech::TranscriberOptions options;
  options.max_windows = windows;
  options.max_initial_timestamp = generation.max_initial_timestamp;
  options.after_step = [&loading](const Status& done) { loading.After(done); };
  return options;
}

class SpeechWorker : public LoadedModel {
 public:
  explicit SpeechWorker(Loading& loading)
      : loading_(loading),
        model_(LoadWeights(loading)),
        generation_(Need(loading.control, checkpoint::ReadWhisperGeneration(loading.start.source, model_->config()))),
        tokenizer_(Need(loading.control, text::Tokenizer::Load(loading.start.source))),
        tokens_(TokensOf(loading, *tokenizer_, model_->config(), generation_)),
        mel_(static_cast<int>(model_->config().mels)),
        windows_(MakeCache(loading, *model_)),
        transcriber_(*model_, *tokenizer_, tokens_, OptionsOf(loading, windows_, generation_)),
        service_{loading.service, mel_, model_->config().frames(), tokens_.multilingual(),
                 [this](std::shared_ptr<speech::TranscriptionJob> job) { transcriber_.Submit(std::move(job)); },
                 [this](speech::TranscriptionJob& job) { transcriber_.Cancel(job); }} {}

  // A window of silence, at one temperature above 0, so that it is tried once.
  void WarmUp() {
    auto job = std::make_shared<speech::TranscriptionJob>();
    job->options.language = tokens_.multilingual() ? tokens_.languages.begin()->first : "";
    job->options.temperature = 1;
    job->frames = model_->config().frames();
    job->pieces = {{0, job->frames}};
    job->features = [](const speech::Piece&, std::span<float> mel) {
      std::ranges::fill(mel, 0.0f);
      return Ok();
    };
    std::promise<engine::JobEnd> promise;
    job->ended = [&promise](engine::JobEnd end) { promise.set_value(end); };
    transcriber_.Submit(job);
    const engine::JobEnd end = promise.get_future().get();
    if (end == engine::JobEnd::kDone) return;
    const auto kind = end == engine::JobEnd::kOverBudget ? ErrorKind::kExhausted : ErrorKind::kInternal;
    FailMemory(loading_, MakeError(kind, "the warm-up inference failed: ", job->error));
  }

  std::vector<serve::Route> Routes() override { return transcription::TranscriptionRoutes(service_); }
  std::string_view does() const override { return "writes down speech"; }

  std::string summary() const override {
    return std::to_string(model_->config().mels) + " mels, windows of " +
           std::to_string(std::lround(model_->config().window_seconds())) + " s, " + std::to_string(windows_) +
           " at the same time, " + (tokens_.multilingual() ? std::to_string(tokens_.languages.size()) + " languages" : "English");
  }

  protocol::Capabilities capabilities() const override {
    protocol::Capabilities capabilities;
    capabilities.context = static_cast<int>(model_->config().context);
    return capabilities;
  }

  // Twice what runs at the same time, so that the next window is here when one ends.
  int window() const override { return std::clamp(2 * windows_, 4, 64); }

  Bytes weights_mapped() const override { return model_->weights_mapped(); }
  Bytes weights_owned() const override { return model_->weights_owned(); }
  std::uint64_t steps() const override { return model_->steps(); }
  void Drain() override { transcriber_.Drain(); }

 private:
  Loading& loading_;
  const std::unique_ptr<SpeechModel> model_;
  const checkpoint::WhisperGeneration generation_;
  const std::unique_ptr<text::Tokenizer> tokenizer_;
  const speech::SpeechTokens tokens_;
  const audio::LogMel mel_;
  const int windows_;
  Transcriber transcriber_;
  transcription::TranscriptionService service_;
};

}  // namespace

std::unique_ptr<LoadedModel> LoadSpeech(Loading& loading) {
  auto worker = std::make_unique<SpeechWorker>(loading);
  [[maybe_unused]] const auto told = loading.control.Send(protocol::LoadingMessage{"warmup", kWeightsShare});
  worker->WarmUp();
  return worker;
}

}  // namespace berth
