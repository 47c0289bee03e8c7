// Request bodies of the type multipart/form-data (RFC 7578, RFC 2046 section 5.1.1), as the proxy and a worker read
// them: parts in the order in which they come, each with its name and its bytes. Strict, so that two readers of a body
// cannot see different fields: nothing before the first delimiter and nothing but blanks behind the last, CRLF alone, one
// Content-Disposition per part, no encodings. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth::http {

inline constexpr std::size_t kMostFormParts = 64;
inline constexpr std::size_t kMostPartHead = 4096;  // bytes of a part's header lines
inline constexpr std::size_t kMostPartName = 256;

struct FormPart {
  std::string name;
  std::optional<std::string> filename;
  std::string_view data;  // of the body
};

// The boundary that a Content-Type names. Errors: another type; no boundary, two, or none that RFC 2046 allows.
Result<std::string> FormBoundary(std::string_view content_type);

// Walks the parts of a body, all of which may be there, or only its beginning. The body stays the caller's.
class FormReader {
 public:
  explicit FormReader(std::string_view boundary);

  enum class Step {
    kPart,  // `part` is the next one, whole
    kMore,  // more of the body is needed
    kEnd,   // there are no more parts
    kBad,   // it is malformed: error()
  };
  // `body`: all that has arrived of it, from its first byte on; what was there before is still the same. What was
  // looked at is not looked at again.
  Step Next(std::string_view body, FormPart* part);
  // Why; "" when nothing is wrong yet.
  const std::string& error() const { return error_; }

 private:
  Step Bad(std::string why);
  Step ReadDelimiter(std::string_view body);
  Step ReadHead(std::string_view body);
  bool ReadField(std::string_view line);
  bool ReadDisposition(std::string_view value);

  enum class State { kDelimiter, kHead, kData, kEnd };

  const std::string delimiter_;  // CRLF, two hyphens, boundary
  State state_ = State::kDelimiter;
  std::size_t at_ = 0;           // where the state's part of the body begins
  std::size_t looked_at_ = 0;    // in the data: no delimiter begins before here
  std::size_t parts_ = 0;
  bool named_ = false;
  FormPart part_;
  std::string error_;
};

}  // namespace berth::http
