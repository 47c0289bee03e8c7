#include "worker/completions/generation_request.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace berth::completions {
namespace {

using nlohmann::json;

struct NumberRow {
  const char* key;
  double least;
  double most;
  double engine::Sampling::*field;
};

constexpr NumberRow kNumbers[] = {
    {"temperature", 0, 2, &engine::Sampling::temperature},
    {"top_p", 0, 1, &engine::Sampling::top_p},
    {"min_p", 0, 1, &engine::Sampling::min_p},
    {"typical_p", 0.001, 1, &engine::Sampling::typical_p},
    {"repetition_penalty", 0.01, 100, &engine::Sampling::repetition_penalty},
    {"presence_penalty", -2, 2, &engine::Sampling::presence_penalty},
    {"frequency_penalty", -2, 2, &engine::Sampling::frequency_penalty},
};

// What asks for another output than plain text, as other servers call it; and what clients send without expecting any
// effect here.
constexpr const char* kGuided[] = {"guided_json", "guided_regex", "guided_choice", "guided_grammar",
                                   "structured_outputs", "grammar", "json_schema"};
constexpr const char* kRefused[] = {"use_beam_search", "bad_words", "allowed_token_ids", "prompt_logprobs",
                                    "logits_processors", "truncate_prompt_tokens", "return_tokens_as_token_ids",
                                    "return_token_ids"};
constexpr const char* kWithoutEffect[] = {"user",         "store",            "metadata",          "service_tier",
                                          "timeout_ms",   "prompt_cache_key", "safety_identifier", "priority",
                                          "keep_alive",   "request_id"};

void ReadLogitBias(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request) {
  const json* bias = fields.Find("logit_bias");
  if (bias == nullptr) return;
  if (!bias->is_object()) return fields.FailType("logit_bias", "an object of token ids and biases", *bias);
  for (const auto& [key, value] : bias->items()) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= model.vocab_size) {
      return fields.Fail("logit_bias", "'logit_bias' has the key \"" + key.substr(0, 32) +
                                           "\", which is no token id between 0 and " +
                                           std::to_string(model.vocab_size - 1) + ".");
    }
    const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
    if (!(number >= -100 && number <= 100)) {
      return fields.Fail("logit_bias." + key, "'logit_bias." + key + "' must be a number between -100 and 100.");
    }
    request.sampling.logit_bias[id] = static_cast<float>(number);
  }
}

void ReadSampling(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request) {
  engine::Sampling& sampling = request.sampling = model.defaults;
  for (const NumberRow& row : kNumbers) {
    if (const auto number = fields.Number(row.key, row.least, row.most)) sampling.*row.field = *number;
  }
  // −1 is vLLM's word for all.
  if (const auto top_k = fields.Integer("top_k", -1, std::numeric_limits<int>::max())) {
    sampling.top_k = static_cast<int>(std::max<std::int64_t>(*top_k, 0));
  }
  const auto seed = fields.Integer("seed", std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max());
  if (seed) sampling.seed = static_cast<std::uint64_t>(*seed);
  ReadLogitBias(fields, model, request);
}

void AddStop(BodyFields& fields, const json& stop, const std::string& param, GenerationRequest& request) {
  if (!stop.is_string()) return fields.FailType(param, "a string", stop);
  const auto& text = stop.get_ref<const std::string&>();
  if (text.empty()) return fields.Fail(param, "'" + param + "' must not be an empty string.");
  if (text.size() > kMostStopBytes) {
    return fields.Fail(param, "'" + param + "' has " + std::to_string(text.size()) + " bytes; at most " +
                                  std::to_string(kMostStopBytes) + " are allowed.");
  }
  request.stopping.stop.push_back(text);
}

void ReadStop(BodyFields& fields, GenerationRequest& request) {
  const json* stop = fields.Find("stop");
  if (stop == nullptr) return;
  if (!stop->is_array()) return AddStop(fields, *stop, "stop", request);
  if (stop->size() > kMostStops) {
    return fields.Fail("stop", "'stop' has " + std::to_string(stop->size()) + " strings; at most " +
                                   std::to_string(kMostStops) + " are allowed.");
  }
  for (std::size_t i = 0; i < stop->size(); ++i) AddStop(fields, (*stop)[i], Element("stop", i), request);
}

void ReadStopIds(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request) {
  const json* ids = fields.Find("stop_token_ids");
  if (ids == nullptr) return;
  if (!ids->is_array()) return fields.FailType("stop_token_ids", "an array of token ids", *ids);
  if (ids->size() > kMostStopIds) {
    return fields.Fail("stop_token_ids", "'stop_token_ids' has " + std::to_string(ids->size()) + " ids; at most " +
                                             std::to_string(kMostStopIds) + " are allowed.");
  }
  for (std::size_t i = 0; i < ids->size(); ++i) {
    const auto id = TokenIdOf((*ids)[i], model);
    const std::string param = Element("stop_token_ids", i);
    if (!id) {
      return fields.Fail(param, "'" + param + "' must be a token id between 0 and " +
                                    std::to_string(model.vocab_size - 1) + ".");
    }
    request.stopping.stop_token_ids.push_back(*id);
  }
}

void ReadStopping(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request) {
  ReadStop(fields, request);
  ReadStopIds(fields, model, request);
  request.stopping.stop.insert(request.stopping.stop.end(), model.default_stops.begin(), model.default_stops.end());
  const auto min_tokens = fields.Integer("min_tokens", 0, model.max_tokens);
  request.stopping.min_tokens = min_tokens.value_or(model.default_min_tokens);
  request.stopping.ignore_eos = fields.Bool("ignore_eos", false);
  request.stopping.include_stop = fields.Bool("include_stop_str_in_output", false);
}

void ReadStream(BodyFields& fields, GenerationRequest& request) {
  request.stream = fields.Bool("stream", false);
  const json* options = fields.Find("stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) return fields.FailType("stream_options", "an object", *options);
  if (!request.stream) {
    return fields.Fail("stream_options", "'stream_options' is for streamed replies: send \"stream\": true.");
  }
  for (const char* key : {"include_usage", "include_obfuscation"}) {
    const auto found = options->find(key);
    if (found == options->end() || found->is_null()) continue;
    if (!found->is_boolean()) return fields.FailType(std::string("stream_options.") + key, "true or false", *found);
    if (key == std::string_view("include_usage")) request.include_usage = found->get<bool>();
  }
}

// {"type": "text"} is what there is.
void ReadResponseFormat(BodyFields& fields) {
  const json* format = fields.Find("response_format");
  if (format == nullptr) return;
  if (!format->is_object()) return fields.FailType("response_format", "an object", *format);
  const auto type = format->find("type");
  if (type == format->end() || !type->is_string()) {
    return fields.Fail("response_format.type", "'response_format.type' must be a string.");
  }
  if (*type == "text") return;
  const bool known = *type == "json_object" || *type == "json_schema";
  fields.Fail("response_format.type",
              known ? "'response_format' of type '" + type->get<std::string>() +
                          "' is not supported yet; ask for JSON in the prompt, or leave it out."
                    : "'response_format.type' must be one of 'text', 'json_object', 'json_schema'.",
              known ? "unsupported_value" : "");
}

void ReadSalt(BodyFields& fields, GenerationRequest& request) {
  request.cache_salt = fields.String("cache_salt").value_or("");
  if (request.cache_salt.size() <= kMostSaltBytes) return;
  fields.Fail("cache_salt", "'cache_salt' has " + std::to_string(request.cache_salt.size()) + " bytes; at most " +
                                std::to_string(kMostSaltBytes) + " are allowed.");
}

void RefuseFields(BodyFields& fields) {
  for (const char* key : kGuided) RefuseField(fields, key, "structured output is not supported yet");
  for (const char* key : kRefused) RefuseField(fields, key, "this server has nothing like it");
  if (!fields.Bool("spaces_between_special_tokens", true)) {
    fields.Fail("spaces_between_special_tokens", "'spaces_between_special_tokens' must be true.", "unsupported_parameter");
  }
  for (const char* key : kWithoutEffect) fields.Find(key);
}

}  // namespace

std::string Element(const std::string& key, std::size_t index) {
  return key + "[" + std::to_string(index) + "]";
}

std::optional<std::int32_t> TokenIdOf(const json& value, const GenerationFacts& model) {
  if (!value.is_number_unsigned()) return std::nullopt;  // negative numbers are not unsigned
  const auto id = value.get<std::uint64_t>();
  if (id >= static_cast<std::uint64_t>(model.vocab_size)) return std::nullopt;
  return static_cast<std::int32_t>(id);
}

void RefuseField(BodyFields& fields, const std::string& key, const std::string& why) {
  const json* value = fields.Find(key);
  const bool off = value == nullptr || (value->is_boolean() && !value->get<bool>()) ||
                   (value->is_structured() && value->empty());
  if (!off) fields.Fail(key, "'" + key + "' is not supported: " + why + ".", "unsupported_parameter");
}

void CheckMinTokens(BodyFields& fields, GenerationRequest& request, std::int64_t most) {
  std::int64_t& least = request.stopping.min_tokens;
  if (least > most && fields.Find("min_tokens") != nullptr) {
    fields.Fail("min_tokens", "'min_tokens' is " + std::to_string(least) + ", more than '" + request.max_tokens_key +
                                  "', which is " + std::to_string(most) + ".");
  }
  least = std::min(least, most);  // the model's own default gives way
}

void ReadGeneration(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request) {
  request.model = fields.String("model").value_or("");
  request.n = static_cast<int>(fields.Integer("n", 1, kMostChoices).value_or(1));
  request.best_of = request.n;
  ReadSampling(fields, model, request);
  ReadStopping(fields, model, request);
  ReadStream(fields, request);
  ReadResponseFormat(fields);
  request.skip_special_tokens = fields.Bool("skip_special_tokens", true);
  ReadSalt(fields, request);
  RefuseFields(fields);
}

}  // namespace berth::completions
