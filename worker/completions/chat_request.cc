#include "worker/completions/chat_request.h"

#include <algorithm>
#include <array>
#include <utility>

#include "worker/checkpoint/json_file.h"

namespace berth::completions {
namespace {

using nlohmann::json;
using serve::Describe;

constexpr std::array<std::string_view, 6> kRoles = {"system", "developer", "user", "assistant", "tool", "function"};

// One message after the other; what is wrong is named by its path.
class MessageChecker {
 public:
  explicit MessageChecker(BodyFields& fields) : fields_(fields) {}

  void Check(const json& messages) {
    if (!messages.is_array()) return fields_.FailType("messages", "an array", messages);
    if (messages.empty()) return Fail("messages", " must not be an empty array");
    if (messages.size() > kMostMessages) {
      return Fail("messages", " has " + std::to_string(messages.size()) + " items; at most " +
                                  std::to_string(kMostMessages) + " are allowed");
    }
    for (std::size_t i = 0; i < messages.size() && fields_.ok(); ++i) CheckMessage(messages[i], Element("messages", i));
  }

 private:
  void Fail(const std::string& param, const std::string& problem, std::string_view code = {}) {
    fields_.Fail(param, "'" + param + "'" + problem + ".", code);
  }

  void CheckMessage(const json& message, const std::string& param) {
    if (!message.is_object()) return fields_.FailType(param, "an object", message);
    const auto role = message.find("role");
    if (role == message.end() || !role->is_string()) return Fail(param + ".role", " must be a string");
    if (std::ranges::find(kRoles, role->get_ref<const std::string&>()) == kRoles.end()) {
      return Fail(param + ".role", " must be one of system, developer, user, assistant, tool, function");
    }
    CheckContent(message, *role == "assistant", param);
    CheckToolCalls(message, param);
  }

  // An assistant may have said nothing, but called tools.
  void CheckContent(const json& message, bool optional, const std::string& where) {
    const std::string param = where + ".content";
    const auto content = message.find("content");
    if (content == message.end() || content->is_null()) {
      if (!optional) Fail(param, " is required", "missing_required_parameter");
      return;
    }
    if (content->is_string()) return;
    if (!content->is_array()) {
      return fields_.FailType(param, "a string or an array of parts", *content);
    }
    for (std::size_t i = 0; i < content->size() && fields_.ok(); ++i) CheckPart((*content)[i], Element(param, i));
  }

  void CheckPart(const json& part, const std::string& param) {
    if (!part.is_object()) return fields_.FailType(param, "an object", part);
    const auto type = part.find("type");
    if (type == part.end() || !type->is_string()) return Fail(param + ".type", " must be a string");
    if (*type != "text") {
      return Fail(param + ".type", " must be 'text'; the model reads nothing else", "unsupported_value");
    }
    const auto text = part.find("text");
    if (text == part.end() || !text->is_string()) Fail(param + ".text", " must be a string");
  }

  void CheckToolCalls(const json& message, const std::string& where) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || calls->is_null()) return;
    const std::string param = where + ".tool_calls";
    if (!calls->is_array()) return fields_.FailType(param, "an array", *calls);
    for (std::size_t i = 0; i < calls->size() && fields_.ok(); ++i) {
      const json& call = (*calls)[i];
      const std::string name = Element(param, i);
      if (!call.is_object()) return fields_.FailType(name, "an object", call);
      const auto function = call.find("function");
      if (function == call.end() || !function->is_object()) return Fail(name + ".function", " must be an object");
      if (!function->contains("name") || !(*function)["name"].is_string()) {
        return Fail(name + ".function.name", " must be a string");
      }
    }
  }

  BodyFields& fields_;
};

void CheckTools(BodyFields& fields) {
  const json* tools = fields.Find("tools");
  if (tools == nullptr) return;
  if (!tools->is_array()) return fields.FailType("tools", "an array", *tools);
  if (tools->size() > kMostTools) {
    return fields.Fail("tools", "'tools' has " + std::to_string(tools->size()) + " items; at most " +
                                    std::to_string(kMostTools) + " are allowed.");
  }
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const json& tool = (*tools)[i];
    const std::string param = Element("tools", i);
    if (!tool.is_object()) return fields.FailType(param, "an object", tool);
    if (tool.value("type", json()) != "function") {
      return fields.Fail(param + ".type", "'" + param + ".type' must be 'function'.");
    }
    const auto function = tool.find("function");
    if (function == tool.end() || !function->is_object() || !function->contains("name") ||
        !(*function)["name"].is_string()) {
      return fields.Fail(param + ".function", "'" + param + ".function' must be an object with a \"name\".");
    }
  }
}

// Whether the tools are shown to the model. Nothing makes it call one.
bool ReadToolChoice(BodyFields& fields) {
  fields.Bool("parallel_tool_calls", true);
  const json* choice = fields.Find("tool_choice");
  if (choice == nullptr) return true;
  if (choice->is_object() || *choice == "required") {
    fields.Fail("tool_choice",
                "'tool_choice' that forces a call is not supported yet; send 'auto' or 'none', or leave it out.",
                "unsupported_value");
  } else if (*choice != "auto" && *choice != "none") {
    fields.Fail("tool_choice", "'tool_choice' must be one of 'none', 'auto', 'required', or an object.");
  }
  return *choice != "none";
}

void CheckObject(BodyFields& fields, std::string_view key) {
  const json* value = fields.Find(key);
  if (value != nullptr && !value->is_object()) fields.FailType(key, "an object", *value);
}

void CheckDocuments(BodyFields& fields) {
  const json* documents = fields.Find("documents");
  if (documents == nullptr) return;
  if (!documents->is_array()) return fields.FailType("documents", "an array of objects", *documents);
  for (std::size_t i = 0; i < documents->size(); ++i) {
    if (!(*documents)[i].is_object()) return fields.FailType(Element("documents", i), "an object", (*documents)[i]);
  }
}

void ReadLogprobs(BodyFields& fields, ChatRequest& request) {
  const bool wanted = fields.Bool("logprobs", false);
  const auto top = fields.Integer("top_logprobs", 0, kMostTopLogprobs);
  if (wanted) request.logprobs = static_cast<int>(top.value_or(0));
  if (top && !wanted) {
    fields.Fail("top_logprobs", "'top_logprobs' needs \"logprobs\": true.");
  }
}

// The newer name wins.
void ReadMaxTokens(BodyFields& fields, const GenerationFacts& model, ChatRequest& request) {
  const auto older = fields.Integer("max_tokens", 1, model.max_tokens);
  const auto newer = fields.Integer("max_completion_tokens", 1, model.max_tokens);
  request.max_tokens = newer ? newer : older;
  if (newer) request.max_tokens_key = "max_completion_tokens";
  if (request.max_tokens) CheckMinTokens(fields, request, *request.max_tokens);
}

// Text is all that a model here says.
void ReadModalities(BodyFields& fields) {
  const json* modalities = fields.Find("modalities");
  if (modalities == nullptr || *modalities == json::array({"text"})) return;
  fields.Fail("modalities", "'modalities' must be [\"text\"]; the model says nothing else.", "unsupported_value");
}

void RefuseFields(BodyFields& fields) {
  for (const char* key : {"functions", "function_call"}) {
    RefuseField(fields, key, "it was replaced by 'tools' and 'tool_choice'");
  }
  for (const char* key : {"audio", "web_search_options"}) RefuseField(fields, key, "the model has nothing like it");
  RefuseField(fields, "echo", "messages do not come back; use /v1/completions");
}

// What chooses among several has its place in /v1/completions.
void CheckBestOf(BodyFields& fields, const ChatRequest& request) {
  const auto best_of = fields.Integer("best_of", 1, kMostChoices);
  if (!best_of || *best_of == request.n) return;
  fields.Fail("best_of", "'best_of' is not supported here: ask for 'n' choices, or use /v1/completions.",
              "unsupported_parameter");
}

// The body is read again with the order of its keys, which costs the square of their number.
void CheckWidths(BodyFields& fields) {
  if (!checkpoint::IsWide(fields.body())) return;
  std::string param = "body";
  for (const auto& [key, value] : fields.body().items()) {
    if (checkpoint::IsWide(value)) param = key;
  }
  fields.Fail(param, "'" + param + "' holds an object of more than " + std::to_string(checkpoint::kMostOrderedKeys) + " keys.");
}

chat::Json Take(chat::Json& body, const char* key) {
  const auto found = body.find(key);
  return found == body.end() ? chat::Json() : std::move(*found);
}

}  // namespace

Conversation ReadConversation(BodyFields& fields, std::string_view text) {
  Conversation conversation;
  const json* messages = fields.Find("messages");
  if (messages == nullptr) {
    fields.Fail("messages", "'messages' is required.", "missing_required_parameter");
    return conversation;
  }
  RefuseField(fields, "chat_template", "the plan says which template a model has");
  MessageChecker(fields).Check(*messages);
  CheckTools(fields);
  const bool shows_tools = ReadToolChoice(fields);
  CheckDocuments(fields);
  CheckObject(fields, "chat_template_kwargs");
  conversation.continue_final_message = fields.Bool("continue_final_message", false);
  conversation.chat.add_generation_prompt = fields.Bool("add_generation_prompt", !conversation.continue_final_message);
  if (conversation.continue_final_message && conversation.chat.add_generation_prompt) {
    fields.Fail("continue_final_message", "Give 'continue_final_message' or 'add_generation_prompt', not both.");
  }
  CheckWidths(fields);
  if (!fields.ok()) return conversation;
  chat::Json body = chat::Json::parse(text, nullptr, false);
  conversation.chat.messages = Take(body, "messages");
  if (shows_tools) conversation.chat.tools = Take(body, "tools");
  if (conversation.chat.tools.empty()) conversation.chat.tools = nullptr;  // none is as good as an empty list
  conversation.chat.documents = Take(body, "documents");
  conversation.chat.kwargs = Take(body, "chat_template_kwargs");
  return conversation;
}

Parsed<ChatRequest> ParseChat(const json& body, std::string_view text, const GenerationFacts& model) {
  BodyFields fields(body);
  ChatRequest request;
  ReadGeneration(fields, model, request);
  ReadMaxTokens(fields, model, request);
  ReadLogprobs(fields, request);
  request.add_special_tokens = fields.Bool("add_special_tokens", false);
  ReadModalities(fields);
  CheckBestOf(fields, request);
  RefuseFields(fields);
  request.conversation = ReadConversation(fields, text);
  if (!fields.ok()) return fields.error();
  request.unread = fields.Unread();
  return request;
}

}  // namespace berth::completions
