#include "worker/embeddings/embeddings_request.h"

#include <optional>
#include <utility>

#include "worker/serve/body_fields.h"

namespace berth::serve {
namespace {

using nlohmann::json;

std::string Element(const std::string& key, std::size_t index) {
  return key + "[" + std::to_string(index) + "]";
}

constexpr const char* kForms =
    " must be a string, an array of strings, an array of token ids or an array of arrays of token ids";

class InputReader {
 public:
  InputReader(BodyFields& fields, const EncoderFacts& model, const std::string& key, EmbeddingsRequest& request)
      : fields_(fields), model_(model), key_(key), request_(request) {}

  void Read() {
    const json* input = fields_.Find(key_);
    if (input == nullptr)
      return fields_.Fail(key_, "'" + key_ + "' is required.", "missing_required_parameter");
    request_.single =
        input->is_string() || (input->is_array() && !input->empty() && input->front().is_number());
    if (input->is_string()) return AddText(*input, key_);
    if (!input->is_array()) return Fail(key_, std::string(kForms) + ", not " + std::string(Describe(*input)));
    if (input->empty()) return Fail(key_, " must not be an empty array");
    if (input->front().is_number()) return AddTokens(*input, key_);
    if (input->size() > kMaxInputs) {
      return Fail(key_, " has " + std::to_string(input->size()) + " items; at most " +
                            std::to_string(kMaxInputs) + " fit into one request");
    }
    for (std::size_t i = 0; i < input->size() && fields_.ok(); ++i) AddItem(*input, i);
  }

 private:
  void Fail(const std::string& param, const std::string& problem) {
    fields_.Fail(param, "'" + param + "'" + problem + ".");
  }

  // The first item decides which of the forms the array has.
  void AddItem(const json& input, std::size_t index) {
    const json& item = input[index];
    const std::string param = Element(key_, index);
    if (item.is_string() && input.front().is_string()) return AddText(item, param);
    if (item.is_array() && input.front().is_array()) return AddTokens(item, param);
    if (index == 0) return Fail(param, " is " + std::string(Describe(item)) + "; '" + key_ + "'" + kForms);
    Fail(param, " is " + std::string(Describe(item)) + " while the items before it are " +
                    (input.front().is_string() ? "strings" : "arrays of token ids"));
  }

  void AddText(const json& text, const std::string& param) {
    if (text.get_ref<const std::string&>().empty()) return Fail(param, " must not be an empty string");
    request_.texts.push_back(text.get<std::string>());
  }

  void AddTokens(const json& ids, const std::string& param) {
    if (ids.empty()) return Fail(param, " must not be an empty array");
    std::vector<text::TokenId> tokens;
    tokens.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = TokenIdOf(ids[i]);
      if (!id) {
        return Fail(Element(param, i), " must be a token id between 0 and " +
                                           std::to_string(model_.vocab_size - 1) + ", not " + Shown(ids[i]));
      }
      tokens.push_back(*id);
    }
    request_.tokens.push_back(std::move(tokens));
  }

  std::optional<text::TokenId> TokenIdOf(const json& value) const {
    if (!value.is_number_unsigned()) return std::nullopt;  // negative numbers are not unsigned
    const auto id = value.get<std::uint64_t>();
    if (id >= static_cast<std::uint64_t>(model_.vocab_size)) return std::nullopt;
    return static_cast<text::TokenId>(id);
  }

  static std::string Shown(const json& value) {
    return value.is_number() ? value.dump() : std::string(Describe(value));
  }

  BodyFields& fields_;
  const EncoderFacts& model_;
  const std::string& key_;
  EmbeddingsRequest& request_;
};

void ReadDimensions(BodyFields& fields, const EncoderFacts& model, EmbeddingsRequest& request) {
  request.dimensions = model.dimensions;
  const auto asked = fields.Integer("dimensions", 1, model.dimensions);
  if (!asked || *asked == model.dimensions) return;
  request.dimensions = static_cast<int>(*asked);
  if (model.matryoshka) return;
  fields.Fail("dimensions", "'dimensions' must be " + std::to_string(model.dimensions) +
                                ": vectors of the model '" + model.name +
                                "' cannot be cut (its plan does not say `matryoshka: true`).");
}

std::string NamesOf(const checkpoint::SentenceConfig& sentence) {
  std::string names;
  for (const auto& [name, text] : sentence.prompts) names += (names.empty() ? "'" : ", '") + name + "'";
  return names.empty() ? "it has none" : "it has " + names;
}

// `input_type` is a hint that a model without such prompts has no use for; `prompt_name` is a name.
std::string PromptForType(const checkpoint::SentenceConfig& sentence, const std::string& type) {
  const std::vector<std::string> names =
      type == "query" ? std::vector<std::string>{"query"} : std::vector<std::string>{"document", "passage"};
  for (const std::string& name : names) {
    if (const auto found = sentence.prompts.find(name); found != sentence.prompts.end()) return found->second;
  }
  return {};
}

void ReadPrompt(BodyFields& fields, const EncoderFacts& model, EmbeddingsRequest& request) {
  const auto name = fields.String("prompt_name");
  const std::string type = fields.Choice("input_type", {"", "query", "document"});
  const auto& prompts = model.sentence.prompts;
  if (name && !type.empty()) {
    return fields.Fail("input_type", "Give 'prompt_name' or 'input_type', not both.");
  }
  if (name && !prompts.contains(*name)) {
    return fields.Fail("prompt_name", "The model '" + model.name + "' has no prompt '" + *name + "'; " +
                                          NamesOf(model.sentence) + ".");
  }
  if (name && !request.tokens.empty()) {
    return fields.Fail("prompt_name", "A prompt goes in front of text; the input is token ids.");
  }
  if (!request.tokens.empty()) return;
  if (name) request.prompt = prompts.find(*name)->second;
  if (!type.empty()) request.prompt = PromptForType(model.sentence, type);
  if (!name && type.empty() && model.sentence.default_prompt) {
    request.prompt = prompts.find(*model.sentence.default_prompt)->second;
  }
}

}  // namespace

Parsed<EmbeddingsRequest> ParseEmbeddings(const json& body, const EncoderFacts& model,
                                          const std::string& input_key) {
  BodyFields fields(body);
  EmbeddingsRequest request;
  request.model = fields.String("model").value_or("");
  request.input_key = input_key;
  InputReader(fields, model, input_key, request).Read();
  fields.String("user");
  request.base64 = fields.Choice("encoding_format", {"float", "base64"}) == "base64";
  ReadDimensions(fields, model, request);
  ReadPrompt(fields, model, request);
  request.normalize = fields.Bool("normalize", model.sentence.normalize);
  request.truncate = fields.Bool("truncate", false);
  const std::string side = fields.Choice("truncation_direction", {"right", "left", "Right", "Left"});
  request.truncation = side == "left" || side == "Left" ? text::Truncation::kLeft : text::Truncation::kRight;
  if (!fields.ok()) return fields.error();
  return request;
}

}  // namespace berth::serve
