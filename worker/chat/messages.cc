#include "worker/chat/messages.h"

#include <string>
#include <utility>

#include "worker/checkpoint/json_file.h"

namespace berth::chat {
namespace {

using Json = nlohmann::ordered_json;

// A duplicate key, a nesting without end or an object of thousands of keys stays text: the template prints what the model once wrote.
void OpenArguments(Json& call) {
  if (!call.is_object()) return;
  Json* const function = call.contains("function") && call["function"].is_object() ? &call["function"] : &call;
  const auto arguments = function->find("arguments");
  if (arguments == function->end() || !arguments->is_string()) return;
  const std::string text = arguments->get<std::string>();
  const auto checked = checkpoint::ParseJson(text, "arguments");
  if (!checked || checkpoint::IsWide(*checked)) return;
  Json parsed = Json::parse(text, nullptr, false);
  if (parsed.is_object()) *arguments = std::move(parsed);
}

Result<std::string> JoinText(const Json& parts, const std::string& where) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Json& part = parts[i];
    const std::string here = where + ".content[" + std::to_string(i) + "]";
    const bool typed = part.is_object() && part.contains("type") && part["type"].is_string();
    if (!typed) return Invalid(here, ": must be an object with a \"type\"");
    const bool is_text = part["type"] == "text" && part.contains("text") && part["text"].is_string();
    if (!is_text) {
      return Invalid(here, ": is of type \"", part["type"].get<std::string>(), "\"; this model's chat template takes text alone");
    }
    if (i > 0) text += '\n';
    text += part["text"].get_ref<const std::string&>();
  }
  return text;
}

Status PrepareContent(Json& message, const std::string& where, const TemplateHabits& habits) {
  auto content = message.find("content");
  if (content == message.end() || content->is_null()) {
    message["content"] = "";
    return Ok();
  }
  if (content->is_string() || (content->is_array() && habits.loops_over_content)) return Ok();
  if (!content->is_array()) return Invalid(where, ".content: must be a string, a list of parts, or null");
  auto text = JoinText(*content, where);
  if (!text) return text.error();
  *content = std::move(*text);
  return Ok();
}

Status PrepareMessage(Json& message, const std::string& where, const TemplateHabits& habits) {
  if (!message.is_object()) return Invalid(where, ": must be an object");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string()) return Invalid(where, ".role: must be a string");
  if (*role == "developer" && !habits.speaks_of_developers) *role = "system";
  if (const auto calls = message.find("tool_calls"); calls != message.end() && calls->is_array()) {
    for (Json& call : *calls) OpenArguments(call);
  }
  return PrepareContent(message, where, habits);
}

}  // namespace

Result<Json> PrepareMessages(const Json& messages, const TemplateHabits& habits) {
  if (!messages.is_array()) return Invalid("messages: must be a list");
  Json prepared = messages;
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    const Status done = PrepareMessage(prepared[i], "messages[" + std::to_string(i) + "]", habits);
    if (!done) return done.error();
  }
  return Result<Json>(boost::system::in_place_value, std::move(prepared));
}

}  // namespace berth::chat
