#include "supervisor/placement/estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/unit/checkpoint/temp_dir.h"
#include "tests/unit/placement/plan_builder.h"

namespace berth::placement {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::PlanBuilder;
namespace fs = std::filesystem;

fs::path Golden(const std::string& name) {
  const char* source = std::getenv("BERTH_SOURCE_DIR");
  return fs::path(source != nullptr ? source : ".") / "tests/golden/encoders" / name;
}

EstimateInput Input(const fs::path& source) {
  return {.source = source, .max_tokens = 16'384, .threads = 1, .max_body = MiB(8)};
}

Estimate Of(const EstimateInput& input) { return EstimateReplica(input).value(); }

TEST(Estimate, SumsWhatIsPrivateAndTellsTheMappedFile) {
  const Estimate estimate = Of(Input(Golden("bert-embedding")));
  EXPECT_GT(estimate.mapped.count, 0U);
  Bytes sum;
  std::set<std::string_view> names;
  for (const EstimatePart& part : EstimateParts()) {
    if (part.adds) sum += estimate.*part.bytes;
    names.insert(part.name);
  }
  EXPECT_EQ(estimate.total(), sum);
  EXPECT_EQ(names.size(), EstimateParts().size());
}

TEST(Estimate, BudgetIsTheTotalRoundedUpTo16MiB) {
  Estimate estimate;
  estimate.runtime = MiB(64);
  EXPECT_EQ(estimate.memory(), MiB(64));
  estimate.tokenizer = Bytes{1};
  EXPECT_EQ(estimate.memory(), MiB(80));
}

TEST(Estimate, WidenedWeightsArePrivate) {
  const Estimate estimate = Of(Input(Golden("distilbert-embedding-bf16")));
  EXPECT_EQ(estimate.mapped.count, 0U);
  EXPECT_GT(estimate.weights.count, 10'000U);
}

TEST(Estimate, GrowsWithTheBatchUpToWhatIsComputedAtOnce) {
  const fs::path data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  EstimateInput input = Input(data / "models/bert-mini-sts");
  const Bytes most = Of(input).activations;
  input.max_tokens = 1024;
  EXPECT_EQ(Of(input).activations, most);
  input.max_tokens = 256;
  EXPECT_LT(Of(input).activations, most);
}

TEST(Estimate, EachComputeThreadCosts) {
  EstimateInput input = Input(Golden("bert-embedding"));
  const Bytes one = Of(input).total();
  input.threads = 4;
  EXPECT_EQ(Of(input).total() - one, MiB(12));
}

TEST(Estimate, RequestsOfARerankerHoldNoVectors) {
  EXPECT_LT(Of(Input(Golden("bert-ranking"))).requests, Of(Input(Golden("bert-embedding"))).requests);
}

// ---- language models

fs::path Decoder(const std::string& name) { return Golden("../decoders/" + name); }

EstimateInput DecoderInput(const std::string& name) {
  EstimateInput input = Input(Decoder(name));
  input.kind = config::Kind::kLlm;
  input.max_tokens = 512;
  input.llm.max_sequences = 1;
  return input;
}

TEST(EstimateDecoder, WeightsAsTheyAreInTheFileAreMappedAndConvertedOnesPrivate) {
  const Estimate mapped = Of(DecoderInput("llama-1"));
  EXPECT_GT(mapped.mapped.count, 10'000U);
  EXPECT_EQ(mapped.weights.count, 0U);
  const Estimate widened = Of(DecoderInput("llama-linear-f16"));
  EXPECT_EQ(widened.mapped.count, 0U);
  EXPECT_GT(widened.weights.count, 10'000U);
}

// 2 layers of keys and values, 2 heads of 16 floats: 512 bytes a token, 8,192 a block of 16.
TEST(EstimateDecoder, CacheHoldsOneWholeContextAndAQuarterForEachOther) {
  EstimateInput input = DecoderInput("qwen3");
  EXPECT_EQ(Of(input).kv_cache.count, 6 * 8'192U) << "96 positions, all that the model has";
  input.llm.max_sequences = 3;
  EXPECT_EQ(Of(input).kv_cache.count, (6 + 2 * 2) * 8'192U) << "24 positions are two blocks";
  input.llm.context = 40;
  EXPECT_EQ(Of(input).kv_cache.count, (3 + 2 * 1) * 8'192U);
  input.llm.context = 1'000'000;
  EXPECT_EQ(Of(input).kv_cache.count, (6 + 2 * 2) * 8'192U) << "the worker refuses it, with its reason";
}

TEST(EstimateDecoder, CacheIsOfTheDtypeThatThePlanAsksFor) {
  EstimateInput input = DecoderInput("qwen3");
  const Bytes whole = Of(input).kv_cache;
  input.llm.dtype = config::Dtype::kBfloat16;
  EXPECT_EQ(Of(input).kv_cache.count * 2, whole.count);
  input.llm.dtype = config::Dtype::kFloat16;
  EXPECT_THAT(EstimateReplica(input).error().message, HasSubstr("dtype float16 is not supported"));
}

TEST(EstimateDecoder, ALongModelWithoutAContextIsEstimatedWithALimitedOne) {
  const TempDir dir;
  auto json = nlohmann::json::parse(std::ifstream(Decoder("qwen3") / "config.json"));
  json["max_position_embeddings"] = 131'072;
  dir.Write("config.json", json.dump());
  fs::copy(Decoder("qwen3") / "model.safetensors", dir.path() / "model.safetensors");
  EstimateInput input = DecoderInput("qwen3");
  input.source = dir.path();
  EXPECT_EQ(Of(input).kv_cache.count, 4'096U * 512);
  input.llm.context = 8'192;
  EXPECT_EQ(Of(input).kv_cache.count, 8'192U * 512);
}

TEST(EstimateDecoder, AStepOfMoreTokensCostsActivations) {
  EstimateInput input = DecoderInput("llama-1");
  const Bytes most = Of(input).activations;
  input.max_tokens = 16;
  EXPECT_LT(Of(input).activations, most);
}

// What a worker keeps free is a sixteenth of its memory, at most 64 MiB (worker/README.md).
TEST(EstimateDecoder, RequestsHaveWhatTheWorkerKeepsFreeOfItsCache) {
  EstimateInput input = DecoderInput("qwen3");
  EXPECT_EQ(Of(input).requests, MiB(32)) << "two bodies, and their texts";
  input.max_body = Bytes{};
  const Estimate small = Of(input);
  EXPECT_GE(small.requests.count * 16, small.total().count);
  EXPECT_LE(small.requests.count * 16, small.total().count + 64);
  input.threads = 1'000;
  EXPECT_EQ(Of(input).requests, MiB(64));
}

TEST(EstimateDecoder, AnEncoderIsRefusedByName) {
  EstimateInput input = Input(Golden("bert-embedding"));
  input.kind = config::Kind::kLlm;
  EXPECT_THAT(EstimateReplica(input).error().message, HasSubstr("BertModel"));
}

TEST(KindOf, IsWhatTheArchitectureSays) {
  EXPECT_EQ(KindOf(Decoder("qwen2-yarn")), config::Kind::kLlm);
  EXPECT_EQ(KindOf(Golden("bert-embedding")), config::Kind::kEmbedding);
  EXPECT_EQ(KindOf("/nowhere"), config::Kind::kEmbedding);
  const TempDir dir;
  dir.Write("config.json", R"({"model_type": "llama"})");
  EXPECT_EQ(KindOf(dir.path()), config::Kind::kLlm) << "older files have no architectures";
  dir.Write("config.json", R"({"architectures": ["GemmaForCausalLM"]})");
  EXPECT_EQ(KindOf(dir.path()), config::Kind::kLlm) << "so that the reader of decoders says why not";
  dir.Write("config.json", R"({"architectures": [1]})");
  EXPECT_EQ(KindOf(dir.path()), config::Kind::kEmbedding);
}

// ---- speech

EstimateInput SpeechInput(const std::string& name) {
  EstimateInput input = Input(Golden("../whisper/" + name));
  input.kind = config::Kind::kSpeech;
  return input;
}

TEST(EstimateSpeech, ForetellsTwoWindowsAndWhatHearingTakes) {
  const Estimate estimate = Of(SpeechInput("whisper"));
  EXPECT_GT(estimate.mapped.count, 80'000U);
  EXPECT_EQ(estimate.weights.count, 0U);
  // Two windows. Of each two layers of two heads over 128 frames, keys of 12 and values padded to 16 floats; and five
  // hypotheses of 40 tokens, three blocks of 16, keys and values of 24 floats in two layers.
  EXPECT_EQ(estimate.kv_cache.count, 2U * 4 * (2 * 2 * 128 * (12 + 16) + 5 * 3 * 16 * 2 * 24 * 2));
  EXPECT_GT(estimate.activations.count, 4U * 512 * 24);
  EXPECT_GT(Of(SpeechInput("whisper-distil-f16")).weights.count, 50'000U) << "widened";
  EXPECT_EQ(KindOf(Golden("../whisper/whisper")), config::Kind::kSpeech);
}

TEST(EstimateSpeech, AModelThatIsNoWhisperIsRefusedByName) {
  EstimateInput input = Input(Golden("bert-embedding"));
  input.kind = config::Kind::kSpeech;
  EXPECT_THAT(EstimateReplica(input).error().message, HasSubstr("model_type \"bert\" is not supported for speech"));
}

// ---- all kinds

TEST(Estimate, AnUnknownArchitectureIsRefusedByName) {
  const TempDir dir;
  dir.Write("config.json", R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})");
  EXPECT_THAT(EstimateReplica(Input(dir.path())).error().message, HasSubstr("LlamaForCausalLM"));
}

// ---- a plan's sources

config::Plan PlanWith(const fs::path& source, Bytes memory) {
  config::Plan plan = PlanBuilder().Device("cpu", GiB(4)).Model("bge", memory);
  plan.models[0].source = source;
  plan.models[0].batching.max_tokens = 16'384;
  plan.server.max_body = MiB(8);
  return plan;
}

TEST(LookAtSources, GivesAModelWithoutMemoryItsEstimate) {
  config::Plan plan = PlanWith(Golden("bert-embedding"), Bytes{});
  const LookedAt seen = LookAtSources(plan, Sources::kAll);
  EXPECT_TRUE(seen.errors.empty());
  const Estimate estimate = Of(Input(Golden("bert-embedding")));
  EXPECT_EQ(plan.models[0].memory, estimate.memory());
  EXPECT_EQ(plan.models[0].estimate, estimate.total());
  EXPECT_TRUE(plan.models[0].memory_estimated);
  EXPECT_TRUE(BudgetWarnings(plan, seen.estimates).empty());
}

TEST(LookAtSources, LeavesTheMemoryOfThePlanAlone) {
  config::Plan plan = PlanWith(Golden("bert-embedding"), MiB(32));
  const LookedAt seen = LookAtSources(plan, Sources::kNeeded);
  EXPECT_EQ(plan.models[0].memory, MiB(32));
  EXPECT_FALSE(plan.models[0].memory_estimated);
  const auto warnings = BudgetWarnings(plan, seen.estimates);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("model \"bge\": its memory of 32 MiB is below the estimate of "));
}

TEST(Estimate, AContextIsWhatTheBudgetLeavesForKeysAndValues) {
  Estimate estimate;
  estimate.runtime = MiB(64);
  estimate.kv_cache = MiB(40);
  estimate.context = 4096;
  estimate.context_cache = MiB(32);
  EXPECT_EQ(estimate.ContextWithin(MiB(64)), 0);
  EXPECT_EQ(estimate.ContextWithin(MiB(72)), 1024);
  EXPECT_EQ(estimate.ContextWithin(MiB(72) + Bytes{9 * 8192}), 1024) << "whole blocks of 16 tokens";
  EXPECT_EQ(estimate.ContextWithin(MiB(96)), 4096);
  EXPECT_EQ(estimate.ContextWithin(GiB(1)), 4096) << "at most what was asked for, or the model has";
}

// A smaller cache is no mistake; one that cannot hold what the plan promises is.
TEST(BudgetWarnings, OfALanguageModelTellWhenItsContextDoesNotFit) {
  config::Plan plan;
  plan.models.emplace_back();
  plan.models[0].name = "chat";
  plan.models[0].memory = MiB(80);
  Estimate estimate;
  estimate.runtime = MiB(64);
  estimate.kv_cache = MiB(40);
  estimate.context = 4096;
  estimate.context_cache = MiB(32);
  EXPECT_TRUE(BudgetWarnings(plan, {{"chat", estimate}}).empty());
  estimate.context_asked = true;
  const auto warnings = BudgetWarnings(plan, {{"chat", estimate}});
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0], "model \"chat\": its memory of 80 MiB has room for a context of 2048 tokens, not of 4096, which "
                         "needs 32 MiB for its keys and values; raise it, or lower context");
  plan.models[0].memory = MiB(60);
  EXPECT_THAT(BudgetWarnings(plan, {{"chat", estimate}})[0], HasSubstr("is below the estimate of 104 MiB"));
}

TEST(LookAtSources, AChatTemplateThatIsNotThereIsAMistake) {
  config::Plan plan = PlanWith(Golden("bert-embedding"), GiB(1));
  plan.models[0].llm.chat_template = "/nowhere/chat.jinja";
  const LookedAt seen = LookAtSources(plan, Sources::kAll);
  ASSERT_EQ(seen.errors.size(), 1U);
  EXPECT_THAT(seen.errors[0].message, HasSubstr("chat_template /nowhere/chat.jinja"));
}

TEST(LookAtSources, AMissingSourceMattersToWhoeverNeedsTheEstimate) {
  config::Plan given = PlanWith("/nowhere/bge", GiB(1));
  EXPECT_TRUE(LookAtSources(given, Sources::kNeeded).errors.empty());
  EXPECT_EQ(LookAtSources(given, Sources::kAll).errors.size(), 1U);
  config::Plan without = PlanWith("/nowhere/bge", Bytes{});
  const LookedAt seen = LookAtSources(without, Sources::kNeeded);
  ASSERT_EQ(seen.errors.size(), 1U);
  EXPECT_THAT(seen.errors[0].message, HasSubstr("model \"bge\": source /nowhere/bge does not exist"));
}

TEST(LookAtSources, WhatCannotBeEstimatedNeedsItsMemoryInThePlan) {
  const TempDir dir;
  dir.Write("config.json", "{}");
  config::Plan plan = PlanWith(dir.path(), Bytes{});
  const LookedAt seen = LookAtSources(plan, Sources::kNeeded);
  ASSERT_EQ(seen.errors.size(), 1U);
  EXPECT_THAT(seen.errors[0].message, HasSubstr("model \"bge\": its memory cannot be estimated: "));
  EXPECT_THAT(seen.errors[0].message, HasSubstr("; set `memory` of the model"));
  plan.models[0].memory = GiB(1);
  EXPECT_TRUE(LookAtSources(plan, Sources::kAll).errors.empty());
}

TEST(FormatEstimate, ShowsPartsEstimateAndBudgetOfEachModel) {
  config::Plan plan = PlanWith("/models/bge", MiB(96));
  plan.models[0].memory_estimated = true;
  const Estimates estimates{{"bge", {MiB(127), Bytes{}, MiB(10), MiB(2), MiB(8), MiB(64)}}};
  EXPECT_THAT(Format(plan, {}, estimates),
              HasSubstr("\n\nMODEL  WEIGHTS MAPPED  WEIGHTS  ACTIVATIONS  TOKENIZER  REQUESTS  RUNTIME  ESTIMATE  BUDGET\n"
                        "bge           127 MiB      0 B       10 MiB      2 MiB     8 MiB   64 MiB    84 MiB  "
                        "96 MiB (the estimate)\n"));
  EXPECT_EQ(Format(plan, {}, {}), Format(plan, Placement{})) << "nothing was estimated";
}

TEST(FormatEstimate, APartOfSomeKindsAloneIsAColumnWhereAModelHasIt) {
  const config::Plan plan = PlanWith("/models/bge", MiB(96));
  Estimate estimate{MiB(127), Bytes{}, MiB(10), MiB(2), MiB(8), MiB(64)};
  EXPECT_THAT(Format(estimate), Not(HasSubstr("KV cache")));
  estimate.kv_cache = MiB(6);
  EXPECT_THAT(Format(estimate), HasSubstr("KV cache"));
  EXPECT_THAT(Format(plan, {}, {{"bge", estimate}}), HasSubstr("  ACTIVATIONS  KV CACHE  TOKENIZER  "));
}

TEST(FormatEstimate, AsJsonHoldsEveryPartInBytes) {
  const config::Plan plan = PlanWith("/models/bge", MiB(96));
  const auto json = ToJson(plan, {{"bge", {MiB(127), Bytes{}, MiB(10), MiB(2), MiB(8), MiB(64)}}});
  ASSERT_EQ(json.size(), 1U);
  EXPECT_EQ(json[0]["model"], "bge");
  EXPECT_EQ(json[0]["parts"].size(), EstimateParts().size());
  EXPECT_EQ(json[0]["parts"][0],
            (nlohmann::ordered_json{{"name", "weights_mapped"}, {"bytes", MiB(127).count}, {"adds", false}}));
  EXPECT_EQ(json[0]["estimate_bytes"], MiB(84).count);
  EXPECT_EQ(json[0]["memory_bytes"], MiB(96).count);
  EXPECT_EQ(json[0]["memory_estimated"], false);
}

}  // namespace
}  // namespace berth::placement
