#include "worker/chat/chat_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace berth::chat {
namespace {

namespace fs = std::filesystem;

class ChatTemplateTest : public testing::Test {
 protected:
  ChatTemplateTest() {
    std::string pattern = (fs::temp_directory_path() / "berth-chat-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
  }
  ~ChatTemplateTest() override { fs::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }

  // The text for these messages, or "error: …".
  std::string Render(const std::string& messages, const std::string& tools = "null", const std::string& kwargs = "null") {
    const auto loaded = ChatTemplate::Load(dir_);
    if (!loaded) return "error: " + loaded.error().message;
    ChatRequest request;
    request.messages = Json::parse(messages);
    request.tools = Json::parse(tools);
    request.kwargs = Json::parse(kwargs);
    const auto text = loaded->Render(request);
    return text ? *text : "error: " + text.error().message;
  }

  fs::path dir_;
};

constexpr const char* kPlain = "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}";
constexpr const char* kHello = R"([{"role": "user", "content": "hi"}])";

TEST_F(ChatTemplateTest, AModelWithoutATemplateLoadsAndSaysSo) {
  const auto loaded = ChatTemplate::Load(dir_);
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(loaded->present());
  EXPECT_EQ(loaded->Render({}).error().kind, ErrorKind::kNotFound);
}

TEST_F(ChatTemplateTest, ThePlansFileComesBeforeTheDirectorysAndThatBeforeTheConfigs) {
  Write("tokenizer_config.json", R"({"chat_template": "config"})");
  EXPECT_EQ(Render(kHello), "config");
  Write("chat_template.jinja", "file");
  EXPECT_EQ(Render(kHello), "file");
  Write("mine.jinja", "mine");
  EXPECT_EQ(*ChatTemplate::Load(dir_, dir_ / "mine.jinja")->Render({}), "mine");
  EXPECT_NE(ChatTemplate::Load(dir_, dir_ / "none.jinja").error().message.find("none.jinja"), std::string::npos);
}

TEST_F(ChatTemplateTest, ToolUseIsForRequestsWithTools) {
  Write("tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "{{ tools|length }} tools"}]})");
  EXPECT_EQ(Render(kHello), "plain");
  EXPECT_EQ(Render(kHello, "[]"), "plain");
  EXPECT_EQ(Render(kHello, R"([{"type": "function"}])"), "1 tools");
}

TEST_F(ChatTemplateTest, SpecialTokensComeFromBothFilesAndKwargsWin) {
  Write("tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "pad_token": null})");
  Write("special_tokens_map.json", R"({"bos_token": "no", "eos_token": "</s>", "pad_token": "<pad>"})");
  Write("chat_template.jinja", "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ enable_thinking }}");
  EXPECT_EQ(Render(kHello), "<s></s><pad>");
  EXPECT_EQ(Render(kHello, "null", R"({"enable_thinking": false, "eos_token": "E"})"), "<s>E<pad>False");
  EXPECT_EQ(Render(kHello, "null", R"({"messages": []})"),
            "error: chat_template_kwargs: \"messages\" is the request's own; give it there");
}

TEST_F(ChatTemplateTest, WhatIsAlwaysPassedIsNoneWhereAbsent) {
  Write("chat_template.jinja", "{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}");
  EXPECT_EQ(Render(kHello), "TrueTrueTrue");
}

TEST_F(ChatTemplateTest, ArgumentsThatAreTheTextOfAnObjectBecomeOne) {
  Write("chat_template.jinja", "{% for c in messages[0].tool_calls %}{{ c.function.arguments|tojson }};{% endfor %}");
  EXPECT_EQ(Render(R"([{"role": "assistant", "tool_calls": [{"function": {"arguments": "{\"b\": 1, \"a\": 2}"}},
                       {"function": {"arguments": "[1]"}}, {"function": {"arguments": "{\"a"}}, {"function": {"arguments": {"x": 1}}}]}])"),
            R"({"b": 1, "a": 2};"[1]";"{\"a";{"x": 1};)");
}

TEST_F(ChatTemplateTest, AbsentAndNullContentIsEmpty) {
  Write("chat_template.jinja", kPlain);
  EXPECT_EQ(Render(R"([{"role": "assistant"}, {"role": "assistant", "content": null}])"), "assistant:;assistant:;");
}

constexpr const char* kParts = R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])";

TEST_F(ChatTemplateTest, TextPartsAreJoinedUnlessTheTemplateLoopsOverThem) {
  Write("chat_template.jinja", kPlain);
  EXPECT_EQ(Render(kParts), "user:a\nb;");
  Write("chat_template.jinja", "{% for p in messages[0].content %}<{{ p.text }}>{% endfor %}");
  EXPECT_EQ(Render(kParts), "<a><b>");
}

TEST_F(ChatTemplateTest, PartsThatTheTemplateCannotTakeAreRefusedByName) {
  Write("chat_template.jinja", kPlain);
  EXPECT_EQ(Render(R"([{"role": "user", "content": [{"type": "image_url"}]}])"),
            "error: messages[0].content[0]: is of type \"image_url\"; this model's chat template takes text alone");
  EXPECT_EQ(Render(R"([{"role": "user", "content": 5}])"), "error: messages[0].content: must be a string, a list of parts, or null");
  EXPECT_EQ(Render(R"(["x"])"), "error: messages[0]: must be an object");
  EXPECT_EQ(Render(R"([{"content": "x"}])"), "error: messages[0].role: must be a string");
}

TEST_F(ChatTemplateTest, DevelopersAreTheSystemUnlessTheTemplateKnowsThem) {
  constexpr const char* developer = R"([{"role": "developer", "content": "x"}])";
  Write("chat_template.jinja", kPlain);
  EXPECT_EQ(Render(developer), "system:x;");
  Write("chat_template.jinja", std::string(kPlain) + "{% if 'developer' in messages %}{% endif %}");
  EXPECT_EQ(Render(developer), "developer:x;");
}

TEST_F(ChatTemplateTest, MistakesNameTheFileAndTheLine) {
  Write("chat_template.jinja", "\n{% if %}");
  EXPECT_TRUE(Render(kHello).starts_with("error: " + (dir_ / "chat_template.jinja").string() + ", line 2: ")) << Render(kHello);
  Write("chat_template.jinja", "a\n{{ raise_exception('roles must alternate') }}");
  EXPECT_EQ(Render(kHello), "error: chat_template.jinja, line 2: roles must alternate")
      << "a client reads it: it learns nothing of the host's folders";
  fs::remove(dir_ / "chat_template.jinja");
  Write("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_EQ(Render(kHello), "error: " + (dir_ / "tokenizer_config.json").string() + ": \"chat_template\" must be a string or a list");
}

}  // namespace
}  // namespace berth::chat
