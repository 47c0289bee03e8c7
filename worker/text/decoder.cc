#include "worker/text/decoder.h"

#include <array>
#include <utility>

#include "worker/checkpoint/json_fields.h"

namespace berth::text {
namespace {

// In this order, each everywhere in a token.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kCleanups = {{{" .", "."},
                                                                                      {" ?", "?"},
                                                                                      {" !", "!"},
                                                                                      {" ,", ","},
                                                                                      {" ' ", "'"},
                                                                                      {" n't", "n't"},
                                                                                      {" 'm", "'m"},
                                                                                      {" do not", " don't"},
                                                                                      {" 's", "'s"},
                                                                                      {" 've", "'ve"},
                                                                                      {" 're", "'re"}}};

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

Result<Decoder> Decoder::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return Decoder();
  checkpoint::JsonFields fields(value, where);
  const std::string type = fields.String("type");
  if (fields.ok() && type != "WordPiece") {
    fields.Fail("decoder \"" + type + "\" is not supported; supported: WordPiece");
  }
  Decoder decoder{fields.String("prefix", "##"), fields.Bool("cleanup", true)};
  if (!fields.ok()) return fields.error();
  return decoder;
}

void Decoder::Append(std::string_view token, bool first, std::string& text) const {
  std::string piece(token);
  if (!first) {
    const bool continues = !prefix.empty() && token.starts_with(prefix);
    if (continues) piece.erase(0, prefix.size());
    if (!continues) piece.insert(piece.begin(), ' ');
  }
  if (cleanup) {
    for (const auto& [from, to] : kCleanups) ReplaceAll(piece, from, to);
  }
  text += piece;
}

}  // namespace berth::text
