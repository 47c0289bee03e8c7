#include "worker/protocol/multipart.h"

#include <algorithm>
#include <utility>

#include "worker/protocol/http_scan.h"

namespace berth::http {
namespace {

constexpr std::size_t kMostBoundary = 70;
constexpr std::string_view kBlanks = " \t";

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool IsBoundary(std::string_view text) {
  if (text.empty() || text.size() > kMostBoundary || text.back() == ' ') return false;
  return std::ranges::all_of(text, [](char c) {
    return IsAlphanumeric(c) || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
}

// Reads `; name=value` after `; name=value`, values as tokens or quoted.
class Parameters {
 public:
  explicit Parameters(std::string_view rest) : rest_(rest) {}

  // False at the end, or where it is malformed: ok().
  bool Next(std::string* name, std::string* value) {
    rest_ = TrimWhitespace(rest_);
    if (rest_.empty()) return false;
    ok_ = false;
    if (rest_.front() != ';') return false;
    rest_ = TrimWhitespace(rest_.substr(1));
    if (rest_.empty()) {  // a last semicolon
      ok_ = true;
      return false;
    }
    const std::size_t equals = rest_.find('=');
    if (equals == std::string_view::npos || !IsToken(rest_.substr(0, equals))) return false;
    *name = rest_.substr(0, equals);
    std::ranges::transform(*name, name->begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    rest_.remove_prefix(equals + 1);
    ok_ = !rest_.empty() && rest_.front() == '"' ? Quoted(value) : Token(value);
    return ok_;
  }

  bool ok() const { return ok_; }

 private:
  bool Token(std::string* value) {
    const std::size_t end = std::min(rest_.find(';'), rest_.size());
    *value = TrimWhitespace(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return IsToken(*value);
  }

  // Clients write a quote as \", or as %22, which stays.
  bool Quoted(std::string* value) {
    value->clear();
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return true;
      }
      const bool escape = rest_[i] == '\\' && i + 1 < rest_.size() && (rest_[i + 1] == '"' || rest_[i + 1] == '\\');
      *value += escape ? rest_[++i] : rest_[i];
    }
    return false;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

Result<std::string> FormBoundary(std::string_view content_type) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  if (!EqualsIgnoreCase(TrimWhitespace(content_type.substr(0, end)), "multipart/form-data")) {
    return Invalid("the body must be multipart/form-data");
  }
  Parameters parameters(content_type.substr(end));
  std::string name, value;
  std::optional<std::string> boundary;
  while (parameters.Next(&name, &value)) {
    if (name != "boundary") continue;
    if (boundary) return Invalid("the Content-Type names two boundaries");
    boundary = value;
  }
  if (!parameters.ok()) return Invalid("the Content-Type multipart/form-data is malformed");
  if (!boundary) return Invalid("the Content-Type multipart/form-data names no boundary");
  if (!IsBoundary(*boundary)) return Invalid("the Content-Type's boundary is not one that RFC 2046 allows");
  return std::move(*boundary);
}

FormReader::FormReader(std::string_view boundary) : delimiter_("\r\n--" + std::string(boundary)) {}

FormReader::Step FormReader::Bad(std::string why) {
  if (error_.empty()) error_ = "the form is malformed: " + std::move(why);
  return Step::kBad;
}

FormReader::Step FormReader::Next(std::string_view body, FormPart* part) {
  if (!error_.empty()) return Step::kBad;
  if (state_ == State::kDelimiter) {
    if (const Step step = ReadDelimiter(body); step != Step::kPart) return step;
  }
  if (state_ == State::kHead) {
    if (const Step step = ReadHead(body); step != Step::kPart) return step;
  }
  if (state_ == State::kEnd) {
    return body.find_first_not_of("\r\n \t", at_) == std::string_view::npos ? Step::kEnd : Bad("something follows its end");
  }
  const std::size_t end = body.find(delimiter_, looked_at_);
  if (end == std::string_view::npos) {
    looked_at_ = std::max(looked_at_, body.size() - std::min(body.size(), delimiter_.size() - 1));
    return Step::kMore;
  }
  part_.data = body.substr(at_, end - at_);
  *part = std::exchange(part_, {});
  at_ = end;
  state_ = State::kDelimiter;
  return Step::kPart;
}

// Up to the line's end; kPart: a part's head follows, or the end.
FormReader::Step FormReader::ReadDelimiter(std::string_view body) {
  // The first one has no line before it that could end.
  const std::string_view delimiter = std::string_view(delimiter_).substr(at_ == 0 ? 2 : 0);
  const std::string_view here = body.substr(at_, delimiter.size());
  if (!delimiter.starts_with(here)) return Bad("it does not begin with its boundary");
  if (here.size() < delimiter.size()) return Step::kMore;
  const std::size_t behind = at_ + delimiter.size();
  if (body.substr(behind).starts_with("--")) {
    at_ = looked_at_ = behind + 2;
    state_ = State::kEnd;
    return Step::kPart;
  }
  const std::size_t line = std::min(body.find_first_not_of(kBlanks, behind), body.size());
  if (line - behind > kMostPartHead) return Bad("a boundary is followed by too many blanks");
  const std::string_view end = body.substr(line, 2);
  if (end == "\r\n") {
    if (++parts_ > kMostFormParts) return Bad("it has more than " + std::to_string(kMostFormParts) + " parts");
    at_ = line;  // the head's first line begins behind an end of line, as all do
    state_ = State::kHead;
    return Step::kPart;
  }
  const bool cut = end.empty() || end == "\r" || (end == "-" && line == behind);
  return cut ? Step::kMore : Bad("a boundary is followed by something else than the line's end");
}

FormReader::Step FormReader::ReadHead(std::string_view body) {
  const std::string_view here = body.substr(at_, kMostPartHead);
  const std::size_t end = here.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return here.size() < kMostPartHead ? Step::kMore : Bad("a part's head is longer than " + std::to_string(kMostPartHead) + " bytes");
  }
  named_ = false;
  for (std::size_t from = 2; from < end;) {
    const std::size_t to = std::min(here.find("\r\n", from), end);
    if (!ReadField(here.substr(from, to - from))) return Step::kBad;
    from = to + 2;
  }
  if (!named_) return Bad("a part has no Content-Disposition with a name");
  at_ = looked_at_ = at_ + end + 4;
  state_ = State::kData;
  return Step::kPart;
}

bool FormReader::ReadField(std::string_view line) {
  const std::size_t colon = line.find(':');
  const bool control = std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)) || control) {
    Bad("a line of a part's head is no field");
    return false;
  }
  const std::string_view name = line.substr(0, colon), value = TrimWhitespace(line.substr(colon + 1));
  if (EqualsIgnoreCase(name, "Content-Disposition")) return ReadDisposition(value);
  if (!EqualsIgnoreCase(name, "Content-Transfer-Encoding")) return true;
  for (const std::string_view plain : {"binary", "8bit", "7bit"}) {
    if (EqualsIgnoreCase(value, plain)) return true;
  }
  Bad("a part has a Content-Transfer-Encoding; send its bytes as they are");
  return false;
}

bool FormReader::ReadDisposition(std::string_view value) {
  const std::size_t end = std::min(value.find(';'), value.size());
  Parameters parameters(value.substr(end));
  std::string name, text;
  std::optional<std::string> field, filename;
  bool twice = named_;
  while (parameters.Next(&name, &text)) {
    std::optional<std::string>* known = name == "name" ? &field : name == "filename" ? &filename : nullptr;
    if (known == nullptr) continue;
    twice = twice || known->has_value();
    *known = text;
  }
  if (!EqualsIgnoreCase(TrimWhitespace(value.substr(0, end)), "form-data") || !parameters.ok() || twice || !field ||
      field->size() > kMostPartName) {
    Bad("a part's Content-Disposition is not form-data with one name");
    return false;
  }
  part_.name = std::move(*field);
  part_.filename = std::move(filename);
  named_ = true;
  return true;
}

}  // namespace berth::http
