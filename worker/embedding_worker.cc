// Kind embedding: an encoder of the BERT line, its tokenizer, the engine that batches for it.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "worker/engine/encoder.h"
#include "worker/engine/engine.h"
#include "worker/engine/warm_up.h"
#include "worker/loaded_model.h"
#include "worker/process.h"
#include "worker/embeddings/encoder_routes.h"
#include "worker/text/tokenizer.h"

namespace berth {
namespace {

constexpr int kMaxBatchSequences = 512;  // the last bucket of batch_size

std::unique_ptr<engine::Encoder> LoadWeights(Loading& loading) {
  const auto progress = [&loading](double share) { loading.Progress(share); };
  return Need(loading.control, engine::Encoder::Load(loading.start.source,
                                                     {Bytes{loading.start.budget_bytes}, progress}));
}

serve::EncoderFacts FactsOf(const protocol::StartMessage& start, const engine::Encoder& encoder) {
  serve::EncoderFacts facts;
  facts.name = start.name;
  facts.max_tokens = encoder.max_tokens();
  facts.vocab_size = encoder.vocab_size();
  facts.dimensions = encoder.dimensions();
  facts.matryoshka = start.matryoshka;
  facts.sentence = encoder.sentence();
  facts.task = encoder.task();
  return facts;
}

std::unique_ptr<text::Tokenizer> LoadTokenizer(Loading& loading, const engine::Encoder& encoder) {
  const std::string& source = loading.start.source;
  auto tokenizer = Need(loading.control, text::Tokenizer::Load(source));
  const Status pairs = tokenizer->CheckPairs();
  if (!pairs && encoder.task() == engine::Task::kRanking) {
    Fail(loading.control, source + ": the model ranks pairs of texts, but " + pairs.error().message,
         WorkerExit::kBadModel);
  }
  if (tokenizer->vocab_size() <= static_cast<std::size_t>(encoder.vocab_size())) return tokenizer;
  Fail(loading.control,
       source + ": the tokenizer has ids up to " + std::to_string(tokenizer->vocab_size() - 1) +
           ", config.json a vocab_size of " + std::to_string(encoder.vocab_size()) +
           "; they do not belong together",
       WorkerExit::kBadModel);
}

// Batches are packed, so more tokens than are computed at once gain nothing, and cost all that is decided
// between batches: who is next, who has left, which claims are begun.
engine::Limits LimitsOf(const protocol::StartMessage& start) {
  return {std::min(start.batch_max_tokens, engine::Encoder::kTokensAtOnce), kMaxBatchSequences,
          std::chrono::microseconds(start.batch_max_delay_us)};
}

engine::Engine::Options EngineOptions(const protocol::StartMessage& start, int dimensions) {
  engine::Engine::Options options;
  options.limits = LimitsOf(start);
  options.dimensions = dimensions;
  options.prepare_thread = [threads = start.threads] { engine::SetComputeThreads(threads); };
  return options;
}

class EmbeddingWorker : public LoadedModel {
 public:
  explicit EmbeddingWorker(Loading& loading)
      : loading_(loading),
        encoder_(LoadWeights(loading)),
        tokenizer_(LoadTokenizer(loading, *encoder_)),
        facts_(FactsOf(loading.start, *encoder_)),
        engine_([this](auto sequences, const auto& sink) { return Encode(sequences, sink); },
                EngineOptions(loading.start, facts_.dimensions), loading.metrics),
        service_{loading.service, facts_, *tokenizer_, engine_} {}

  void WarmUp() {
    const Status warm = engine::WarmUp(engine_, *encoder_, LimitsOf(loading_.start));
    if (warm) return;
    const bool memory = warm.error().kind == ErrorKind::kExhausted;
    FailLoad(loading_.control, loading_.start.source + ": " + warm.error().message,
             memory ? WorkerExit::kOutOfMemory : WorkerExit::kBadModel);
  }

  std::vector<serve::Route> Routes() override { return serve::EncoderRoutes(service_); }
  std::string_view does() const override { return serve::WhatItDoes(facts_.task); }

  std::string summary() const override {
    return (ranks() ? "ranks pairs of texts" : std::to_string(facts_.dimensions) + " dimensions") + ", " +
           std::to_string(facts_.max_tokens) + " tokens";
  }

  protocol::Capabilities capabilities() const override {
    protocol::Capabilities capabilities;
    capabilities.context = facts_.max_tokens;
    capabilities.dimensions = ranks() ? 0 : facts_.dimensions;
    return capabilities;
  }

  // Twice the largest batch, in sequences of full length, so that the next batch is here when one ends.
  int window() const override {
    return std::clamp(2 * loading_.start.batch_max_tokens / encoder_->max_tokens(), 16, 256);
  }

  Bytes weights_mapped() const override { return encoder_->weights_mapped(); }
  Bytes weights_owned() const override { return encoder_->weights_owned(); }
  std::uint64_t steps() const override { return encoder_->steps(); }
  void Drain() override { engine_.Drain(); }

 private:
  bool ranks() const { return facts_.task == engine::Task::kRanking; }

  Status Encode(std::span<const engine::Sequence> sequences, const engine::Sink& sink) {
    Status done = encoder_->Encode(sequences, sink);
    loading_.After(done);
    return done;
  }

  Loading& loading_;
  const std::unique_ptr<engine::Encoder> encoder_;
  const std::unique_ptr<text::Tokenizer> tokenizer_;
  const serve::EncoderFacts facts_;
  engine::Engine engine_;
  serve::EncoderService service_;
};

}  // namespace

std::unique_ptr<LoadedModel> LoadEncoder(Loading& loading) {
  auto worker = std::make_unique<EmbeddingWorker>(loading);
  [[maybe_unused]] const auto told = loading.control.Send(protocol::LoadingMessage{"warmup", kWeightsShare});
  worker->WarmUp();
  return worker;
}

}  // namespace berth
