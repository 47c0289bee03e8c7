#include "config/plan.h"

#include <algorithm>

namespace berth::config {

std::string_view Name(Kind kind) {
  switch (kind) {
    case Kind::kEmbedding: return "embedding";
    case Kind::kLlm: return "llm";
    case Kind::kSpeech: return "speech";
  }
  return "";
}

std::string_view Name(Balance balance) {
  switch (balance) {
    case Balance::kLeastLoaded: return "least_loaded";
    case Balance::kRoundRobin: return "round_robin";
    case Balance::kRandom: return "random";
  }
  return "";
}

std::string_view Name(Start start) {
  switch (start) {
    case Start::kBoot: return "boot";
    case Start::kDemand: return "demand";
    case Start::kManual: return "manual";
  }
  return "";
}

std::string_view Name(Sharing sharing) { return sharing == Sharing::kExclusive ? "exclusive" : "shared"; }

std::string_view Name(Spread spread) { return spread == Spread::kPack ? "pack" : "spread"; }

std::string_view Name(OnFailure on_failure) { return on_failure == OnFailure::kStop ? "stop" : "continue"; }

std::string_view Name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kAuto: return "auto";
    case Dtype::kFloat32: return "float32";
    case Dtype::kBfloat16: return "bfloat16";
    case Dtype::kFloat16: return "float16";
  }
  return "";
}

std::string_view Name(GenerationDefaults defaults) {
  return defaults == GenerationDefaults::kOpenai ? "openai" : "model";
}

std::string Format(const Address& address) {
  const bool ipv6 = address.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

const Model* FindModel(const Plan& plan, std::string_view name_or_alias) {
  for (const Model& model : plan.models) {
    if (model.name == name_or_alias) return &model;
    if (std::ranges::find(model.aliases, name_or_alias) != model.aliases.end()) return &model;
  }
  return nullptr;
}

}  // namespace berth::config
