#include "worker/text/decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "worker/text/byte_level.h"
#include "worker/text/byte_token.h"
#include "worker/text/utf8.h"

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

// How often `content` stands at the end (or the beginning) of a text, counted to `most`.
std::size_t CountAtStart(std::string_view text, std::string_view content, std::size_t most) {
  std::size_t count = 0;
  while (count < most && text.substr(count * content.size()).starts_with(content)) ++count;
  return count;
}

std::size_t CountAtEnd(std::string_view text, std::string_view content, std::size_t most) {
  std::size_t count = 0;
  while (count < most && text.substr(0, text.size() - count * content.size()).ends_with(content)) ++count;
  return count;
}

// Changes one token in place.
struct StepRunner {
  std::string& token;
  bool first;

  void operator()(const BlankBetween&) const {
    if (!first) token.insert(token.begin(), ' ');
  }

  void operator()(const WordPieceJoin& step) const {
    if (!first) {
      const bool continues = !step.prefix.empty() && token.starts_with(step.prefix);
      if (continues) token.erase(0, step.prefix.size());
      if (!continues) token.insert(token.begin(), ' ');
    }
    if (!step.cleanup) return;
    for (const auto& [from, to] : kCleanups) ReplaceAll(token, from, to);
  }

  void operator()(const ReplaceInToken& step) const { ReplaceAll(token, step.pattern, step.content); }

  void operator()(const MetaspaceJoin& step) const {
    ReplaceAll(token, step.replacement, first && step.drop_first ? "" : " ");
  }

  void operator()(const StripEnds& step) const {
    token.erase(0, CountAtStart(token, step.content, step.start) * step.content.size());
    token.resize(token.size() - CountAtEnd(token, step.content, step.stop) * step.content.size());
  }
};

}  // namespace

void Decoder::Push(std::string_view token, DecoderState& state, std::string& text) const {
  std::string piece(token);
  for (const TokenStep& step : steps_) std::visit(StepRunner{piece, state.first}, step);
  state.first = false;
  if (bytes_ == ByteRule::kByteLevel) {
    std::string bytes;
    AppendSpelledBytes(piece, bytes);
    return PushBytes(bytes, state, text);
  }
  const auto byte = bytes_ == ByteRule::kFallback ? ByteOfToken(piece) : std::nullopt;
  if (byte) return PushBytes({&*byte, 1}, state, text);
  FlushBytes(state, text);
  Emit(piece, state, text);
}

void Decoder::PushBytes(std::string_view bytes, DecoderState& state, std::string& text) const {
  std::string characters;
  state.bytes += bytes;
  const auto rule = bytes_ == ByteRule::kFallback ? Replacement::kPerByte : Replacement::kPerSequence;
  state.bytes.erase(0, AppendCertain(state.bytes, rule, characters));
  Emit(characters, state, text);
}

void Decoder::FlushBytes(DecoderState& state, std::string& text) const {
  if (state.bytes.empty()) return;
  const std::size_t wrong = bytes_ == ByteRule::kFallback ? state.bytes.size() : 1;
  state.bytes.clear();
  std::string characters;
  for (std::size_t i = 0; i < wrong; ++i) Append(characters, kReplacementCharacter);
  Emit(characters, state, text);
}

void Decoder::Emit(std::string_view piece, DecoderState& state, std::string& text) const {
  const std::string_view content = ends_.content;
  if (state.at_start && !piece.empty()) {
    const std::size_t count = CountAtStart(piece, content, ends_.start - state.stripped);
    state.stripped += count;
    piece.remove_prefix(count * content.size());
    state.at_start = piece.empty() && state.stripped < ends_.start;
  }
  if (piece.empty()) return;
  const std::size_t held = CountAtEnd(piece, content, ends_.stop);
  const bool nothing_else = held * content.size() == piece.size();
  const std::size_t before = state.held;
  state.held = nothing_else ? std::min(before + held, ends_.stop) : held;
  // What was held is certain as far as it does not fit any more.
  for (std::size_t i = state.held; nothing_else && i < before + held; ++i) text += content;
  if (nothing_else) return;
  for (std::size_t i = 0; i < before; ++i) text += content;
  text += piece.substr(0, piece.size() - held * content.size());
}

void Decoder::Finish(DecoderState& state, std::string& text) const {
  FlushBytes(state, text);
  state.held = 0;
}

std::string Decoder::BytesOf(std::string_view token) const {
  std::string piece(token);
  for (const TokenStep& step : steps_) std::visit(StepRunner{piece, false}, step);
  if (bytes_ == ByteRule::kByteLevel) {
    std::string bytes;
    AppendSpelledBytes(piece, bytes);
    return bytes;
  }
  const auto byte = bytes_ == ByteRule::kFallback ? ByteOfToken(piece) : std::nullopt;
  return byte ? std::string(1, *byte) : piece;
}

}  // namespace berth::text
