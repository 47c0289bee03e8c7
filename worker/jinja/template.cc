#include "worker/jinja/template.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "worker/jinja/interpreter.h"
#include "worker/jinja/parser.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

Error ErrorAt(ErrorKind kind, const std::string& name, int line, const std::string& message) {
  return MakeError(kind, name, ", line ", line, ": ", message);
}

}  // namespace

Result<Template> Template::Parse(std::string_view source, std::string name) {
  if (source.size() > kMostSourceBytes) {
    return Invalid(name, ": has ", source.size(), " bytes, more than the ", kMostSourceBytes, " that a template may have");
  }
  if (!text::IsValidUtf8(source)) return Invalid(name, ": is not UTF-8");
  int line = 1;
  try {
    auto ast = std::make_shared<const Ast>(jinja::Parse(source, line));
    return Template(std::move(ast), name.substr(name.rfind('/') + 1));
  } catch (const TemplateError& error) {
    return ErrorAt(ErrorKind::kInvalid, name, line, error.message);
  }
}

Result<std::string> Template::Render(const nlohmann::ordered_json& variables, const std::tm& now,
                                     const Limits& limits) const {
  Interpreter interpreter(*ast_, limits, now);
  try {
    return interpreter.Run(variables);
  } catch (const TemplateError& error) {
    if (error.refused) return ErrorAt(ErrorKind::kUnavailable, name_, interpreter.line(), error.message);
    return ErrorAt(error.exhausted ? ErrorKind::kExhausted : ErrorKind::kInvalid, name_, interpreter.line(), error.message);
  }
}

}  // namespace berth::jinja
