#include "worker/checkpoint/sentence_config.h"

#include <gmock/gmock.h>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

using testing::HasSubstr;

EncoderConfig Encoder() {
  EncoderConfig encoder;
  encoder.hidden_size = 384;
  encoder.heads = 12;
  encoder.positions = 512;
  return encoder;
}

constexpr char kThreeModules[] = R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}])";
constexpr char kTwoModules[] = R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
  {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])";
constexpr char kMean[] = R"({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true})";
constexpr char kCls[] = R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})";

using Files = std::vector<std::pair<std::string, std::string>>;

Result<SentenceConfig> Read(const Files& files, Task task = Task::kEmbedding) {
  TempDir dir;
  for (const auto& [name, content] : files) dir.Write(name, content);
  EncoderConfig encoder = Encoder();
  encoder.task = task;
  return ReadSentenceConfig(dir.path(), encoder);
}

TEST(ReadSentenceConfig, WithoutSideFilesIsANormalisedMean) {
  const auto config = Read({});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pooling, Pooling::kMean);
  EXPECT_TRUE(config->normalize);
  EXPECT_TRUE(config->include_prompt);
  EXPECT_FALSE(config->lowercase);
  EXPECT_EQ(config->max_tokens, 512);
  EXPECT_TRUE(config->prompts.empty());
  EXPECT_FALSE(config->default_prompt);
}

TEST(ReadSentenceConfig, NormalisesExactlyWhenModulesSaySo) {
  EXPECT_TRUE(Read({{"modules.json", kThreeModules}, {"1_Pooling/config.json", kMean}})->normalize);
  EXPECT_FALSE(Read({{"modules.json", kTwoModules}, {"1_Pooling/config.json", kMean}})->normalize);
}

TEST(ReadSentenceConfig, KnowsThePoolings) {
  const std::pair<std::string, Pooling> table[] = {
      {kMean, Pooling::kMean},
      {"{}", Pooling::kMean},
      {kCls, Pooling::kCls},
      {R"({"pooling_mode_lasttoken": true, "pooling_mode_mean_tokens": false})", Pooling::kLastToken},
      {R"({"pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": false})", Pooling::kMax},
      {R"({"pooling_mode": "cls"})", Pooling::kCls},
      {R"({"pooling_mode": "lasttoken"})", Pooling::kLastToken},
  };
  for (const auto& [json, pooling] : table) {
    const auto config = Read({{"modules.json", kTwoModules}, {"1_Pooling/config.json", json}});
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->pooling, pooling) << json;
  }
}

TEST(ReadSentenceConfig, TokensAreTheSmallerOfBothLimits) {
  EXPECT_EQ(
      Read({{"sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": true})"}})->max_tokens,
      256);
  EXPECT_EQ(Read({{"sentence_bert_config.json", R"({"max_seq_length": 4096})"}})->max_tokens, 512);
  EXPECT_EQ(Read({{"sentence_bert_config.json", R"({"max_seq_length": null})"}})->max_tokens, 512);
  EXPECT_TRUE(Read({{"sentence_bert_config.json", R"({"do_lower_case": true})"}})->lowercase);
}

TEST(ReadSentenceConfig, ReadsPrompts) {
  const auto config =
      Read({{"config_sentence_transformers.json",
             R"({"prompts": {"query": "query: ", "document": ""}, "default_prompt_name": "query"})"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->prompts.at("query"), "query: ");
  EXPECT_EQ(config->prompts.size(), 2u);
  EXPECT_EQ(config->default_prompt, "query");
}

TEST(ReadSentenceConfig, PromptsMayStayOutOfThePooling) {
  const auto config =
      Read({{"modules.json", kTwoModules}, {"1_Pooling/config.json", R"({"include_prompt": false})"}});
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->include_prompt);
}

// As sentence-transformers saves a CrossEncoder from version 5.4 on.
TEST(ReadSentenceConfig, ARerankersSideFilesAreItsLimitsAndItsCase) {
  const auto config =
      Read({{"modules.json", R"([{"path": "", "type": "sentence_transformers.models.Transformer"}])"},
            {"sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": true})"},
            {"config_sentence_transformers.json",
             R"({"prompts": {}, "default_prompt_name": null, "model_type": "CrossEncoder",
                                 "activation_fn": "torch.nn.modules.linear.Identity"})"}},
           Task::kRanking);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->max_tokens, 256);
  EXPECT_TRUE(config->lowercase);
  EXPECT_FALSE(config->normalize);
}

TEST(ReadSentenceConfig, ARerankersDefaultPromptIsNotPassedOverInSilence) {
  const auto read = [](const std::string& prompt) {
    return Read({{"config_sentence_transformers.json",
                  R"({"prompts": {"rank": ")" + prompt + R"("}, "default_prompt_name": "rank"})"}},
                Task::kRanking);
  };
  EXPECT_TRUE(read("")) << "an empty one changes nothing";
  const auto refused = read("Rank: ");
  ASSERT_FALSE(refused);
  EXPECT_THAT(
      refused.error().message,
      HasSubstr(
          "config_sentence_transformers.json: default_prompt_name \"rank\" is not supported for a reranker"));
}

struct Bad {
  Files files;
  std::string message;
};

std::vector<Bad> BadFolders() {
  const auto pooling = [](const std::string& json) {
    return Files{{"modules.json", kThreeModules}, {"1_Pooling/config.json", json}};
  };
  const auto modules = [](const std::string& json) {
    return Files{{"modules.json", json}, {"1_Pooling/config.json", kMean}};
  };
  const std::string prompts = "config_sentence_transformers.json";
  const std::string limits = "sentence_bert_config.json";
  return {
      {modules("{}"), "must be a list of modules"},
      {modules("[]"), "must be a list of modules"},
      {modules("[1]"), "module 0: is number"},
      {modules(R"([{"path": ""}])"), "module 0: \"type\" is missing"},
      {modules(R"([{"path": "", "type": "sentence_transformers.models.Transformer"},
                  {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}])"),
       "module \"sentence_transformers.models.Dense\" is not supported; supported: Transformer, Pooling, "
       "Normalize"},
      {modules(R"([{"path": "", "type": "custom.Transformer2"}])"),
       "\"custom.Transformer2\" is not supported"},
      {modules(R"([{"path": "", "type": "sentence_transformers.models.Transformer"}])"),
       "lists Transformer; supported"},
      {modules(R"([{"path": "1_Pooling", "type": "m.Pooling"}, {"path": "", "type": "m.Transformer"}])"),
       "in this order"},
      {modules(
           R"([{"path": "0_BERT", "type": "m.Transformer"}, {"path": "1_Pooling", "type": "m.Pooling"}])"),
       "the Transformer lies in the folder \"0_BERT\""},
      {modules(R"([{"path": "", "type": "m.Transformer"}, {"path": "../x", "type": "m.Pooling"}])"),
       "outside of"},
      {modules(R"([{"path": "", "type": "m.Transformer"}, {"path": "/etc", "type": "m.Pooling"}])"),
       "outside of"},
      {{{"modules.json", kThreeModules}}, "1_Pooling/config.json"},
      {pooling("[]"), "1_Pooling/config.json: is array"},
      {pooling(R"({"pooling_mode_mean_tokens": false})"), "no pooling mode is true"},
      {pooling(R"({"pooling_mode_cls_token": true})"), "are both true"},
      {pooling(R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true})"), "are both true"},
      {pooling(R"({"pooling_mode_weightedmean_tokens": true, "pooling_mode_mean_tokens": false})"),
       "pooling_mode_weightedmean_tokens is not supported"},
      {pooling(R"({"pooling_mode_mean_sqrt_len_tokens": true, "pooling_mode_mean_tokens": false})"),
       "pooling_mode_mean_sqrt_len_tokens is not supported"},
      {pooling(R"({"pooling_mode": "weightedmean"})"), "pooling_mode \"weightedmean\" is not supported"},
      {pooling(R"({"pooling_mode_mean_tokens": 1})"), "true or false is needed"},
      {pooling(R"({"word_embedding_dimension": 768})"), "768 is not the encoder's hidden_size 384"},
      {{{limits, R"({"max_seq_length": 0})"}}, "\"max_seq_length\" is 0"},
      {{{limits, R"({"max_seq_length": "512"})"}}, "an integer is needed"},
      {{{limits, "{"}}, "not valid JSON"},
      {{{prompts, R"({"prompts": []})"}}, "\"prompts\" is array"},
      {{{prompts, R"({"prompts": {"query": 1}})"}}, "prompts: \"query\" is number"},
      {{{prompts, R"({"prompts": {"query": "q"}, "default_prompt_name": "doc"})"}},
       "default_prompt_name \"doc\" is not one of"},
      {{{prompts, R"({"prompts": {"query": ")" + std::string(20'000, 'x') + "\"}}"}}, "more than 16384"},
  };
}

TEST(ReadSentenceConfig, RefusesWithTheFilesName) {
  const auto table = BadFolders();
  for (const Bad& bad : table) {
    const auto config = Read(bad.files);
    ASSERT_FALSE(config) << bad.message;
    EXPECT_THAT(config.error().message, HasSubstr(bad.message));
    EXPECT_THAT(config.error().message, HasSubstr(".json"));
  }
  std::printf("%zu sentence configurations refused\n", table.size());
}

TEST(ReadSentenceConfig, ReadsRealModels) {
  const auto data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  const auto dir = data / "tokenizers/all-MiniLM-L6-v2";
  const auto encoder = ReadEncoderConfig(dir);
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto config = ReadSentenceConfig(dir, *encoder);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->pooling, Pooling::kMean);
  EXPECT_TRUE(config->normalize);
  EXPECT_EQ(config->max_tokens, 256);
  EXPECT_EQ(config->prompts.size(), 2u);
}

}  // namespace
}  // namespace berth::checkpoint
