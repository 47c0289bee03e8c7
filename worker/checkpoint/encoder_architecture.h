// The classes that config.json may name under "architectures", and what each of them is: a family, whose
// layers the encoder has, and a task, which the class's head is for. Tables and look-ups, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth::checkpoint {

// The encoders of the BERT line differ in the names of their tensors and in how they know positions and
// segments.
enum class Family {
  kBert,        // absolute positions, token types
  kDistilBert,  // absolute positions
  kMpnet,       // absolute positions that begin at 2, and a relative bias that all layers share
};

enum class Task {
  kEmbedding,  // one vector per text
  kRanking,    // one score per pair of texts: a cross-encoder
};

struct Architecture {
  std::string_view name;
  Family family;
  Task task;
};

std::string_view ModelType(Family family);  // config.json's "model_type"
// The family of a model_type; nothing: not supported.
std::optional<Family> FindFamily(std::string_view model_type);

// Nothing: not supported.
std::optional<Architecture> FindArchitecture(std::string_view name);
// The family's encoder without a head: files without "architectures" mean it.
Architecture BareEncoder(Family family);

// What is wrong with a name that is not supported, for a message: `is not supported: …; supported: …`.
// `name` is an architecture or a model_type.
std::string WhyRefused(std::string_view name);

}  // namespace berth::checkpoint
