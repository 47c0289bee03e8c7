#include "worker/completions/reply_shape.h"

#include <utility>

namespace berth::completions {
namespace {

Json UsageOf(const Usage& usage) {
  const auto prompt = static_cast<std::int64_t>(usage.prompt_tokens);
  return {{"prompt_tokens", prompt},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", prompt + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

}  // namespace

std::string JsonOf(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string ReplyShape::Begin(bool event) const {
  const Json head = {{"id", head_.id},
                     {"object", object(event)},
                     {"created", head_.created},
                     {"model", head_.model},
                     {"system_fingerprint", head_.fingerprint}};
  std::string text = JsonOf(head);
  text.back() = ',';
  return text + R"("choices":[)";
}

std::string ReplyShape::Whole(const std::vector<ChoiceNews>& choices, const Usage& usage) {
  std::string reply = Begin(false);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) reply += ',';
    AppendChoice(choices[i], reply);
  }
  return reply + R"(],"usage":)" + JsonOf(UsageOf(usage)) + "}";
}

std::string ReplyShape::Event(std::string_view choice) const {
  std::string event = Begin(true);
  event += choice;
  return DataEvent(event + (head_.usage_in_events ? R"(],"usage":null})" : "]}"));
}

std::string ReplyShape::UsageEvent(const Usage& usage) {
  return DataEvent(Begin(true) + R"(],"usage":)" + JsonOf(UsageOf(usage)) + "}");
}

const char* FinishReason(engine::Delta::Finish finish) {
  switch (finish) {
    case engine::Delta::Finish::kStop:
      return R"("stop")";
    case engine::Delta::Finish::kLength:
      return R"("length")";
    case engine::Delta::Finish::kNone:
      break;
  }
  return "null";
}

std::string DataEvent(const std::string& json) { return "data: " + json + "\n\n"; }

}  // namespace berth::completions
