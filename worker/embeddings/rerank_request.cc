#include "worker/embeddings/rerank_request.h"

#include <cstdint>
#include <utility>

#include "worker/serve/body_fields.h"

namespace berth::serve {
namespace {

using nlohmann::json;

constexpr std::int64_t kManyTokens = 1 << 30;

void ReadQuery(BodyFields& fields, RerankRequest& request) {
  auto query = fields.String("query");
  if (!query) return fields.Fail("query", "'query' is required.", "missing_required_parameter");
  if (query->empty()) return fields.Fail("query", "'query' must not be an empty string.");
  request.query = std::move(*query);
}

class DocumentReader {
 public:
  DocumentReader(BodyFields& fields, RerankRequest& request)
      : fields_(fields), key_(request.documents_key), request_(request) {}

  void Read() {
    const json* list = fields_.Find(key_);
    if (list == nullptr)
      return fields_.Fail(key_, "'" + key_ + "' is required.", "missing_required_parameter");
    if (!list->is_array())
      return Fail(key_, " must be an array of strings, not " + std::string(Describe(*list)));
    if (list->empty()) return Fail(key_, " must not be an empty array");
    if (list->size() > kMaxDocuments) {
      return Fail(key_, " has " + std::to_string(list->size()) + " items; at most " +
                            std::to_string(kMaxDocuments) + " fit into one request");
    }
    for (const json& item : *list) {
      if (fields_.ok()) Add(item, key_ + "[" + std::to_string(request_.documents.size()) + "]");
    }
  }

 private:
  void Fail(const std::string& param, const std::string& problem) {
    fields_.Fail(param, "'" + param + "'" + problem + ".");
  }

  // "text", or {"text": "text"} with whatever else the client keeps there.
  void Add(const json& item, const std::string& param) {
    if (item.is_string()) return AddText(item, param);
    if (!item.is_object()) {
      return Fail(param, " must be a string or an object with \"text\", not " + std::string(Describe(item)));
    }
    const auto text = item.find("text");
    if (text == item.end() || !text->is_string()) {
      return Fail(param + ".text", " must be a string; other fields of a document are not ranked");
    }
    AddText(*text, param + ".text");
  }

  void AddText(const json& text, const std::string& param) {
    if (text.get_ref<const std::string&>().empty()) return Fail(param, " must not be an empty string");
    request_.documents.push_back(text.get<std::string>());
  }

  BodyFields& fields_;
  const std::string& key_;
  RerankRequest& request_;
};

// What asks for another ranking than the one that is computed must not be passed over in silence.
void RefuseFields(BodyFields& fields) {
  if (fields.Find("rank_fields") == nullptr) return;
  fields.Fail("rank_fields",
              "'rank_fields' is not supported; put what is to be ranked into the text of each document.");
}

void ReadLengths(BodyFields& fields, RerankRequest& request) {
  const auto most = fields.Integer("max_tokens_per_doc", 1, kManyTokens);
  if (most) request.max_tokens_per_doc = static_cast<std::size_t>(*most);
  request.truncate = fields.Bool("truncate", request.dialect != RerankDialect::kTei);
  const std::string side = fields.Choice("truncation_direction", {"right", "left", "Right", "Left"});
  request.truncation = side == "left" || side == "Left" ? text::Truncation::kLeft : text::Truncation::kRight;
}

void ReadResults(BodyFields& fields, RerankRequest& request) {
  const bool tei = request.dialect == RerankDialect::kTei;
  const auto top_n = fields.Integer("top_n", 1, kManyTokens);
  request.top_n = request.documents.size();
  if (top_n) request.top_n = std::min(request.top_n, static_cast<std::size_t>(*top_n));
  request.return_documents =
      fields.Bool(tei ? "return_text" : "return_documents", request.dialect == RerankDialect::kJina);
  request.raw_scores = fields.Bool("raw_scores", false);
}

}  // namespace

Parsed<RerankRequest> ParseRerank(const json& body, RerankDialect dialect) {
  BodyFields fields(body);
  RerankRequest request;
  request.dialect = dialect;
  if (dialect == RerankDialect::kTei) request.documents_key = "texts";
  request.model = fields.String("model").value_or("");
  ReadQuery(fields, request);
  DocumentReader(fields, request).Read();
  RefuseFields(fields);
  ReadLengths(fields, request);
  ReadResults(fields, request);
  if (!fields.ok()) return fields.error();
  return request;
}

}  // namespace berth::serve
