#include "supervisor/bench/reply.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace berth::bench {
namespace {

using nlohmann::json;

constexpr std::size_t kMostKept = std::size_t{64} << 20;
constexpr std::size_t kMostErrorBytes = 120;

Duration Between(TimePoint from, TimePoint to) { return std::chrono::duration_cast<Duration>(to - from); }

std::string Cut(std::string text) {
  if (text.size() > kMostErrorBytes) text.resize(kMostErrorBytes);
  std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

// "queue_full", or the message of an error without a code.
std::string ErrorOf(const json& body) {
  if (!body.is_object() || !body.contains("error")) return "";
  const json& error = body["error"];
  if (!error.is_object()) return Cut(error.is_string() ? error.get<std::string>() : error.dump());
  for (const char* key : {"code", "type", "message"}) {
    if (error.contains(key) && error[key].is_string()) return Cut(error[key].get<std::string>());
  }
  return "error";
}

// Whether an event of a chat or a completion brings text. A role alone, or usage, does not.
bool BringsText(const json& event) {
  if (!event.contains("choices") || !event["choices"].is_array()) return false;
  return std::ranges::any_of(event["choices"], [](const json& choice) {
    if (!choice.is_object()) return false;
    const json& holder = choice.contains("delta") && choice["delta"].is_object() ? choice["delta"] : choice;
    return std::ranges::any_of(std::initializer_list<const char*>{"content", "text", "reasoning_content"}, [&holder](const char* key) {
      return holder.contains(key) && holder[key].is_string() && !holder[key].get_ref<const std::string&>().empty();
    });
  });
}

}  // namespace

void ReplyMeter::Take(std::string_view payload, TimePoint now) {
  if (bytes_.size() + payload.size() > kMostKept) return;  // its end will not parse, and says so
  bytes_ += payload;
  if (!streams_ || status_ != 200) return;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = bytes_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::string_view line(bytes_.data() + begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.starts_with("data:")) continue;  // comments, blank lines, other fields
    line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
    TakeEvent(line, now);
  }
  bytes_.erase(0, begin);
}

void ReplyMeter::TakeEvent(std::string_view data, TimePoint now) {
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  const json event = json::parse(data, nullptr, false);
  if (!event.is_object()) {
    sample_.error = "an event that is no JSON object";
    return;
  }
  if (event.contains("error")) sample_.error = "in mid-stream: " + ErrorOf(event);
  if (event.contains("usage") && event["usage"].is_object()) TakeUsage(data);
  if (!BringsText(event)) return;
  ++pieces_;
  if (!sample_.first) sample_.first = Between(since_, now);
  else sample_.gaps.push_back(Between(last_, now));
  last_ = now;
}

void ReplyMeter::TakeUsage(std::string_view text) {
  const json body = json::parse(text, nullptr, false);
  if (!body.is_object() || !body.contains("usage") || !body["usage"].is_object()) return;
  const auto count = [&usage = body["usage"]](const char* key) -> std::int64_t {
    return usage.contains(key) && usage[key].is_number_unsigned() ? usage[key].get<std::int64_t>() : 0;
  };
  sample_.prompt_tokens = count("prompt_tokens");
  sample_.output_tokens = count("completion_tokens");
}

Sample ReplyMeter::Finish(bool whole, TimePoint now) {
  sample_.total = Between(since_, now);
  if (status_ != 200) {
    sample_.error = std::to_string(status_) + " " + ErrorOf(json::parse(bytes_, nullptr, false));
  } else if (!whole) {
    sample_.error = "the connection ended before the reply did";
  } else if (streams_ && !done_ && sample_.error.empty()) {
    sample_.error = "the stream ended without [DONE]";
  } else if (!streams_) {
    TakeUsage(bytes_);
  }
  if (sample_.output_tokens == 0) sample_.output_tokens = pieces_;
  return std::move(sample_);
}

}  // namespace berth::bench
