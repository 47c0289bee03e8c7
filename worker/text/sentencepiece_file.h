// SentencePiece's tokenizer.model: a message of Protocol Buffers (sentencepiece_model.proto), read field by field. A
// reader of our own: five kinds of field are needed, and every length is checked against what is left. Fields that it
// does not know are skipped, as the format asks. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::text {

enum class PieceType : std::uint8_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct SentencePiece {
  std::string text;
  float score = 0;  // the larger, the earlier two pieces merge into it
  PieceType type = PieceType::kNormal;
};

struct SentencePieceFile {
  std::vector<SentencePiece> pieces;  // by id
  // trainer_spec
  std::uint64_t model_type = 1;  // 1 unigram, 2 BPE, 3 word, 4 char
  bool whitespace_as_suffix = false;
  bool byte_fallback = false;
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>";
  // normalizer_spec
  bool has_charsmap = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// Errors begin with `where`: bytes that are no such message, a piece of a type that does not exist or with a score that
// is no number, more than Vocabulary::kIdLimit pieces.
Result<SentencePieceFile> ParseSentencePiece(std::string_view bytes, const std::string& where);

}  // namespace berth::text
