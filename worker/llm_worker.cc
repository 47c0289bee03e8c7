// Kind llm: a decoder, its tokenizer, its chat template, the generator that batches for it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "worker/chat/chat_template.h"
#include "worker/checkpoint/decoder_config.h"
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/checkpoint/generation_config.h"
#include "worker/completions/routes.h"
#include "worker/engine/decoder.h"
#include "worker/engine/encoder.h"
#include "worker/generation/cache_plan.h"
#include "worker/generation/generator.h"
#include "worker/kernels/cpu/isa.h"
#include "worker/loaded_model.h"
#include "worker/process.h"
#include "worker/text/tokenizer.h"

namespace berth {
namespace {

using completions::GenerationFacts;

// There is no float16: what a plan asks for and the CPU lacks is refused before anything is loaded.
engine::DecoderDtype DtypeOf(Loading& loading) {
  const std::string& dtype = loading.start.llm->dtype;
  if (dtype == "auto") return engine::DecoderDtype::kAuto;
  if (dtype == "float32") return engine::DecoderDtype::kFloat32;
  if (dtype == "bfloat16") return engine::DecoderDtype::kBfloat16;
  Fail(loading.control, "dtype \"" + dtype + "\" is not supported on the CPU; supported: auto, float32, bfloat16",
       WorkerExit::kBadOptions);
}

std::unique_ptr<engine::Decoder> LoadWeights(Loading& loading) {
  engine::DecoderOptions options;
  options.dtype = DtypeOf(loading);
  options.context = loading.start.llm->context;
  options.threads = loading.start.threads;
  options.budget = Bytes{loading.start.budget_bytes};
  options.meter = &loading.budget;
  options.progress = [&loading](double share) { loading.Progress(share); };
  return Need(loading.control, engine::LoadDecoder(loading.start.source, options));
}

std::unique_ptr<text::Tokenizer> LoadTokenizer(Loading& loading, const engine::Decoder& decoder) {
  auto tokenizer = Need(loading.control, text::Tokenizer::Load(loading.start.source));
  if (tokenizer->vocab_size() <= static_cast<std::size_t>(decoder.vocab_size())) return tokenizer;
  Fail(loading.control,
       loading.start.source + ": the tokenizer has ids up to " + std::to_string(tokenizer->vocab_size() - 1) +
           ", config.json a vocab_size of " + std::to_string(decoder.vocab_size()) +
           "; they do not belong together",
       WorkerExit::kBadModel);
}

checkpoint::GenerationConfig ReadGenerationConfig(Loading& loading) {
  const std::string& source = loading.start.source;
  const auto config = Need(loading.control, checkpoint::ReadDecoderConfig(source));
  return Need(loading.control, checkpoint::ReadGenerationConfig(source, config));
}

// What a request gets that leaves a parameter out: the publisher's, or, as the plan may say, OpenAI's.
engine::Sampling DefaultsOf(const protocol::LlmSettings& settings, const checkpoint::GenerationConfig& config) {
  engine::Sampling defaults;
  if (settings.generation_defaults == "openai") return defaults;
  defaults.temperature = config.temperature.value_or(defaults.temperature);
  if (config.do_sample == false) defaults.temperature = 0;
  defaults.top_k = static_cast<int>(config.top_k.value_or(defaults.top_k));
  defaults.top_p = config.top_p.value_or(defaults.top_p);
  defaults.min_p = config.min_p.value_or(defaults.min_p);
  defaults.typical_p = config.typical_p.value_or(defaults.typical_p);
  defaults.repetition_penalty = config.repetition_penalty.value_or(defaults.repetition_penalty);
  return defaults;
}

// The model's end tokens; a chat tokenizer often knows one that the model's own files were never told of.
std::vector<std::int32_t> EndsOf(const checkpoint::GenerationConfig& config, const chat::ChatTemplate& chat_template,
                                 const text::Tokenizer& tokenizer) {
  std::vector<std::int32_t> ends = config.eos;
  const auto eos = tokenizer.TokenToId(chat_template.eos_token());
  if (eos && std::ranges::find(ends, *eos) == ends.end()) ends.push_back(*eos);
  return ends;
}

[[noreturn]] void FailMemory(Loading& loading, const Error& error) {
  FailLoad(loading.control, loading.start.source + ": " + error.message,
           error.kind == ErrorKind::kInternal ? WorkerExit::kBadModel : WorkerExit::kOutOfMemory);
}

// A step of as many tokens as one may have, of several sequences where one has not the positions, and as many logits.
struct LargestStep {
  LargestStep(int tokens, const engine::Decoder& decoder) : ids(static_cast<std::size_t>(tokens)) {
    for (int i = 0; i < tokens; ++i) ids[static_cast<std::size_t>(i)] = i % decoder.vocab_size();
    const int length = std::min(tokens, decoder.max_positions());
    for (int begin = 0; begin < tokens; begin += length) blocks.push_back(BlocksOf(std::min(length, tokens - begin)));
    auto rows = static_cast<std::size_t>(engine::kMostLogitRows);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto part = std::span(ids).subspan(i * static_cast<std::size_t>(length)).first(SizeOf(i, length));
      const std::size_t wanted = std::min(rows, part.size());
      rows -= wanted;
      slices.push_back({part, 0, blocks[i], part.size() - wanted});
    }
  }

  std::size_t SizeOf(std::size_t slice, int length) const {
    const std::size_t begin = slice * static_cast<std::size_t>(length);
    return std::min(static_cast<std::size_t>(length), ids.size() - begin);
  }

  std::vector<engine::BlockId> BlocksOf(int tokens) {
    std::vector<engine::BlockId> own(static_cast<std::size_t>((tokens - 1) / engine::kBlockTokens + 1));
    for (engine::BlockId& block : own) block = block_count++;
    return own;
  }

  std::vector<std::int32_t> ids;
  engine::BlockId block_count = 0;
  std::vector<std::vector<engine::BlockId>> blocks;  // of each slice
  std::vector<engine::Slice> slices;
};

// What the largest step takes beside weights and cache, seen by taking one.
Bytes MeasureStep(Loading& loading, engine::Decoder& decoder) {
  const LargestStep step(loading.start.batch_max_tokens, decoder);
  const Status made = decoder.AllocateCache(step.block_count);
  if (!made) FailMemory(loading, made.error());
  const std::uint64_t before = loading.budget.taken();
  loading.budget.Mark();
  std::span<const float> logits;
  const Status done = decoder.Forward(step.slices, logits);
  if (!done) FailMemory(loading, done.error());
  return Bytes{loading.budget.peak_since_mark() - before};
}

// Gives the decoder the cache that its memory has room for.
engine::CachePlan MakeCache(Loading& loading, engine::Decoder& decoder) {
  engine::Budget& budget = loading.budget;
  const std::uint64_t taken = budget.taken();
  engine::CacheNeeds needs;
  needs.activations = MeasureStep(loading, decoder);
  loading.guard.SettleExactly();
  needs.memory = Bytes{budget.limit() - checkpoint::KeptForRequests(Bytes{budget.limit()}).count};
  needs.held = Bytes{taken + budget.other()};
  needs.block = decoder.block_bytes();
  needs.context = loading.start.llm->context;
  needs.model_context = decoder.max_positions();
  needs.max_sequences = loading.start.llm->max_sequences;
  const auto plan = engine::PlanCache(needs);
  if (!plan) FailMemory(loading, plan.error());
  const Status made = decoder.AllocateCache(plan->blocks);
  if (!made) FailMemory(loading, made.error());
  return *plan;
}

// Whatever may change what equal seeds make: the program and the instructions it computes with, the model's files, the
// plan's settings.
std::string Fingerprint(const protocol::StartMessage& start, const engine::CachePlan& cache) {
  std::string all = std::string(BERTH_VERSION) + "\n" + kernels::cpu::SupportedIsas().isas[0]->name + "\n" +
                    start.source + "\n" + start.llm->dtype + "\n" + std::to_string(cache.context) + "\n" +
                    start.llm->chat_template + "\n" + start.llm->generation_defaults;
  std::vector<std::string> files;
  std::error_code unread;
  for (const auto& file : std::filesystem::directory_iterator(start.source, unread)) {
    const auto size = file.is_regular_file(unread) ? file.file_size(unread) : 0;
    const auto written = file.last_write_time(unread).time_since_epoch().count();
    files.push_back(file.path().filename().string() + " " + std::to_string(size) + " " + std::to_string(written));
  }
  std::ranges::sort(files);
  for (const std::string& file : files) all += "\n" + file;
  char text[32];
  std::snprintf(text, sizeof text, "fp_%016zx", std::hash<std::string>()(all));
  return text;
}

GenerationFacts FactsOf(const protocol::StartMessage& start, const engine::Decoder& decoder, const engine::CachePlan& cache,
                        const checkpoint::GenerationConfig& config) {
  GenerationFacts facts;
  facts.name = start.name;
  facts.max_tokens = static_cast<int>(cache.context);
  facts.vocab_size = decoder.vocab_size();
  facts.defaults = DefaultsOf(*start.llm, config);
  if (start.llm->generation_defaults != "openai") {
    facts.default_max_tokens = std::min(config.max_new_tokens.value_or(0), cache.context);
    facts.default_max_length = config.max_length.value_or(0);
    facts.default_min_tokens = std::min(config.min_new_tokens.value_or(0), cache.context);
    facts.default_stops = config.stop_strings;
  }
  facts.fingerprint = Fingerprint(start, cache);
  return facts;
}

engine::GeneratorOptions OptionsOf(Loading& loading, const engine::CachePlan& cache, const text::Tokenizer& tokenizer,
                                   std::vector<std::int32_t> ends) {
  engine::GeneratorOptions options;
  options.context = cache.context;
  options.max_sequences = loading.start.llm->max_sequences;
  options.step_tokens = loading.start.batch_max_tokens;
  options.prefix_cache = loading.start.llm->prefix_cache;
  options.eos = std::move(ends);
  options.sampled_vocab = static_cast<int>(tokenizer.vocab_size());
  options.prepare_thread = [threads = loading.start.threads] { engine::SetComputeThreads(threads); };
  options.after_step = [&loading](const Status& done) { loading.After(done); };
  return options;
}

completions::RenderChat Renderer(const chat::ChatTemplate& chat_template) {
  if (!chat_template.present()) return nullptr;
  return [&chat_template](const chat::ChatRequest& request, const chat::Hold& hold) {
    return chat_template.Render(request, std::chrono::system_clock::now(), hold);
  };
}

class LlmWorker : public LoadedModel {
 public:
  explicit LlmWorker(Loading& loading)
      : loading_(loading),
        decoder_(LoadWeights(loading)),
        tokenizer_(LoadTokenizer(loading, *decoder_)),
        template_(Need(loading.control,
                       chat::ChatTemplate::Load(loading.start.source, loading.start.llm->chat_template))),
        config_(ReadGenerationConfig(loading)),
        cache_(MakeCache(loading, *decoder_)),
        facts_(FactsOf(loading.start, *decoder_, cache_, config_)),
        generator_(*decoder_, *tokenizer_, OptionsOf(loading, cache_, *tokenizer_, EndsOf(config_, template_, *tokenizer_)),
                   loading.metrics),
        service_{loading.service, facts_, *tokenizer_, Renderer(template_),
                 [this](std::shared_ptr<engine::GenerationJob> job) { generator_.Submit(std::move(job)); },
                 [this](engine::GenerationJob& job) { generator_.Cancel(job); }} {}

  // A prompt of more than one step, and some tokens: every code path on the compute thread.
  void WarmUp() {
    auto job = std::make_shared<engine::GenerationJob>();
    const std::int64_t tokens = std::min<std::int64_t>(cache_.context - 2, loading_.start.batch_max_tokens + 1);
    job->prompts.emplace_back();
    for (std::int64_t i = 0; i < std::max<std::int64_t>(tokens, 1); ++i) {
      job->prompts[0].push_back(static_cast<std::int32_t>(i % facts_.vocab_size));
    }
    job->stopping.max_tokens = 2;
    job->stopping.ignore_eos = true;
    job->cache_salt = "warm-up";
    job->begin = [] { return true; };
    job->deliver = [](engine::Delta&&) {};
    std::promise<engine::JobEnd> promise;
    job->ended = [&promise](engine::JobEnd end) { promise.set_value(end); };
    generator_.Submit(job);
    const engine::JobEnd end = promise.get_future().get();
    if (end == engine::JobEnd::kDone) return;
    const auto kind = end == engine::JobEnd::kOverBudget ? ErrorKind::kExhausted : ErrorKind::kInternal;
    FailMemory(loading_, MakeError(kind, "the warm-up inference failed: ", job->error));
  }

  std::vector<serve::Route> Routes() override { return completions::GenerationRoutes(service_); }
  std::string_view does() const override { return "writes text"; }

  std::string summary() const override {
    return "writes text, " + std::to_string(cache_.context) + " tokens, " + std::to_string(cache_.blocks) +
           " blocks of KV cache, " + (template_.present() ? "chat template " + template_.source() : "no chat template");
  }

  protocol::Capabilities capabilities() const override {
    protocol::Capabilities capabilities;
    capabilities.context = facts_.max_tokens;
    const engine::Sampling& defaults = facts_.defaults;
    capabilities.sampling = {{"temperature", defaults.temperature},
                             {"top_k", defaults.top_k},
                             {"top_p", defaults.top_p},
                             {"min_p", defaults.min_p},
                             {"typical_p", defaults.typical_p},
                             {"repetition_penalty", defaults.repetition_penalty}};
    return capabilities;
  }

  // Twice what runs at the same time, so that the next sequence is here when one ends.
  int window() const override { return std::clamp(2 * loading_.start.llm->max_sequences, 16, 256); }

  Bytes weights_mapped() const override { return decoder_->weights_mapped(); }
  Bytes weights_owned() const override { return decoder_->weights_owned(); }
  std::uint64_t steps() const override { return decoder_->steps(); }
  void Drain() override { generator_.Drain(); }

  std::map<std::string, double> gauges() const override { return engine::BeatGauges(generator_.gauges()); }

 private:
  Loading& loading_;
  const std::unique_ptr<engine::Decoder> decoder_;
  const std::unique_ptr<text::Tokenizer> tokenizer_;
  const chat::ChatTemplate template_;
  const checkpoint::GenerationConfig config_;
  const engine::CachePlan cache_;
  const GenerationFacts facts_;
  engine::Generator generator_;
  completions::GenerationService service_;
};

}  // namespace

std::unique_ptr<LoadedModel> LoadLlm(Loading& loading) {
  if (!loading.start.llm) {
    Fail(loading.control, "the start message of a language model lacks `llm`", WorkerExit::kBadOptions);
  }
  engine::SetComputeThreads(loading.start.threads);  // of this thread, which measures a step
  auto worker = std::make_unique<LlmWorker>(loading);
  [[maybe_unused]] const auto told = loading.control.Send(protocol::LoadingMessage{"warmup", kWeightsShare});
  worker->WarmUp();
  return worker;
}

}  // namespace berth
