#include "config/check.h"

#include <unistd.h>

#include <cerrno>

namespace berth::config {
namespace {

// The longest part of the path that does exist: what to look at when the rest is misspelled.
std::filesystem::path Existing(std::filesystem::path path) {
  std::error_code ignored;
  while (path.has_relative_path() && !std::filesystem::exists(path, ignored)) path = path.parent_path();
  return path;
}

Error NotReadable(const std::string& subject, const std::filesystem::path& path, int error) {
  if (error == ENOENT) {
    return MakeError(ErrorKind::kNotFound, subject, " does not exist (", Existing(path).string(),
                     " does); correct `source`, or put the model there");
  }
  Error failure = SystemError(error, subject);
  failure.message += "; the user that runs berthd must be able to read it";
  return failure;
}

}  // namespace

std::optional<Error> CheckSource(const Model& model) {
  const std::filesystem::path& chat_template = model.llm.chat_template;
  if (!chat_template.empty() && ::access(chat_template.c_str(), R_OK) != 0) {
    return NotReadable("model \"" + model.name + "\": chat_template " + chat_template.string(), chat_template, errno);
  }
  const std::string subject = "model \"" + model.name + "\": source " + model.source.string();
  if (::access(model.source.c_str(), R_OK) != 0) return NotReadable(subject, model.source, errno);
  std::error_code status;
  if (!std::filesystem::is_directory(model.source, status)) return std::nullopt;
  const std::filesystem::path config = model.source / "config.json";
  if (::access(config.c_str(), R_OK) == 0) return std::nullopt;
  if (errno != ENOENT) return NotReadable("model \"" + model.name + "\": " + config.string(), config, errno);
  return Invalid(subject, " holds no config.json; expected a Hugging Face directory (with config.json and "
                           "*.safetensors)");
}

}  // namespace berth::config
