#include "worker/checkpoint/encoder_config.h"

#include <gmock/gmock.h>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json Good() {
  return json::parse(R"({"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 512, "hidden_act": "gelu",
    "vocab_size": 30522, "max_position_embeddings": 128, "type_vocab_size": 2, "layer_norm_eps": 1e-5,
    "pad_token_id": 0, "position_embedding_type": "absolute", "torch_dtype": "float32"})");
}

TEST(ParseEncoderConfig, ReadsABert) {
  const auto config = ParseEncoderConfig(Good(), "config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->architecture, "BertModel");
  EXPECT_EQ(config->vocab_size, 30522);
  EXPECT_EQ(config->hidden_size, 128);
  EXPECT_EQ(config->layers, 2);
  EXPECT_EQ(config->heads, 4);
  EXPECT_EQ(config->head_size(), 32);
  EXPECT_EQ(config->intermediate_size, 512);
  EXPECT_EQ(config->positions, 128);
  EXPECT_EQ(config->token_types, 2);
  EXPECT_EQ(config->activation, Activation::kGelu);
  EXPECT_DOUBLE_EQ(config->layer_norm_eps, 1e-5);
}

TEST(ParseEncoderConfig, ModelTypeAloneIsABert) {
  json config = Good();
  config.erase("architectures");
  EXPECT_TRUE(ParseEncoderConfig(config, "config.json"));
}

TEST(ParseEncoderConfig, KnowsActivationsByAllTheirNames) {
  const std::pair<std::string, Activation> table[] = {{"gelu", Activation::kGelu},
                                                      {"gelu_new", Activation::kGeluTanh},
                                                      {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                      {"relu", Activation::kRelu},
                                                      {"silu", Activation::kSilu},
                                                      {"swish", Activation::kSilu}};
  for (const auto& [name, activation] : table) {
    json config = Good();
    config["hidden_act"] = name;
    const auto parsed = ParseEncoderConfig(config, "config.json");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(parsed->activation, activation) << name;
  }
}

struct Bad {
  std::string key;
  json value;  // discarded: the key is removed
  std::string message;
};

TEST(ParseEncoderConfig, RefusesByName) {
  const json removed(json::value_t::discarded);
  const Bad table[] = {
      {"architectures",
       {"RobertaModel"},
       "architecture \"RobertaModel\" is not supported; supported: BertModel"},
      {"architectures", {"JinaBertModel"}, "\"JinaBertModel\" is not supported"},
      {"architectures", {"BertModel", "BertForMaskedLM"}, "must hold one name"},
      {"architectures", "BertModel", "\"architectures\" is string"},
      {"model_type", "distilbert", "model_type \"distilbert\" is not supported"},
      {"hidden_act", "quick_gelu", "hidden_act \"quick_gelu\" is not supported; supported: gelu"},
      {"hidden_act", removed, "\"hidden_act\" is missing"},
      {"position_embedding_type", "relative_key",
       "position_embedding_type \"relative_key\" is not supported"},
      {"position_embedding_type", "alibi", "\"alibi\" is not supported"},
      {"is_decoder", true, "is_decoder true is not supported"},
      {"add_cross_attention", true, "add_cross_attention true is not supported"},
      {"is_encoder_decoder", true, "is_encoder_decoder true is not supported"},
      {"quantization_config", json::object(), "quantization_config is not supported"},
      {"auto_map", json::object(), "auto_map"},
      {"pruned_heads", {{"1", {0}}}, "pruned_heads is not supported"},
      {"hidden_size", removed, "\"hidden_size\" is missing"},
      {"hidden_size", "128", "\"hidden_size\" is string; an integer is needed"},
      {"hidden_size", 128.0, "an integer is needed"},
      {"hidden_size", 0, "\"hidden_size\" is 0; it must be from 1 to 65536"},
      {"hidden_size", -128, "\"hidden_size\" is -128"},
      {"hidden_size", std::uint64_t{18446744073709551615u}, "18446744073709551615"},
      {"hidden_size", 130, "hidden_size 130 is not a multiple of num_attention_heads 4"},
      {"num_attention_heads", 0, "\"num_attention_heads\" is 0"},
      {"num_hidden_layers", 100000, "\"num_hidden_layers\" is 100000"},
      {"intermediate_size", nullptr, "\"intermediate_size\" is missing"},
      {"vocab_size", std::int64_t{1} << 40, "\"vocab_size\""},
      {"max_position_embeddings", 0, "\"max_position_embeddings\""},
      {"type_vocab_size", 0, "\"type_vocab_size\""},
      {"layer_norm_eps", -1.0, "\"layer_norm_eps\""},
      {"layer_norm_eps", "1e-12", "\"layer_norm_eps\" is string; a number is needed"},
      {"is_decoder", 1, "\"is_decoder\" is number; true or false is needed"},
  };
  for (const Bad& bad : table) {
    json config = Good();
    config.erase(bad.key);
    if (!bad.value.is_discarded()) config[bad.key] = bad.value;
    const auto parsed = ParseEncoderConfig(config, "/m/config.json");
    ASSERT_FALSE(parsed) << bad.message;
    EXPECT_THAT(parsed.error().message, HasSubstr("/m/config.json: "));
    EXPECT_THAT(parsed.error().message, HasSubstr(bad.message));
  }
  std::printf("%zu configurations refused by name\n", std::size(table));
}

TEST(ParseEncoderConfig, RefusesWhatIsNoObject) {
  EXPECT_FALSE(ParseEncoderConfig(json::array(), "config.json"));
  EXPECT_FALSE(ParseEncoderConfig(json(3), "config.json"));
}

TEST(ReadEncoderConfig, ReadsRealModels) {
  const auto data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  for (const std::string name : {"models/bert-mini-sts", "tokenizers/all-MiniLM-L6-v2"}) {
    const auto config = ReadEncoderConfig(data / name);
    EXPECT_TRUE(config) << config.error().message;
  }
  const auto llama = ReadEncoderConfig(data / "models/stories260K");
  ASSERT_FALSE(llama);
  EXPECT_THAT(llama.error().message, HasSubstr("is not supported"));
}

}  // namespace
}  // namespace berth::checkpoint
