#include "worker/embeddings/encoder_routes.h"

#include <array>
#include <utility>

#include "worker/embeddings/embeddings_route.h"
#include "worker/embeddings/rerank_route.h"
#include "worker/serve/text_route.h"
#include "worker/serve/tokenize_route.h"

namespace berth::serve {
namespace {

using checkpoint::Task;

struct Row {
  const char* path;
  Task task;
  ParseWork parse;
};

constexpr std::array<Row, 5> kRows = {{{"/v1/embeddings", Task::kEmbedding, OpenAiEmbeddings},
                                       {"/embed", Task::kEmbedding, TeiEmbed},
                                       {"/v1/rerank", Task::kRanking, JinaRerank},
                                       {"/v2/rerank", Task::kRanking, CohereRerank},
                                       {"/rerank", Task::kRanking, TeiOrJinaRerank}}};

}  // namespace

std::vector<Route> EncoderRoutes(EncoderService& service) {
  std::vector<Route> routes;
  for (const Row& row : kRows) {
    if (row.task != service.model.task) continue;
    routes.push_back({row.path, [&service, parse = row.parse](std::shared_ptr<Call> call) {
                        return ServeInference(service, parse, std::move(call));
                      }});
  }
  routes.push_back(TextRoute(service.common, "/tokenize", [&service](const nlohmann::json& body, std::string_view, engine::Charge& memory) {
    return Tokenize(body, service.model, service.tokenizer, memory);
  }));
  routes.push_back(TextRoute(service.common, "/detokenize", [&service](const nlohmann::json& body, std::string_view, engine::Charge& memory) {
    return Detokenize(body, service.model, service.tokenizer, memory);
  }));
  return routes;
}

std::string_view WhatItDoes(Task task) { return task == Task::kRanking ? "ranks documents" : "embeds texts"; }

}  // namespace berth::serve
