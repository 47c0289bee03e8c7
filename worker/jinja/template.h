// A Jinja template: parsed once, rendered by any thread, any number of times at once. The judge of what it prints is
// Python's jinja2 in an ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, loopcontrols and {% generation %},
// as Hugging Face's transformers set it up. It reaches nothing but what Render() gives it, and is bounded by Limits.
// Not supported, each refused by name: {% block %}, {% autoescape %}, other templates, integers beyond 64 bits, \N{…}.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"
#include "worker/jinja/heap.h"

namespace berth::jinja {

struct Ast;

inline constexpr std::size_t kMostSourceBytes = std::size_t{4} << 20;

class Template {
 public:
  // Errors, kInvalid: "NAME, line N: what is wrong". `name` is what they call the template: usually its file.
  static Result<Template> Parse(std::string_view source, std::string name);

  // `variables`: an object. Whoever sent them reads the errors: they say the last part of the name alone, not where on the
  // machine the file is. `now`: what strftime_now() tells. Errors, kInvalid, with the line: what the template raises,
  // an operation that Python refuses, too; kExhausted where a limit was met, kUnavailable where
  // `limits.hold` said no.
  Result<std::string> Render(const nlohmann::ordered_json& variables, const std::tm& now, const Limits& limits = {}) const;

  const Ast& ast() const { return *ast_; }

 private:
  Template(std::shared_ptr<const Ast> ast, std::string name) : ast_(std::move(ast)), name_(std::move(name)) {}

  std::shared_ptr<const Ast> ast_;
  std::string name_;
};

}  // namespace berth::jinja
