#include "worker/completions/reply_shape.h"

#include <utility>

namespace berth::completions {
namespace {

// A header or a vocabulary may have what is no UTF-8.
std::string Text(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json UsageOf(const Usage& usage) {
  const auto prompt = static_cast<std::int64_t>(usage.prompt_tokens);
  return {{"prompt_tokens", prompt},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", prompt + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}}};
}

}  // namespace

Json ReplyShape::Head(bool event) const {
  return {{"id", head_.id},
          {"object", object(event)},
          {"created", head_.created},
          {"model", head_.model},
          {"system_fingerprint", head_.fingerprint}};
}

std::string ReplyShape::Whole(const std::vector<ChoiceNews>& choices, const Usage& usage) {
  Json reply = Head(false);
  Json& list = reply["choices"] = Json::array();
  for (const ChoiceNews& choice : choices) list.push_back(Choice(choice));
  reply["usage"] = UsageOf(usage);
  return Text(reply);
}

std::string ReplyShape::Event(Json choice) const {
  Json event = Head(true);
  Json& list = event["choices"] = Json::array();
  list.push_back(std::move(choice));
  if (head_.usage_in_events) event["usage"] = nullptr;
  return DataEvent(Text(event));
}

std::string ReplyShape::UsageEvent(const Usage& usage) {
  Json event = Head(true);
  event["choices"] = Json::array();
  event["usage"] = UsageOf(usage);
  return DataEvent(Text(event));
}

Json FinishReason(engine::Delta::Finish finish) {
  switch (finish) {
    case engine::Delta::Finish::kStop:
      return "stop";
    case engine::Delta::Finish::kLength:
      return "length";
    case engine::Delta::Finish::kNone:
      break;
  }
  return nullptr;
}

std::string DataEvent(const std::string& json) { return "data: " + json + "\n\n"; }

}  // namespace berth::completions
