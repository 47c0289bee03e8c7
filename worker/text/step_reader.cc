#include "worker/text/step_reader.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr int kStepLimit = 32;

class Reader {
 public:
  Reader(std::string_view list_key, const StepFunction& add) : list_key_(list_key), add_(add) {}

  Status Read(const nlohmann::json& value, const std::string& where) {
    JsonFields fields(value, where);
    const std::string type = fields.String("type");
    if (!fields.ok()) return fields.error();
    if (type == "Sequence") return ReadSequence(fields);
    if (++steps_ > kStepLimit) return Invalid(where, ": has more than ", kStepLimit, " steps");
    if (Status added = add_(type, fields); !added) return added;
    if (!fields.ok()) return fields.error();
    return Ok();
  }

 private:
  Status ReadSequence(JsonFields& fields) {
    const auto& list = fields.Array(list_key_);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string where = fields.where() + "." + std::string(list_key_) + "[" + std::to_string(i) + "]";
      if (Status read = Read(list[i], where); !read) return read;
    }
    if (!fields.ok()) return fields.error();
    return Ok();
  }

  const std::string_view list_key_;
  const StepFunction& add_;
  int steps_ = 0;
};

}  // namespace

Status ReadSteps(const nlohmann::json& value, const std::string& where, std::string_view list_key,
                 const StepFunction& add) {
  return Reader(list_key, add).Read(value, where);
}

}  // namespace berth::text
