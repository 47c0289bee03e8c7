#include "worker/protocol/http_body.h"

#include <algorithm>
#include <limits>

#include "worker/protocol/http_scan.h"

namespace berth::http {
namespace {

constexpr int kMaxSizeDigits = 16;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsText(char c) {
  const auto u = static_cast<unsigned char>(c);
  return c == '\t' || (u >= 0x20 && u != 0x7f);
}

// RFC 9112 §7.1.1, what follows a size's first semicolon: name[=value] *(;name[=value]), a value being a token
// or quoted, with blanks around the signs. Nothing is done with extensions, but one that readers could read
// differently is refused.
class ExtensionReader {
 public:
  explicit ExtensionReader(std::string_view text) : text_(text) {}

  bool Valid() {
    do {
      if (!Token()) return false;
      if (Sign('=') && !Value()) return false;
    } while (Sign(';'));
    return at_ == text_.size();
  }

 private:
  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Sign(char c) {
    const std::size_t begin = at_;
    SkipBlanks();
    if (at_ < text_.size() && text_[at_] == c) {
      ++at_;
      return true;
    }
    at_ = begin;
    return false;
  }
  bool Token() {
    SkipBlanks();
    const std::size_t begin = at_;
    while (at_ < text_.size() && IsTokenChar(text_[at_])) ++at_;
    return at_ > begin;
  }
  bool Value() {
    SkipBlanks();
    if (at_ == text_.size() || text_[at_] != '"') return Token();
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    return at_++ < text_.size();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// RFC 9110 §6.5.1: no framing, routing or authentication in trailers; a reader that merges them into the
// head would see another message.
bool IsForbiddenTrailer(std::string_view name) {
  for (std::string_view forbidden : {"content-length", "transfer-encoding", "host", "connection", "trailer",
                                     "te", "expect", "authorization", "content-type", "content-encoding"}) {
    if (EqualsIgnoreCase(name, forbidden)) return true;
  }
  return false;
}

}  // namespace

BodyReader::BodyReader(const Head& head) : framing_(head.framing) {
  if (framing_ == Framing::kLength) left_ = head.content_length;
  done_ = framing_ == Framing::kNone || (framing_ == Framing::kLength && left_ == 0);
}

BodyReader::Step BodyReader::Feed(std::string_view bytes, std::string* payload) {
  if (bad_) return {0, false, true};
  if (done_) return {0, true, false};
  Step step = framing_ == Framing::kChunked ? FeedChunked(bytes, payload) : FeedLength(bytes, payload);
  done_ = step.done;
  bad_ = step.bad;
  return step;
}

bool BodyReader::EndsAtClose() const { return framing_ == Framing::kUntilClose && !done_; }

BodyReader::Step BodyReader::FeedLength(std::string_view bytes, std::string* payload) {
  const bool bounded = framing_ == Framing::kLength;
  const std::size_t take = bounded ? std::min<std::uint64_t>(left_, bytes.size()) : bytes.size();
  if (payload) payload->append(bytes.substr(0, take));
  payload_bytes_ += take;
  if (bounded) left_ -= take;
  return {take, bounded && left_ == 0, false};
}

BodyReader::Step BodyReader::FeedChunked(std::string_view bytes, std::string* payload) {
  std::size_t at = 0;
  while (at < bytes.size() && !done_) {
    if (part_ == Part::kData) {
      const std::size_t take = std::min<std::uint64_t>(left_, bytes.size() - at);
      if (payload) payload->append(bytes.substr(at, take));
      payload_bytes_ += take;
      left_ -= take;
      at += take;
      if (left_ == 0) part_ = Part::kDataCr;
    } else if (!Framed(bytes[at++])) {
      return {at, false, true};
    }
  }
  return {at, done_, false};
}

bool BodyReader::Framed(char c) {
  switch (part_) {
    case Part::kSize:
      return SizeDigit(c);
    case Part::kSpace:
      if (c == ';') part_ = Part::kExtension;
      return c == ';' || ((c == ' ' || c == '\t') && CountOverhead());
    case Part::kExtension:
      return Extension(c);
    case Part::kSizeLf:
      return c == '\n' && EndOfSize();
    case Part::kDataCr:
      part_ = Part::kDataLf;
      return c == '\r';
    case Part::kDataLf:
      part_ = Part::kSize;
      return c == '\n';
    case Part::kTrailer:
      if (c == '\r') {
        part_ = Part::kTrailerLf;
        return true;
      }
      line_ += c;
      return IsText(c) && CountOverhead();
    case Part::kTrailerLf:
      return c == '\n' && EndOfTrailerLine();
    case Part::kData:
      break;
  }
  return false;
}

bool BodyReader::SizeDigit(char c) {
  if (const int value = HexValue(c); value >= 0) {
    left_ = left_ << 4 | static_cast<std::uint64_t>(value);
    return ++digits_ <= kMaxSizeDigits;
  }
  if (digits_ == 0) return false;
  if (c == '\r') part_ = Part::kSizeLf;
  if (c == ';') part_ = Part::kExtension;
  if (c == ' ' || c == '\t') part_ = Part::kSpace;
  return part_ != Part::kSize;
}

bool BodyReader::Extension(char c) {
  if (c == '\r') {
    part_ = Part::kSizeLf;
    const bool good = ExtensionReader(line_).Valid();
    line_.clear();
    return good;
  }
  line_ += c;
  return IsText(c) && CountOverhead();
}

bool BodyReader::EndOfSize() {
  digits_ = 0;
  part_ = left_ == 0 ? Part::kTrailer : Part::kData;
  return left_ <= std::numeric_limits<std::uint64_t>::max() - payload_bytes_;
}

bool BodyReader::EndOfTrailerLine() {
  part_ = Part::kTrailer;
  done_ = line_.empty();
  if (done_) return true;
  const bool good = !CheckFieldLine(line_) &&
                    !IsForbiddenTrailer(std::string_view(line_).substr(0, line_.find(':')));
  line_.clear();
  return good;
}

bool BodyReader::CountOverhead() { return ++overhead_ <= kMaxChunkOverhead; }

}  // namespace berth::http
