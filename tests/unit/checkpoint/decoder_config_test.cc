#include "worker/checkpoint/decoder_config.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/unit/checkpoint/temp_dir.h"
#include "worker/checkpoint/generation_config.h"

namespace berth::checkpoint {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// Llama 3.2's, in small.
json Llama() {
  return json::parse(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 100,
    "vocab_size": 1000, "hidden_act": "silu", "max_position_embeddings": 131072, "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0, "attention_bias": false, "mlp_bias": false, "tie_word_embeddings": true,
    "bos_token_id": 900, "eos_token_id": [903, 901, 903], "torch_dtype": "bfloat16", "pretraining_tp": 1,
    "use_cache": true, "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192, "rope_type": "llama3"}})");
}

json Qwen2() {
  return json::parse(R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 64,
    "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "intermediate_size": 100,
    "vocab_size": 1000, "hidden_act": "silu", "max_position_embeddings": 32768, "rope_theta": 1e6,
    "sliding_window": 4096, "use_sliding_window": false, "max_window_layers": 2, "eos_token_id": 7})");
}

json Qwen3() {
  json config = Qwen2();
  config["architectures"] = {"Qwen3ForCausalLM"};
  config["model_type"] = "qwen3";
  config["head_dim"] = 16;
  config["attention_bias"] = false;
  return config;
}

json With(json config, const json& changes) {
  config.merge_patch(changes);  // null removes a key
  return config;
}

DecoderConfig Read(const json& config) {
  const auto parsed = ParseDecoderConfig(config, "config.json");
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : DecoderConfig{};
}

TEST(ParseDecoderConfig, ReadsALlama) {
  const DecoderConfig config = Read(Llama());
  EXPECT_EQ(config.family, DecoderFamily::kLlama);
  EXPECT_EQ(config.vocab_size, 1000);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.layers, 4);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_size, 8);
  EXPECT_EQ(config.intermediate_size, 100);
  EXPECT_EQ(config.positions, 131072);
  EXPECT_DOUBLE_EQ(config.norm_eps, 1e-5);
  EXPECT_FALSE(config.qkv_bias || config.output_bias || config.mlp_bias || config.qk_norm);
  EXPECT_TRUE(config.tied);
  EXPECT_EQ(config.rope.type, RopeType::kLlama3);
  EXPECT_DOUBLE_EQ(config.rope.theta, 500000);
  EXPECT_DOUBLE_EQ(config.rope.factor, 32);
  EXPECT_EQ(config.rope.original_positions, 8192);
  EXPECT_EQ(config.rope.rotary_size, 8);
  EXPECT_THAT(config.windows, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(config.dtype, Dtype::BF16);
  EXPECT_THAT(config.eos, ElementsAre(901, 903));
  EXPECT_EQ(config.bos, 900);
}

TEST(ParseDecoderConfig, WhatAFileDoesNotSayIsTheFamilysOwn) {
  const DecoderConfig llama = Read(With(Llama(), json::parse(R"({"num_key_value_heads": null, "rope_scaling": null,
    "rope_theta": null, "rms_norm_eps": null, "max_position_embeddings": null, "tie_word_embeddings": null,
    "torch_dtype": null, "bos_token_id": null, "eos_token_id": null, "hidden_act": null, "architectures": null})")));
  EXPECT_EQ(llama.kv_heads, 8);
  EXPECT_EQ(llama.rope.type, RopeType::kDefault);
  EXPECT_DOUBLE_EQ(llama.rope.theta, 10'000);
  EXPECT_DOUBLE_EQ(llama.norm_eps, 1e-6);
  EXPECT_EQ(llama.positions, 2048);
  EXPECT_FALSE(llama.tied || llama.dtype || llama.bos);
  EXPECT_THAT(llama.eos, ElementsAre());
  EXPECT_EQ(Read(With(Qwen3(), {{"head_dim", nullptr}})).head_size, 128);
}

TEST(ParseDecoderConfig, BiasesAndNormsAreTheFamiliesOrAskedFor) {
  const DecoderConfig qwen2 = Read(Qwen2());
  EXPECT_TRUE(qwen2.qkv_bias);
  EXPECT_FALSE(qwen2.output_bias || qwen2.mlp_bias || qwen2.qk_norm);
  const DecoderConfig qwen3 = Read(Qwen3());
  EXPECT_TRUE(qwen3.qk_norm);
  EXPECT_FALSE(qwen3.qkv_bias || qwen3.output_bias);
  EXPECT_EQ(qwen3.head_size, 16);
  const DecoderConfig llama = Read(With(Llama(), {{"attention_bias", true}, {"mlp_bias", true}}));
  EXPECT_TRUE(llama.qkv_bias && llama.output_bias && llama.mlp_bias);
}

TEST(ParseDecoderConfig, WindowsAreThoseOfTheLayersThatHaveThem) {
  EXPECT_THAT(Read(Qwen2()).windows, ElementsAre(0, 0, 0, 0)) << "use_sliding_window is false";
  EXPECT_THAT(Read(With(Qwen2(), {{"use_sliding_window", true}})).windows, ElementsAre(0, 0, 4096, 4096));
  EXPECT_THAT(Read(With(Qwen3(), json::parse(R"({"use_sliding_window": true, "layer_types": ["sliding_attention",
    "full_attention", "sliding_attention", "full_attention"]})"))).windows, ElementsAre(4096, 0, 4096, 0));
}

TEST(ParseDecoderConfig, BothSpellingsOfAnglesMeanTheSame) {
  const json old = With(Llama(), json::parse(R"({"rope_theta": 500.0, "partial_rotary_factor": 0.5,
    "rope_scaling": {"type": "linear", "factor": 3.0, "rope_type": null, "high_freq_factor": null,
    "low_freq_factor": null, "original_max_position_embeddings": null}})"));
  const json now = With(Llama(), json::parse(R"({"rope_theta": null, "rope_scaling": null, "rope_parameters":
    {"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0, "partial_rotary_factor": 0.5}})"));
  for (const json& each : {old, now}) {
    const RopeConfig rope = Read(each).rope;
    EXPECT_EQ(rope.type, RopeType::kLinear);
    EXPECT_DOUBLE_EQ(rope.theta, 500);
    EXPECT_DOUBLE_EQ(rope.factor, 3);
    EXPECT_EQ(rope.rotary_size, 4);
  }
}

TEST(ParseDecoderConfig, YarnExtendsTheContextByItsFactor) {
  const auto with = [](const char* scaling) { return Read(With(Qwen2(), {{"rope_scaling", json::parse(scaling)}})); };
  EXPECT_EQ(with(R"({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768})").positions, 131072);
  const DecoderConfig derived = with(R"({"type": "yarn", "original_max_position_embeddings": 8192})");
  EXPECT_DOUBLE_EQ(derived.rope.factor, 4);
  EXPECT_EQ(derived.positions, 32768);
}

TEST(ParseDecoderConfig, DtypeHasTwoNames) {
  EXPECT_EQ(Read(With(Llama(), {{"torch_dtype", nullptr}, {"dtype", "float16"}})).dtype, Dtype::F16);
  EXPECT_EQ(Read(With(Llama(), {{"dtype", "bfloat16"}})).dtype, Dtype::BF16);
}

struct Refused {
  json changes;
  std::string message;
};

void ExpectRefused(const json& base, const std::vector<Refused>& table) {
  for (const Refused& row : table) {
    const auto parsed = ParseDecoderConfig(With(base, row.changes), "/m/config.json");
    ASSERT_FALSE(parsed) << row.changes.dump();
    EXPECT_EQ(parsed.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(parsed.error().message, HasSubstr("/m/config.json: "));
    EXPECT_THAT(parsed.error().message, HasSubstr(row.message)) << row.changes.dump();
  }
}

TEST(ParseDecoderConfig, RefusesByName) {
  const auto of = [](const char* text) { return json::parse(text); };
  ExpectRefused(Llama(), {
    {{{"architectures", {"MistralForCausalLM"}}}, "architecture \"MistralForCausalLM\" is not supported; supported: LlamaForCausalLM"},
    {{{"architectures", {"LlamaForCausalLM", "X"}}}, "\"architectures\" must hold one name"},
    {{{"architectures", nullptr}, {"model_type", "phi3"}}, "model_type \"phi3\" is not supported"},
    {{{"model_type", "qwen2"}}, "model_type \"qwen2\" does not belong to architecture"},
    {{{"quantization_config", {{"bits", 4}}}}, "quantization_config is not supported"},
    {{{"auto_map", {{"AutoModel", "x"}}}}, "auto_map asks for the model's own Python code"},
    {{{"is_encoder_decoder", true}}, "is_encoder_decoder true is not supported"},
    {{{"add_cross_attention", true}}, "add_cross_attention true is not supported"},
    {{{"pruned_heads", {{"0", {1}}}}}, "pruned_heads is not supported"},
    {{{"hidden_act", "gelu"}}, "hidden_act \"gelu\" is not supported; supported: silu"},
    {{{"vocab_size", nullptr}}, "\"vocab_size\" is missing"},
    {{{"hidden_size", 0}}, "\"hidden_size\""},
    {{{"num_attention_heads", "8"}}, "\"num_attention_heads\""},
    {{{"num_key_value_heads", 3}}, "num_attention_heads 8 is not a multiple of num_key_value_heads 3"},
    {{{"hidden_size", 65}}, "hidden_size 65 is not a multiple of num_attention_heads 8, and there is no head_dim"},
    {{{"hidden_size", 8192}}, "heads of 1024 components"},
    {{{"head_dim", 513}}, "\"head_dim\""},
    {{{"num_attention_heads", 1 << 18}, {"head_dim", 512}}, "are together wider than 262144"},
    {{{"attention_bias", "yes"}}, "\"attention_bias\""},
    {{{"sliding_window", 100}}, "sliding_window is not supported: LlamaForCausalLM has none"},
    {{{"use_sliding_window", true}}, "sliding_window is not supported: LlamaForCausalLM has none"},
    {{{"torch_dtype", "float8_e4m3fn"}}, "dtype \"float8_e4m3fn\" is not supported; supported: float32"},
    {{{"dtype", "float32"}}, "torch_dtype \"bfloat16\" and dtype \"float32\" contradict each other"},
    {{{"eos_token_id", {1, 1000}}}, "\"eos_token_id\" holds 1000; token ids from 0 to below vocab_size 1000"},
    {{{"eos_token_id", -1}}, "\"eos_token_id\" holds -1"},
    {{{"eos_token_id", "</s>"}}, "\"eos_token_id\" holds \"</s>\""},
    {{{"bos_token_id", {1, 2}}}, "\"bos_token_id\" holds several ids"},
    {{{"rms_norm_eps", -1}}, "\"rms_norm_eps\""},
    {of(R"({"layer_types": ["full_attention"]})"), "layer_types holds 1 names for 4 layers"},
  });
  ExpectRefused(Qwen2(), {
    {{{"attention_bias", false}}, "attention_bias false is not supported: Qwen2ForCausalLM has biases"},
    {{{"mlp_bias", true}}, "mlp_bias true is not supported: Qwen2ForCausalLM has none"},
    {{{"num_key_value_heads", nullptr}}, "\"num_key_value_heads\" is missing"},
    {{{"use_sliding_window", true}, {"sliding_window", nullptr}}, "\"sliding_window\" is missing"},
    {of(R"({"layer_types": ["full_attention", "chunked_attention", "full_attention", "full_attention"]})"),
     "layer_types: \"chunked_attention\" is not supported; supported: full_attention, sliding_attention"},
    {of(R"({"layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"]})"),
     "layer_types has sliding_attention, and use_sliding_window is not true"},
  });
}

TEST(ParseDecoderConfig, RefusesAnglesByName) {
  const auto scaling = [](const char* text) { return json{{"rope_scaling", json::parse(text)}}; };
  ExpectRefused(Qwen2(), {
    {scaling(R"({"type": "dynamic", "factor": 2.0})"), "rope_scaling: rope type \"dynamic\" is not supported: its angles change"},
    {scaling(R"({"type": "mrope"})"), "rope type \"mrope\" is not supported; supported: default, linear, llama3, yarn, longrope"},
    {scaling(R"({"type": "yarn", "rope_type": "linear", "factor": 2.0})"), "type \"yarn\" and rope_type \"linear\" contradict"},
    {scaling(R"({"type": "linear"})"), "\"factor\" is missing"},
    {scaling(R"({"type": "linear", "factor": 0})"), "\"factor\""},
    {scaling(R"({"type": "linear", "factor": 2.0, "beta_fast": 3})"), "\"beta_fast\" is not supported for rope type \"linear\""},
    {scaling(R"({"factor": 2.0})"), "\"factor\" is not supported for rope type \"default\""},
    {scaling(R"({"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1, "high_freq_factor": 4})"), "\"original_max_position_embeddings\" is missing"},
    {scaling(R"({"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 100})"), "high_freq_factor must be greater than low_freq_factor"},
    {scaling(R"({"rope_type": "llama3", "factor": 2.0, "high_freq_factor": 4, "original_max_position_embeddings": 100})"), "\"low_freq_factor\" is missing"},
    {scaling(R"({"type": "yarn"})"), "\"factor\" is missing"},
    {scaling(R"({"type": "yarn", "factor": 2.0, "beta_fast": 1, "beta_slow": 2})"), "beta_fast must be at least beta_slow"},
    {scaling(R"({"type": "yarn", "factor": 2.0, "truncate": 1})"), "\"truncate\""},
    {scaling(R"({"type": "yarn", "factor": 2.0, "finetuned": true})"), "\"finetuned\" is not supported for rope type \"yarn\""},
    {scaling(R"({"type": "longrope", "factor": 2.0, "short_factor": [1, 1, 1, 1]})"), "\"long_factor\" is missing"},
    {scaling(R"({"type": "longrope", "factor": 2.0, "short_factor": [1, 1], "long_factor": [1, 1, 1, 1]})"), "\"short_factor\" holds 2 numbers; half of the 8 rotated components"},
    {scaling(R"({"type": "longrope", "factor": 2.0, "short_factor": [1, 1, 0, 1], "long_factor": [1, 1, 1, 1]})"), "\"short_factor\" must hold numbers above 0"},
    {scaling(R"({"type": "longrope", "factor": 2.0, "short_mscale": 1.1, "short_factor": [1, 1, 1, 1], "long_factor": [1, 1, 1, 1]})"), "\"short_mscale\" is not supported"},
    {scaling(R"({"rope_type": "default", "rope_theta": 5.0})"), "rope_theta is 5.0 here and 1000000.0 at the top"},
    {scaling(R"({"full_attention": {"rope_type": "default"}})"), "angles that differ between layers are not supported"},
    {scaling(R"([1])"), "\"rope_scaling\""},
    {json::parse(R"({"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"type": "linear", "factor": 3.0}})"), "rope_scaling and rope_parameters contradict each other"},
    {{{"partial_rotary_factor", 0.4}}, "partial_rotary_factor"},
    {{{"partial_rotary_factor", 0.0}}, "an even number above 0 is needed"},
    {{{"rope_theta", 0}}, "\"rope_theta\""},
  });
}

GenerationConfig Generation(const char* text, const json& config = Llama()) {
  const auto parsed = ParseGenerationConfig(json::parse(text), "generation_config.json", Read(config));
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : GenerationConfig{};
}

TEST(ParseGenerationConfig, EndTokensAreThoseOfBothFiles) {
  EXPECT_THAT(Generation(R"({"eos_token_id": [5, 901]})").eos, ElementsAre(5, 901, 903));
  EXPECT_THAT(Generation(R"({"eos_token_id": 6})", Qwen2()).eos, ElementsAre(6, 7));
  EXPECT_THAT(Generation("{}").eos, ElementsAre(901, 903));
  EXPECT_EQ(Generation("{}").bos, 900);
  EXPECT_EQ(Generation(R"({"bos_token_id": 3})").bos, 3);
}

TEST(ParseGenerationConfig, SamplingIsWhatThePublisherSays) {
  const auto generation = Generation(R"({"do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "min_p": 0.05,
    "typical_p": 1.0, "repetition_penalty": 1.05, "max_new_tokens": 2048,
    "min_new_tokens": 2, "max_length": 4096, "min_length": 0, "stop_strings": ["###", "User:"], "transformers_version": "4.37.0",
    "num_beams": 1, "pad_token_id": 0})");
  EXPECT_EQ(generation.do_sample, true);
  EXPECT_EQ(generation.temperature, 0.7);
  EXPECT_EQ(generation.top_p, 0.8);
  EXPECT_EQ(generation.top_k, 20);
  EXPECT_EQ(generation.min_p, 0.05);
  EXPECT_EQ(generation.typical_p, 1.0);
  EXPECT_EQ(generation.repetition_penalty, 1.05);
  EXPECT_EQ(generation.max_new_tokens, 2048);
  EXPECT_EQ(generation.min_new_tokens, 2);
  EXPECT_EQ(generation.max_length, 4096);
  EXPECT_THAT(generation.stop_strings, ElementsAre("###", "User:"));
  EXPECT_THAT(Generation(R"({"stop_strings": "###"})").stop_strings, ElementsAre("###"));
  EXPECT_FALSE(Generation("{}").temperature);
}

TEST(ParseGenerationConfig, RefusesByName) {
  for (const auto& [text, message] : std::vector<std::pair<const char*, const char*>>{
           {R"({"num_beams": 4})", "num_beams 4 is not supported"},
           {R"({"no_repeat_ngram_size": 3})", "no_repeat_ngram_size 3 is not supported"},
           {R"({"bad_words_ids": [[1]]})", "bad_words_ids is not supported"},
           {R"({"suppress_tokens": [1]})", "suppress_tokens is not supported"},
           {R"({"temperature": -1})", "\"temperature\""},
           {R"({"top_p": 1.5})", "\"top_p\""},
           {R"({"top_k": 2.5})", "\"top_k\""},
           {R"({"min_length": 5})", "min_length 5 is not supported"},
           {R"({"stop_strings": [""]})", "\"stop_strings\""},
           {R"({"stop_strings": [5]})", "\"stop_strings\""},
           {R"({"eos_token_id": 5000})", "\"eos_token_id\" holds 5000"},
           {R"([])", "an object"}}) {
    const auto parsed = ParseGenerationConfig(json::parse(text), "/m/generation_config.json", Read(Llama()));
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr(message)) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("/m/generation_config.json"));
  }
}

TEST(ReadGenerationConfig, AModelWithoutTheFileHasConfigJsonsTokens) {
  const TempDir dir;
  const auto without = ReadGenerationConfig(dir.path(), Read(Llama()));
  ASSERT_TRUE(without);
  EXPECT_THAT(without->eos, ElementsAre(901, 903));
  dir.Write("generation_config.json", R"({"eos_token_id": 4})");
  EXPECT_THAT(ReadGenerationConfig(dir.path(), Read(Llama()))->eos, ElementsAre(4, 901, 903));
}

}  // namespace
}  // namespace berth::checkpoint
