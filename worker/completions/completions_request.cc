#include "worker/completions/completions_request.h"

#include <algorithm>
#include <utility>

namespace berth::completions {
namespace {

using nlohmann::json;
using serve::Describe;

constexpr const char* kForms =
    " must be a string, an array of strings, an array of token ids or an array of arrays of token ids";

class PromptReader {
 public:
  PromptReader(BodyFields& fields, const GenerationFacts& model, CompletionsRequest& request)
      : fields_(fields), model_(model), request_(request) {}

  void Read() {
    const json* prompt = fields_.Find("prompt");
    if (prompt == nullptr) return fields_.Fail("prompt", "'prompt' is required.", "missing_required_parameter");
    const bool list = prompt->is_array() && !prompt->empty() && !prompt->front().is_number();
    request_.single = !list;
    if (prompt->is_string()) return Add(*prompt);
    if (!prompt->is_array()) return Fail("prompt", kForms + (", not " + std::string(Describe(*prompt))));
    if (prompt->empty()) return Fail("prompt", " must not be an empty array");
    if (!list) return AddTokens(*prompt, "prompt");
    if (prompt->size() > kMostPrompts) {
      return Fail("prompt", " has " + std::to_string(prompt->size()) + " items; at most " +
                                std::to_string(kMostPrompts) + " fit into one request");
    }
    for (std::size_t i = 0; i < prompt->size() && fields_.ok(); ++i) AddItem(*prompt, i);
  }

 private:
  void Fail(const std::string& param, const std::string& problem) {
    fields_.Fail(param, "'" + param + "'" + problem + ".");
  }

  // The first item decides which of the forms the array has.
  void AddItem(const json& list, std::size_t index) {
    const json& item = list[index];
    const std::string param = Element("prompt", index);
    if (item.is_string() && list.front().is_string()) return Add(item);
    if (item.is_array() && list.front().is_array()) return AddTokens(item, param);
    if (index == 0) return Fail(param, " is " + std::string(Describe(item)) + "; 'prompt'" + kForms);
    Fail(param, " is " + std::string(Describe(item)) + " while the items before it are " +
                    (list.front().is_string() ? "strings" : "arrays of token ids"));
  }

  void Add(const json& text) { request_.prompts.emplace_back(text.get<std::string>()); }

  void AddTokens(const json& ids, const std::string& param) {
    if (ids.empty()) return Fail(param, " must not be an empty array");
    PromptTokens tokens;
    tokens.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto id = TokenIdOf(ids[i], model_);
      if (!id) {
        return Fail(Element(param, i), " must be a token id between 0 and " + std::to_string(model_.vocab_size - 1));
      }
      tokens.push_back(*id);
    }
    request_.prompts.emplace_back(std::move(tokens));
  }

  BodyFields& fields_;
  const GenerationFacts& model_;
  CompletionsRequest& request_;
};

void ReadBestOf(BodyFields& fields, CompletionsRequest& request) {
  const auto best_of = fields.Integer("best_of", 1, kMostOfBest);
  if (!best_of) return;
  request.best_of = static_cast<int>(*best_of);
  if (*best_of < request.n) {
    fields.Fail("best_of", "'best_of' is " + std::to_string(*best_of) + " and 'n' " + std::to_string(request.n) +
                               "; it must be at least as many.");
  }
  if (*best_of > 1 && request.stream) {
    fields.Fail("best_of", "'best_of' chooses among whole completions, which cannot be streamed.");
  }
}

void ReadMaxTokens(BodyFields& fields, const GenerationFacts& model, CompletionsRequest& request) {
  request.max_tokens = fields.Integer("max_tokens", request.echo ? 0 : 1, model.max_tokens);
  const std::int64_t unasked = model.default_max_tokens > 0 ? model.default_max_tokens : kDefaultMaxTokens;
  CheckMinTokens(fields, request, request.max_tokens.value_or(unasked));
}

void CheckSequences(BodyFields& fields, const CompletionsRequest& request) {
  const auto sequences = request.prompts.size() * static_cast<std::size_t>(request.best_of);
  if (sequences <= static_cast<std::size_t>(kMostSequences)) return;
  fields.Fail("n", std::to_string(request.prompts.size()) + " prompts with " + std::to_string(request.best_of) +
                       " choices each are " + std::to_string(sequences) + " completions; at most " +
                       std::to_string(kMostSequences) + " fit into one request.");
}

// An empty suffix asks for nothing.
void RefuseSuffix(BodyFields& fields) {
  const json* suffix = fields.Find("suffix");
  if (suffix == nullptr || (suffix->is_string() && suffix->get_ref<const std::string&>().empty())) return;
  RefuseField(fields, "suffix", "the model does not fill gaps; leave it out");
}

}  // namespace

Parsed<CompletionsRequest> ParseCompletions(const json& body, const GenerationFacts& model) {
  BodyFields fields(body);
  CompletionsRequest request;
  ReadGeneration(fields, model, request);
  PromptReader(fields, model, request).Read();
  request.add_special_tokens = fields.Bool("add_special_tokens", true);
  request.echo = fields.Bool("echo", false);
  request.logprobs = static_cast<int>(fields.Integer("logprobs", 0, kMostAlternatives).value_or(-1));
  ReadBestOf(fields, request);
  ReadMaxTokens(fields, model, request);
  CheckSequences(fields, request);
  RefuseSuffix(fields);
  if (!fields.ok()) return fields.error();
  request.unread = fields.Unread();
  return request;
}

}  // namespace berth::completions
