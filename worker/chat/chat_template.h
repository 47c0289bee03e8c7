// The text of a conversation, as a model's own chat template writes it. Found and parsed once when the model is
// loaded; immutable then, and rendered on any thread. The text that Render() gives holds the model's special tokens
// already: tokenise it without adding them again. A template is foreign input: its time, memory and depth are bounded,
// it reaches no file and no network, and what it says through raise_exception() is the request's error.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/base/result.h"

namespace berth::chat {

using Json = nlohmann::ordered_json;  // in the client's order, which templates print

struct ChatRequest {
  Json messages = Json::array();  // objects with "role"; what else they hold, the template may read
  Json tools;                     // an array, or null
  Json documents;                 // an array, or null
  bool add_generation_prompt = true;
  Json kwargs;  // chat_template_kwargs: an object, or null; wins over special tokens of the same name
};

// Asked before rendering takes so many bytes more; false: it may not.
using Hold = std::function<bool(std::uint64_t bytes)>;

class ChatTemplate {
 public:
  // The template is, in this order: the file that the plan names (unless empty), `dir`/chat_template.jinja, then
  // tokenizer_config.json's `chat_template`: a text, or a list of {name, template}, of which `tool_use` is rendered when
  // tools are given and `default` otherwise. Special tokens are those of tokenizer_config.json, then of
  // special_tokens_map.json. A directory without any template is no error: see present(). Errors name the file: it cannot
  // be read, is no template (with the line), or uses what is not supported.
  static Result<ChatTemplate> Load(const std::filesystem::path& dir, const std::filesystem::path& plan_file = {});

  bool present() const;  // false: the model has no chat template, and Render() says so
  // tokenizer_config.json's "eos_token"; empty where it says none.
  std::string eos_token() const { return special_tokens_.value("eos_token", ""); }
  const std::string& source() const { return source_; }  // the file it came from, for logs; empty where absent

  // `now` is the clock of strftime_now(), in local time. Before rendering: a tool call's `arguments` become an object when
  // they are the text of one; absent or null content becomes ""; a content of text parts becomes their text, unless the
  // template looks into contents itself; role `developer` becomes `system`, unless the template speaks of developers.
  // Errors, all kInvalid unless said: no template (kNotFound), messages of the wrong shape, a name in kwargs that is one
  // of the request's own, what the template raises, a limit that was met, with the template's line;
  // kUnavailable: `hold` said no.
  Result<std::string> Render(const ChatRequest& request,
                             std::chrono::system_clock::time_point now = std::chrono::system_clock::now(),
                             const Hold& hold = {}) const;

 private:
  struct Parsed;  // one template with what it looks at

  std::string source_;
  std::shared_ptr<const Parsed> standard_;
  std::shared_ptr<const Parsed> tool_use_;  // null: the same
  Json special_tokens_ = Json::object();    // {"bos_token": "<s>", …}
};

}  // namespace berth::chat
