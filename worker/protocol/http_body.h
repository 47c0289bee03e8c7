// Finds the end of a message body without touching its bytes, so that it can be relayed raw; or takes the
// payload out of it, where a body is buffered. Strict: a chunk size of over 16 hex digits, bare LF, or
// anything after a chunk but CRLF is an error; so are extensions that break their grammar, trailers that frame
// or route a message, and more than kMaxChunkOverhead bytes of extensions and trailers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/protocol/http_head.h"

namespace berth::http {

inline constexpr std::size_t kMaxChunkOverhead = 16 * 1024;

class BodyReader {
 public:
  // For the body that follows `head`.
  explicit BodyReader(const Head& head);

  struct Step {
    std::size_t consumed = 0;  // how many of the bytes belong to this message
    bool done = false;         // the body has ended with them
    bool bad = false;          // framing error: answer 400 and close (request), treat as lost (response)
  };
  // Looks at the next raw bytes. With `payload`, appends the decoded payload to it.
  Step Feed(std::string_view bytes, std::string* payload = nullptr);
  // The peer closed. True: that is how this body ends (kUntilClose).
  bool EndsAtClose() const;
  bool done() const { return done_; }
  std::uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  // Where in a chunked body the next byte is.
  enum class Part { kSize, kSpace, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf };
  Step FeedLength(std::string_view bytes, std::string* payload);
  Step FeedChunked(std::string_view bytes, std::string* payload);
  bool Framed(char c);        // one byte of a chunked body that is not data; false: framing error
  bool SizeDigit(char c);
  bool Extension(char c);
  bool EndOfSize();
  bool EndOfTrailerLine();
  bool CountOverhead();

  Framing framing_;
  std::uint64_t left_ = 0;     // payload bytes of the message, or of the chunk, still to come
  std::uint64_t payload_bytes_ = 0;
  bool done_ = false;
  bool bad_ = false;
  Part part_ = Part::kSize;
  int digits_ = 0;
  std::size_t overhead_ = 0;   // bytes of extensions and trailers so far
  std::string line_;           // the extensions of a size, or a trailer, as far as they are here
};

}  // namespace berth::http
