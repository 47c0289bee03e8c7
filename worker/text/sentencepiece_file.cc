#include "worker/text/sentencepiece_file.h"

#include <bit>
#include <cmath>
#include <utility>

#include "worker/text/vocabulary.h"

namespace berth::text {
namespace {

// One field of a message: a number, or bytes.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  // of a varint, fixed32 or fixed64
  std::string_view bytes;   // of a length-delimited one
};

// Source of the encoding: protobuf.dev, "Encoding".
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }

  // The next field; false at the end, or at a mistake.
  bool Next(Field& field) {
    if (rest_.empty() || !ok_) return false;
    const std::uint64_t key = Varint();
    field = {key >> 3, 0, {}};
    switch (key & 7) {
      case 0:
        field.value = Varint();
        break;
      case 1:
        field.value = Fixed(8);
        break;
      case 2:
        field.bytes = Take(Varint());
        break;
      case 5:
        field.value = Fixed(4);
        break;
      default:  // groups, which the format gave up
        ok_ = false;
    }
    ok_ = ok_ && field.number != 0;
    return ok_;
  }

 private:
  std::string_view Take(std::uint64_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::uint64_t Fixed(std::size_t size) {
    std::uint64_t value = 0;
    unsigned shift = 0;
    for (const char byte : Take(size)) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(byte)) << shift;
      shift += 8;
    }
    return value;
  }

  std::uint64_t Varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = Take(1);
      if (byte.empty()) return 0;
      const auto bits = static_cast<unsigned char>(byte[0]);
      value |= static_cast<std::uint64_t>(bits & 0x7F) << shift;
      if (bits < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

Status ParsePiece(std::string_view bytes, SentencePiece& piece) {
  WireReader reader(bytes);
  std::uint64_t type = 1;
  for (Field field; reader.Next(field);) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
    if (field.number == 3) type = field.value;
  }
  if (!reader.ok()) return Invalid("is cut short or damaged");
  if (type < 1 || type > 6) return Invalid("has the type ", type, "; types are from 1 to 6");
  if (!std::isfinite(piece.score)) return Invalid("has a score that is no number");
  piece.type = static_cast<PieceType>(type);
  return Ok();
}

bool ParseTrainer(std::string_view bytes, SentencePieceFile& file) {
  WireReader reader(bytes);
  for (Field field; reader.Next(field);) {
    if (field.number == 3) file.model_type = field.value;
    if (field.number == 24) file.whitespace_as_suffix = field.value != 0;
    if (field.number == 35) file.byte_fallback = field.value != 0;
    if (field.number == 45) file.unk_piece = field.bytes;
    if (field.number == 46) file.bos_piece = field.bytes;
    if (field.number == 47) file.eos_piece = field.bytes;
  }
  return reader.ok();
}

bool ParseNormalizer(std::string_view bytes, SentencePieceFile& file) {
  WireReader reader(bytes);
  for (Field field; reader.Next(field);) {
    if (field.number == 2) file.has_charsmap = !field.bytes.empty();
    if (field.number == 3) file.add_dummy_prefix = field.value != 0;
    if (field.number == 4) file.remove_extra_whitespaces = field.value != 0;
    if (field.number == 5) file.escape_whitespaces = field.value != 0;
  }
  return reader.ok();
}

}  // namespace

Result<SentencePieceFile> ParseSentencePiece(std::string_view bytes, const std::string& where) {
  SentencePieceFile file;
  WireReader reader(bytes);
  bool parts_ok = true;
  for (Field field; reader.Next(field);) {
    if (field.number == 1) {
      if (file.pieces.size() >= static_cast<std::size_t>(Vocabulary::kIdLimit)) {
        return Invalid(where, ": has more than ", Vocabulary::kIdLimit, " pieces");
      }
      const Status parsed = ParsePiece(field.bytes, file.pieces.emplace_back());
      if (!parsed) return Invalid(where, ": piece ", file.pieces.size() - 1, " ", parsed.error().message);
    }
    if (field.number == 2) parts_ok = parts_ok && ParseTrainer(field.bytes, file);
    if (field.number == 3) parts_ok = parts_ok && ParseNormalizer(field.bytes, file);
  }
  if (!reader.ok() || !parts_ok) {
    return Invalid(where, ": is no SentencePiece model, or it is cut short or damaged; copy it again");
  }
  if (file.pieces.empty()) return Invalid(where, ": has no pieces; is it a SentencePiece model?");
  return file;
}

}  // namespace berth::text
