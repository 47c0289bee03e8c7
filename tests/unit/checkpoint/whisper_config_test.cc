#include "worker/checkpoint/whisper_config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using Json = nlohmann::json;

// As whisper-tiny's.
Json Tiny() {
  return Json::parse(R"({"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper",
    "activation_function": "gelu", "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6,
    "encoder_ffn_dim": 1536, "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536,
    "num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 448, "vocab_size": 51865,
    "scale_embedding": false, "is_encoder_decoder": true, "torch_dtype": "float32", "dropout": 0.1,
    "forced_decoder_ids": [[1, 50259], [2, 50359], [3, 50363]]})");
}

Json Generation() {
  return Json::parse(R"({"alignment_heads": [[2, 2], [3, 0]], "begin_suppress_tokens": [220, 50257],
    "decoder_start_token_id": 50258, "eos_token_id": 50257, "is_multilingual": true,
    "lang_to_id": {"<|de|>": 50261, "<|en|>": 50259}, "max_initial_timestamp_index": 50, "max_length": 448,
    "no_timestamps_token_id": 50363, "prev_sot_token_id": 50361, "suppress_tokens": [7, 1, 2, 50358],
    "task_to_id": {"transcribe": 50359, "translate": 50358}})");
}

std::string Refusal(const Json& json) {
  const auto config = ParseWhisperConfig(json, "config.json");
  return config ? "none" : config.error().message;
}

std::string GenerationRefusal(const Json& json) {
  const auto generation = ParseWhisperGeneration(json, "g.json", ParseWhisperConfig(Tiny(), "config.json").value());
  return generation ? "none" : generation.error().message;
}

TEST(WhisperConfig, ReadsWhatThePublishedFileSays) {
  const auto config = ParseWhisperConfig(Tiny(), "config.json").value();
  EXPECT_EQ(config.width, 384);
  EXPECT_EQ(config.mels, 80);
  EXPECT_EQ(config.encoder_layers, 4);
  EXPECT_EQ(config.decoder_heads, 6);
  EXPECT_EQ(config.decoder_wide, 1536);
  EXPECT_EQ(config.frames(), 3000);
  EXPECT_DOUBLE_EQ(config.window_seconds(), 30);
  EXPECT_EQ(config.context, 448);
  EXPECT_TRUE(config.tied);
  EXPECT_EQ(config.dtype, Dtype::F32);
}

TEST(WhisperConfig, SizesThatDifferBetweenModelsAreHonoured) {
  Json json = Tiny();
  json["decoder_layers"] = 2;  // distilled
  json["num_mel_bins"] = 128;  // large-v3
  json["max_source_positions"] = 300;
  const auto config = ParseWhisperConfig(json, "config.json").value();
  EXPECT_EQ(config.encoder_layers, 4);
  EXPECT_EQ(config.decoder_layers, 2);
  EXPECT_EQ(config.mels, 128);
  EXPECT_DOUBLE_EQ(config.window_seconds(), 6);
}

TEST(WhisperConfig, WhatWouldChangeTheArithmeticIsRefusedByName) {
  const std::vector<std::pair<Json, std::string>> cases = {
      {{{"activation_function", "relu"}}, "activation_function \"relu\""},
      {{{"scale_embedding", true}}, "scale_embedding"},
      {{{"use_weighted_layer_sum", true}}, "use_weighted_layer_sum"},
      {{{"is_encoder_decoder", false}}, "is_encoder_decoder"},
      {{{"quantization_config", {{"bits", 4}}}}, "quantization_config"},
      {{{"auto_map", {{"x", "y"}}}}, "auto_map"},
      {{{"pruned_heads", {{"0", {1}}}}}, "pruned_heads"},
      {{{"architectures", {"WhisperForAudioClassification"}}}, "WhisperForAudioClassification"},
      {{{"model_type", "speech_to_text"}}, "model_type \"speech_to_text\""},
      {{{"decoder_attention_heads", 7}}, "not a multiple of decoder_attention_heads 7"},
      {{{"encoder_attention_heads", 0}}, "encoder_attention_heads"},
      {{{"d_model", "wide"}}, "d_model"},
      {{{"d_model", nullptr}}, "\"d_model\" is missing"},
      {{{"max_source_positions", -1}}, "max_source_positions"},
      {{{"median_filter_width", 4}}, "median_filter_width 4 is even"},
      {{{"torch_dtype", "int8"}}, "dtype \"int8\""},
      {{{"dtype", "float16"}}, "contradict each other"},
  };
  for (const auto& [change, expected] : cases) {
    Json json = Tiny();
    json.update(change);
    EXPECT_NE(Refusal(json).find(expected), std::string::npos) << change << ": " << Refusal(json);
  }
  EXPECT_NE(Refusal(Json::array()).find("config.json: is array"), std::string::npos);
}

TEST(WhisperGeneration, ReadsWhatThePublishedFileSays) {
  const auto config = ParseWhisperConfig(Tiny(), "config.json").value();
  const auto generation = ParseWhisperGeneration(Generation(), "g.json", config).value();
  EXPECT_EQ(generation.suppress, (std::vector<std::int32_t>{1, 2, 7, 50358}));
  EXPECT_EQ(generation.begin_suppress, (std::vector<std::int32_t>{220, 50257}));
  EXPECT_EQ(generation.no_timestamps, 50363);
  EXPECT_EQ(generation.start_of_previous, 50361);
  EXPECT_EQ(generation.languages.at("de"), 50261);
  EXPECT_EQ(generation.tasks.at("translate"), 50358);
  EXPECT_EQ(generation.alignment_heads, (std::vector<AlignmentHead>{{2, 2}, {3, 0}}));
  EXPECT_EQ(generation.multilingual, true);
}

TEST(WhisperGeneration, WithoutAlignmentHeadsItIsAllOfTheUpperHalfOfTheLayers) {
  const auto config = ParseWhisperConfig(Tiny(), "config.json").value();
  const auto heads = ParseWhisperGeneration(Json::object(), "g.json", config).value().alignment_heads;
  ASSERT_EQ(heads.size(), 12u);
  EXPECT_EQ(heads.front(), (AlignmentHead{2, 0}));
  EXPECT_EQ(heads.back(), (AlignmentHead{3, 5}));
}

TEST(WhisperGeneration, SuppressionOfMinusOneOrNoneIsTheTokenizersBusiness) {
  const auto config = ParseWhisperConfig(Tiny(), "config.json").value();
  EXPECT_FALSE(ParseWhisperGeneration(Json::object(), "g.json", config).value().suppress);
  EXPECT_FALSE(ParseWhisperGeneration({{"suppress_tokens", {-1}}}, "g.json", config).value().suppress);
  EXPECT_TRUE(ParseWhisperGeneration({{"suppress_tokens", Json::array()}}, "g.json", config).value().suppress->empty());
}

TEST(WhisperGeneration, WhatIsWrongOrNotSupportedIsNamed) {
  const std::vector<std::pair<Json, std::string>> cases = {
      {{{"alignment_heads", {{4, 0}}}}, "alignment_heads holds [4,0]; a layer below 4"},
      {{{"alignment_heads", {{1}}}}, "alignment_heads holds [1]"},
      {{{"suppress_tokens", {51865}}}, "suppress_tokens"},
      {{{"no_timestamps_token_id", {1, 2}}}, "several ids"},
      {{{"lang_to_id", {{"<|en|>", "x"}}}}, "lang_to_id"},
      {{{"repetition_penalty", 1.2}}, "repetition_penalty 1.2 is not supported"},
      {{{"no_repeat_ngram_size", 3}}, "no_repeat_ngram_size"},
      {{{"bad_words_ids", {{5}}}}, "bad_words_ids"},
  };
  for (const auto& [json, expected] : cases) {
    EXPECT_NE(GenerationRefusal(json).find(expected), std::string::npos) << json << ": " << GenerationRefusal(json);
  }
}

TEST(WhisperConfig, ThePublishedFileOfLargeV3IsRead) {
  const char* data = std::getenv("BERTH_TEST_DATA");
  const std::filesystem::path dir = std::filesystem::path(data != nullptr ? data : "../shared/data") /
                                    "tokenizers/whisper-large-v3";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << dir << " is not here";
  const auto config = ReadWhisperConfig(dir);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->mels, 128);
  EXPECT_EQ(config->decoder_layers, 32);
  EXPECT_EQ(config->dtype, Dtype::F16);
  EXPECT_TRUE(IsWhisper(dir));
  // There is no generation_config.json: the older place of the tokens is config.json.
  const auto generation = ReadWhisperGeneration(dir, *config);
  ASSERT_TRUE(generation) << generation.error().message;
  EXPECT_EQ(generation->begin_suppress, (std::vector<std::int32_t>{220, 50257}));
}

}  // namespace
}  // namespace berth::checkpoint
