// JSON bodies of the worker's routes. The first byte chooses the route, the second what the model is like. What is
// refused names its parameter; what is accepted is within the model's limits, reads the same when it is written again,
// and is for the model that the proxy's scan of the same body saw.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "supervisor/route/body_model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/temp_folder.h"
#include "worker/protocol/http_message.h"
#include "worker/serve/body_fields.h"
#include "worker/embeddings/embeddings_request.h"
#include "worker/embeddings/rerank_request.h"
#include "worker/embeddings/tokenize_inputs.h"
#include "worker/embeddings/tokenize_pairs.h"
#include "worker/serve/tokenize_route.h"

namespace berth::fuzz {
namespace {

using nlohmann::json;
using serve::ApiError;
using serve::EmbeddingsRequest;
using serve::EncoderFacts;

const text::Tokenizer& TinyTokenizer() {
  static const std::unique_ptr<text::Tokenizer> tokenizer = [] {
    const TempFolder folder;
    folder.Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\nworld\n##s\nquery\n:\n");
    folder.Write("tokenizer_config.json", R"({"do_lower_case":false,"tokenizer_class":"BertTokenizer"})");
    auto loaded = text::Tokenizer::Load(folder.path());
    Require(loaded.has_value(), "the tokenizer of this fuzzer is a good one");
    return std::move(*loaded);
  }();
  return *tokenizer;
}

EncoderFacts FactsOf(std::uint8_t how) {
  EncoderFacts facts{{.name = "bge", .max_tokens = how & 1 ? 4 : 512, .vocab_size = 10}, 8};
  facts.matryoshka = how & 2;
  facts.sentence.lowercase = how & 4;
  facts.sentence.include_prompt = how & 8;
  facts.sentence.max_tokens = facts.max_tokens;
  if (how & 16) facts.sentence.prompts = {{"query", "query: "}, {"document", ""}};
  if (how & 32) facts.sentence.prompts["plain"] = "hello ";
  if (how & 32) facts.sentence.default_prompt = "plain";
  return facts;
}

void CheckError(const ApiError& error) {
  Require(!error.message.empty(), "an error says what is wrong");
  Require(error.status >= 400 && error.status < 500, "a request's mistake is the client's");
  Require(error.message.size() <= 1000, "an error does not repeat the request", error.message);
  const auto reply = http::ErrorResponse(error.status, error.code, error.message, error.param);
  Require(!json::parse(reply.body, nullptr, false).is_discarded(), "an error is sent as JSON", reply.body);
}

void CheckRequest(const EmbeddingsRequest& request, const EncoderFacts& facts) {
  Require(request.texts.empty() != request.tokens.empty(), "inputs are texts or tokens, and there are some");
  Require(request.inputs() <= std::max(serve::kMaxInputs, std::size_t{1}), "inputs are bounded");
  Require(request.dimensions >= 1 && request.dimensions <= facts.dimensions, "dimensions are those that there are");
  Require(request.dimensions == facts.dimensions || facts.matryoshka, "vectors are cut where the plan says so");
  for (const std::string& text : request.texts) Require(!text.empty(), "no text is empty");
  for (const auto& ids : request.tokens) {
    Require(!ids.empty(), "no input is empty");
    for (const auto id : ids) Require(id >= 0 && id < facts.vocab_size, "tokens are of the vocabulary");
  }
}

json Rewritten(const EmbeddingsRequest& r) {
  json body = {{"model", r.model}, {"dimensions", r.dimensions}, {"normalize", r.normalize}, {"truncate", r.truncate}};
  body["encoding_format"] = r.base64 ? "base64" : "float";
  body["truncation_direction"] = r.truncation == text::Truncation::kLeft ? "left" : "right";
  json input = json::array();
  for (const std::string& text : r.texts) input.push_back(text);
  for (const auto& ids : r.tokens) input.push_back(ids);
  body[r.input_key] = r.single ? input.front() : input;
  return json::parse(body.dump());  // as a client sends it: numbers without a sign
}

void CheckRewritten(const EmbeddingsRequest& request, const EncoderFacts& facts) {
  const auto again = serve::ParseEmbeddings(Rewritten(request), facts, request.input_key);
  Require(again.has_value(), "what was accepted is accepted when written again", again ? "" : again.error().message);
  const bool same = again->texts == request.texts && again->tokens == request.tokens &&
                    again->dimensions == request.dimensions && again->normalize == request.normalize &&
                    again->base64 == request.base64 && again->truncate == request.truncate &&
                    again->truncation == request.truncation && again->model == request.model;
  Require(same, "what is written again means the same");
}

void CheckTokens(EmbeddingsRequest request, const EncoderFacts& facts) {
  const std::size_t inputs = request.inputs();
  const bool texts = !request.texts.empty();
  const auto tokens = serve::TokenizeInputs(request, facts, TinyTokenizer());
  if (!tokens) return CheckError(tokens.error());
  Require(tokens->ids.size() == inputs, "every input is tokenised");
  std::size_t total = 0;
  for (const auto& ids : tokens->ids) {
    total += ids.size();
    Require(!ids.empty() && ids.size() <= static_cast<std::size_t>(facts.max_tokens), "an input fits the model");
    if (texts) Require(ids.front() == 2 && ids.back() == 3, "special tokens stand around a text");
    for (const auto id : ids) Require(id >= 0 && id < facts.vocab_size, "tokens are of the vocabulary");
  }
  Require(total == tokens->total && total <= serve::kMaxRequestTokens, "the tokens are counted");
}

void Embeddings(const json& body, const EncoderFacts& facts, const std::string& key, const route::BodyModel& seen) {
  const auto request = serve::ParseEmbeddings(body, facts, key);
  if (!request) return CheckError(request.error());
  const bool same = request->model == seen.model.value_or("");
  // The proxy refuses a null; behind it nobody sees one.
  if (seen.error.empty()) Require(same, "the worker sees the model that the proxy saw", request->model);
  CheckRequest(*request, facts);
  CheckRewritten(*request, facts);
  CheckTokens(*request, facts);
}

bool IsFilled(const serve::RerankRequest& r) {
  return !r.query.empty() && !r.documents.empty() && r.documents.size() <= serve::kMaxDocuments && r.top_n >= 1 &&
         r.top_n <= r.documents.size();
}

json Rewritten(const serve::RerankRequest& r) {
  json body = {{"model", r.model}, {"query", r.query}, {"top_n", r.top_n}, {"truncate", r.truncate}};
  body[r.documents_key] = r.documents;
  body["raw_scores"] = r.raw_scores;
  body[r.dialect == serve::RerankDialect::kTei ? "return_text" : "return_documents"] = r.return_documents;
  body["truncation_direction"] = r.truncation == text::Truncation::kLeft ? "left" : "right";
  if (r.max_tokens_per_doc <= 1 << 30) body["max_tokens_per_doc"] = r.max_tokens_per_doc;
  return json::parse(body.dump());
}

void Rerank(const json& body, const EncoderFacts& facts, serve::RerankDialect dialect, const route::BodyModel& seen) {
  auto request = serve::ParseRerank(body, dialect);
  if (!request) return CheckError(request.error());
  if (seen.error.empty()) Require(request->model == seen.model.value_or(""), "the worker sees the proxy's model");
  Require(IsFilled(*request), "there is a query, and there are documents within bounds");
  const auto again = serve::ParseRerank(Rewritten(*request), dialect);
  Require(again.has_value(), "what was accepted is accepted when written again", again ? "" : again.error().message);
  Require(Rewritten(*again) == Rewritten(*request), "what is written again means the same");
  const std::size_t documents = request->documents.size();  // which tokenising may let go of
  const auto tokens = serve::TokenizePairs(*request, facts, TinyTokenizer());
  if (!tokens) return CheckError(tokens.error());
  Require(tokens->ids.size() == documents && tokens->seconds.size() == tokens->ids.size(),
          "every pair is tokenised");
  for (std::size_t i = 0; i < tokens->ids.size(); ++i) {
    const auto& ids = tokens->ids[i];
    Require(ids.size() <= static_cast<std::size_t>(facts.max_tokens), "a pair fits the model");
    Require(tokens->seconds[i] <= ids.size(), "a pair's second text begins inside it");
  }
  Require(tokens->total <= serve::kMaxPairTokens, "the tokens of all pairs are bounded");
}

void CheckReply(const serve::Parsed<std::string>& reply, const char* key) {
  if (!reply) return CheckError(reply.error());
  const auto parsed = json::parse(*reply, nullptr, false);
  Require(parsed.is_object() && parsed.contains(key), "a reply is JSON with what was asked for", *reply);
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::uint8_t which = slices.Byte();
  const EncoderFacts facts = FactsOf(slices.Byte());
  const std::string_view text = slices.Rest();
  const auto body = serve::ParseBody(text);
  const route::BodyModel seen = route::ReadBodyModel(text);
  if (!body) return CheckError(body.error());
  engine::Charge memory;
  switch (which % 8) {
    case 0: return Embeddings(*body, facts, "input", seen);
    case 1: return Embeddings(*body, facts, "inputs", seen);
    case 2: return CheckReply(serve::Tokenize(*body, facts, TinyTokenizer(), memory), "tokens");
    case 3: return CheckReply(serve::Detokenize(*body, facts, TinyTokenizer(), memory), "prompt");
    case 4: return Rerank(*body, facts, serve::RerankDialect::kJina, seen);
    case 5: return Rerank(*body, facts, serve::RerankDialect::kCohere, seen);
    default: return Rerank(*body, facts, serve::RerankDialect::kTei, seen);
  }
}

const Registration kRegistration("requests", Run);

}  // namespace
}  // namespace berth::fuzz
