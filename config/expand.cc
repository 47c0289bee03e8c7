#include "config/expand.h"

#include <algorithm>

#include "config/complaints.h"

namespace berth::config {
namespace {

constexpr std::size_t kMostText = 64 * 1024;

bool IsVariableName(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, fits);
}

// What stands between the braces.
Result<std::string> Substitute(std::string_view inside,
                               const std::function<std::optional<std::string>(const std::string&)>& getenv) {
  const std::size_t dash = inside.find(":-");
  const std::string name(inside.substr(0, dash));
  if (!IsVariableName(name)) {
    return Invalid("${", inside, "}: expected the name of an environment variable, or write $${ for a plain ${");
  }
  std::optional<std::string> value = getenv(name);
  if (dash == std::string_view::npos) {
    if (!value) {
      return Invalid("the environment variable ", name, " is not set; set it, or give a default: ${", name,
                     ":-default}");
    }
    return *value;
  }
  if (value && !value->empty()) return *value;
  return std::string(inside.substr(dash + 2));
}

}  // namespace

Result<std::string> Expand(std::string_view text,
                           const std::function<std::optional<std::string>(const std::string&)>& getenv) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find("${"), text.find("$${"));
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$${")) {
      out += "${";
      text.remove_prefix(3);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return Invalid(Quoted(text), " has no closing brace; $${ is a plain ${");
    Result<std::string> value = Substitute(text.substr(2, end - 2), getenv);
    if (!value) return value.error();
    out += *value;
    if (out.size() > kMostText) return Invalid("more than 64 KiB of text after expanding variables");
    text.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace berth::config
