#include "worker/checkpoint/encoder_config.h"

#include <gmock/gmock.h>

#include <span>

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

json GoodDistilBert() {
  return json::parse(R"({"architectures": ["DistilBertForMaskedLM"], "model_type": "distilbert", "dim": 768,
    "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "activation": "gelu", "vocab_size": 30522,
    "max_position_embeddings": 512, "sinusoidal_pos_embds": true, "tie_weights_": true})");
}

json GoodMpnet() {
  return json::parse(R"({"architectures": ["MPNetForMaskedLM"], "model_type": "mpnet", "hidden_size": 768,
    "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
    "vocab_size": 30527, "max_position_embeddings": 514, "relative_attention_num_buckets": 32,
    "layer_norm_eps": 1e-5, "pad_token_id": 1})");
}

TEST(ParseEncoderConfig, ReadsADistilBertByItsOwnNames) {
  json with_eps = GoodDistilBert();
  with_eps["layer_norm_eps"] = 1e-5;  // which its code does not read
  const auto config = ParseEncoderConfig(with_eps, "config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->family, Family::kDistilBert);
  EXPECT_EQ(config->hidden_size, 768);
  EXPECT_EQ(config->layers, 6);
  EXPECT_EQ(config->heads, 12);
  EXPECT_EQ(config->intermediate_size, 3072);
  EXPECT_EQ(config->token_types, 0);
  EXPECT_EQ(config->relative_buckets, 0);
  EXPECT_EQ(config->max_tokens(), 512);
  EXPECT_DOUBLE_EQ(config->layer_norm_eps, 1e-12);
}

TEST(ParseEncoderConfig, ReadsAnMpnetWhoseFirstTwoPositionsAreNotForTokens) {
  const auto config = ParseEncoderConfig(GoodMpnet(), "config.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->family, Family::kMpnet);
  EXPECT_EQ(config->positions, 514);
  EXPECT_EQ(config->max_tokens(), 512);
  EXPECT_EQ(config->padding_index, 1);
  EXPECT_EQ(config->relative_buckets, 32);
  EXPECT_EQ(config->token_types, 0);
  EXPECT_DOUBLE_EQ(config->layer_norm_eps, 1e-5);
}

TEST(ParseEncoderConfig, ModelTypeAloneIsTheBareEncoder) {
  for (json config : {Good(), GoodDistilBert(), GoodMpnet()}) {
    config.erase("architectures");
    const auto parsed = ParseEncoderConfig(config, "config.json");
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(ModelType(parsed->family), config["model_type"].get<std::string>());
    EXPECT_EQ(parsed->task, Task::kEmbedding);
  }
}

TEST(ParseEncoderConfig, ASequenceClassifierWithOneLabelIsAReranker) {
  const std::pair<json, std::string> table[] = {{Good(), "BertForSequenceClassification"},
                                                {GoodDistilBert(), "DistilBertForSequenceClassification"},
                                                {GoodMpnet(), "MPNetForSequenceClassification"}};
  for (const auto& [good, name] : table) {
    json config = good;
    config["architectures"] = {name};
    EXPECT_FALSE(ParseEncoderConfig(config, "config.json")) << "two labels, unless the file says otherwise";
    config["num_labels"] = 1;
    EXPECT_EQ(ParseEncoderConfig(config, "config.json")->task, Task::kRanking) << name;
    config["id2label"] = {{"0", "NO"}, {"1", "YES"}};
    const auto two = ParseEncoderConfig(config, "config.json");
    ASSERT_FALSE(two) << "id2label counts";
    EXPECT_THAT(two.error().message, HasSubstr("with 2 labels (id2label, num_labels) is not supported: "
                                               "classification is not served; a reranker has 1 label"));
    config["id2label"] = {{"0", "LABEL_0"}};
    EXPECT_EQ(ParseEncoderConfig(config, "config.json")->task, Task::kRanking) << name;
  }
}

TEST(ParseEncoderConfig, ABertRerankerNeedsTwoTokenTypes) {
  json config = Good();
  config["type_vocab_size"] = 1;
  EXPECT_TRUE(ParseEncoderConfig(config, "config.json"));
  config["architectures"] = {"BertForSequenceClassification"};
  config["num_labels"] = 1;
  const auto parsed = ParseEncoderConfig(config, "config.json");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("type_vocab_size 1 is not supported for a reranker"));
}

// Each mistake alone in a file that is otherwise good.
void ExpectRefused(const json& good, std::span<const Bad> table) {
  for (const Bad& bad : table) {
    json config = good;
    config.erase(bad.key);
    if (!bad.value.is_discarded()) config[bad.key] = bad.value;
    const auto parsed = ParseEncoderConfig(config, "/m/config.json");
    ASSERT_FALSE(parsed) << bad.message;
    EXPECT_THAT(parsed.error().message, HasSubstr("/m/config.json: "));
    EXPECT_THAT(parsed.error().message, HasSubstr(bad.message));
  }
  std::printf("%zu configurations refused by name\n", table.size());
}

TEST(ParseEncoderConfig, RefusesByName) {
  const json removed(json::value_t::discarded);
  const Bad table[] = {
      {"architectures",
       {"RobertaModel"},
       "architecture \"RobertaModel\" is not supported: its tokenizer (byte-level BPE) is not supported yet; "
       "supported: BertModel, DistilBertModel, MPNetModel"},
      {"architectures", {"XLMRobertaModel"}, "its tokenizer (SentencePiece unigram) is not supported yet"},
      {"architectures", {"XLMRobertaForSequenceClassification"}, "its tokenizer (SentencePiece unigram)"},
      {"architectures", {"CamembertModel"}, "its tokenizer (SentencePiece unigram) is not supported yet"},
      {"architectures", {"BertForSequenceClassification"}, "with 2 labels (id2label, num_labels)"},
      {"architectures", {"JinaBertModel"}, "\"JinaBertModel\" is not supported"},
      {"architectures", {"BertModel", "BertForMaskedLM"}, "must hold one name"},
      {"architectures", "BertModel", "\"architectures\" is string"},
      {"model_type", "distilbert", "model_type \"distilbert\" does not belong to"},
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
  ExpectRefused(Good(), table);
}

TEST(ParseEncoderConfig, RefusesADistilBertByName) {
  const json removed(json::value_t::discarded);
  const Bad table[] = {
      {"dim", removed, "\"dim\" is missing"},
      {"dim", 770, "dim 770 is not a multiple of n_heads 12"},
      {"n_layers", 0, "\"n_layers\" is 0"},
      {"activation", "tanh", "activation \"tanh\" is not supported"},
      {"hidden_size", 512, "dim 768 and hidden_size 512 contradict each other"},
      {"num_hidden_layers", 3, "n_layers 6 and num_hidden_layers 3 contradict each other"},
      {"model_type", "bert", "model_type \"bert\" does not belong to architecture \"DistilBertForMaskedLM\""},
  };
  ExpectRefused(GoodDistilBert(), table);
}

TEST(ParseEncoderConfig, RefusesAnMpnetByName) {
  const json removed(json::value_t::discarded);
  const Bad table[] = {
      {"relative_attention_num_buckets", 64,
       "relative_attention_num_buckets 64 is not supported; supported: 32"},
      {"relative_attention_num_buckets", 0, "\"relative_attention_num_buckets\" is 0"},
      {"max_position_embeddings", 2, "\"max_position_embeddings\" is 2; it must be from 3"},
      {"hidden_size", removed, "\"hidden_size\" is missing"},
  };
  ExpectRefused(GoodMpnet(), table);
}

TEST(ParseEncoderConfig, NamesTheTokenizerThatAModelTypeLacks) {
  for (const std::string type : {"roberta", "xlm-roberta", "camembert"}) {
    json config = Good();
    config.erase("architectures");
    config["model_type"] = type;
    const auto parsed = ParseEncoderConfig(config, "config.json");
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().message,
                HasSubstr("model_type \"" + type + "\" is not supported: its tokenizer"));
  }
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
