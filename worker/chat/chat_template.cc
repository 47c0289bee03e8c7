#include "worker/chat/chat_template.h"

#include <ctime>
#include <utility>

#include "worker/chat/messages.h"
#include "worker/chat/template_files.h"
#include "worker/jinja/analysis.h"
#include "worker/jinja/template.h"

namespace berth::chat {

struct ChatTemplate::Parsed {
  jinja::Template program;
  TemplateHabits habits;
};

namespace {

std::tm LocalTime(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

constexpr const char* kOwnNames[] = {"messages", "tools", "documents", "add_generation_prompt"};

// chat_template_kwargs on top of the special tokens; null counts as none.
Status AddKwargs(const Json& kwargs, Json& variables) {
  if (kwargs.is_null()) return Ok();
  if (!kwargs.is_object()) return Invalid("chat_template_kwargs: must be an object");
  for (const auto& [name, value] : kwargs.items()) {
    for (const char* own : kOwnNames) {
      if (name == own) return Invalid("chat_template_kwargs: \"", name, "\" is the request's own; give it there");
    }
    variables[name] = value;
  }
  return Ok();
}

Status CheckList(const Json& value, const char* name) {
  if (value.is_null() || value.is_array()) return Ok();
  return Invalid(name, ": must be a list");
}

}  // namespace

Result<ChatTemplate> ChatTemplate::Load(const std::filesystem::path& dir, const std::filesystem::path& plan_file) {
  auto files = ReadTemplateFiles(dir, plan_file);
  if (!files) return files.error();
  const auto parse = [](const TemplateSource& source) -> Result<std::shared_ptr<const Parsed>> {
    auto program = jinja::Template::Parse(source.text, source.file);
    if (!program) return program.error();
    const TemplateHabits habits{jinja::LoopsOver(program->ast(), "content"), jinja::SpeaksOf(program->ast(), "developer")};
    return std::make_shared<const Parsed>(Parsed{std::move(*program), habits});
  };
  ChatTemplate loaded;
  loaded.special_tokens_ = std::move(files->special_tokens);
  for (auto [source, place] : {std::pair{&files->standard, &loaded.standard_}, {&files->tool_use, &loaded.tool_use_}}) {
    if (!*source) continue;
    auto parsed = parse(**source);
    if (!parsed) return parsed.error();
    *place = std::move(*parsed);
    if (loaded.source_.empty()) loaded.source_ = (*source)->file;
  }
  return loaded;
}

bool ChatTemplate::present() const { return standard_ != nullptr || tool_use_ != nullptr; }

Result<std::string> ChatTemplate::Render(const ChatRequest& request, std::chrono::system_clock::time_point now,
                                           const Hold& hold) const {
  const bool with_tools = request.tools.is_array() && !request.tools.empty();
  const Parsed* parsed = with_tools && tool_use_ ? tool_use_.get() : standard_.get();
  if (parsed == nullptr) {
    return MakeError(ErrorKind::kNotFound, present() ? "this model's chat template is for requests with tools alone"
                                                     : "this model has no chat template; name a file with one in the plan, or use /v1/completions");
  }
  if (Status tools = CheckList(request.tools, "tools"); !tools) return tools.error();
  if (Status documents = CheckList(request.documents, "documents"); !documents) return documents.error();
  auto messages = PrepareMessages(request.messages, parsed->habits);
  if (!messages) return messages.error();
  Json variables = special_tokens_;
  if (Status added = AddKwargs(request.kwargs, variables); !added) return added.error();
  variables["messages"] = std::move(*messages);
  variables["tools"] = request.tools;
  variables["documents"] = request.documents;
  variables["add_generation_prompt"] = request.add_generation_prompt;
  jinja::Limits limits;
  limits.hold = hold;
  return parsed->program.Render(variables, LocalTime(now), limits);
}

}  // namespace berth::chat
