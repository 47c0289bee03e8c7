// Bodies: fed whole or in pieces they end at the same byte with the same payload; what a writer frames reads back;
// Boost.Beast decodes the same from chunks, or there is a reason in the table. The first bytes choose the framing.
#include <algorithm>
#include <cstdio>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_reference.h"
#include "worker/protocol/http_body.h"

namespace berth::fuzz {
namespace {

using http::BodyReader;

struct Read {
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;
  std::string payload;
};

Read InPieces(const http::Head& head, std::string_view bytes, std::size_t piece) {
  BodyReader reader(head);
  Read read;
  read.done = reader.done();
  for (std::size_t at = 0; at < bytes.size() && !read.done && !read.bad; at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    const auto step = reader.Feed(part, &read.payload);
    Require(step.consumed <= part.size(), "no more is consumed than there is");
    Require(step.done || step.bad || step.consumed == part.size(), "a body that goes on takes everything");
    read.consumed += step.consumed;
    read.done = step.done;
    read.bad = step.bad;
  }
  Require(reader.done() == read.done && reader.payload_bytes() == read.payload.size(), "the reader counts its payload");
  const auto after = reader.Feed("0\r\n\r\n", nullptr);
  if (read.bad) Require(after.bad && !after.done, "a broken body stays broken");
  if (read.done) Require(after.done && after.consumed == 0, "a body that has ended takes nothing more");
  return read;
}

void RequireSame(const Read& a, const Read& b) {
  Require(a.done == b.done && a.bad == b.bad, "pieces give the same verdict as the whole");
  Require(a.payload == b.payload, "pieces give the same payload as the whole", a.payload + "\n  " + b.payload);
  if (!a.bad) Require(a.consumed == b.consumed, "pieces end at the same byte as the whole");
}

// The lines of sizes and trailers: what stands outside the data.
bool HasOddControl(std::string_view bytes) {
  return std::ranges::any_of(bytes, [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t' && c != '\r' && c != '\n') || u == 0x7f;
  });
}

// What Beast takes and Berth refuses, told from the bytes alone: the table of Berth's strictness.
std::string WhyStricter(std::string_view bytes) {
  if (HasOddControl(bytes)) return "control characters in an extension or trailer";
  if (bytes.find_first_of(" \t") != std::string_view::npos) return "white space after a size, or a folded trailer";
  if (bytes.find(';') != std::string_view::npos) return "an extension that may be endless, or end with a bare CR or LF";
  if (bytes.find(':') != std::string_view::npos) return "a trailer that must not be one, or too many of them";
  std::size_t digits = 0;
  for (const char c : bytes) {
    digits = std::isxdigit(static_cast<unsigned char>(c)) != 0 ? digits + 1 : 0;
    if (digits > 16) return "a size of more than 16 digits";
  }
  return "";
}

void BesideBeast(std::string_view bytes, const Read& ours) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string message = head + std::string(bytes);
  const BeastMessage beast = ReadRequestWithBeast(message);
  Require(beast.outcome == BeastMessage::Outcome::kHead, "the head before the body is a good one", beast.error);
  if (ours.bad) {
    if (beast.whole) Require(!WhyStricter(bytes).empty(), "a refusal has a reason in the table", bytes);
    return;
  }
  Require(beast.body_error.empty(), "what Berth accepts, Beast accepts", beast.body_error);
  Require(ours.done == beast.whole, "both readers see the body end, or neither does");
  if (!ours.done) return;  // of an unfinished chunk, Beast may hold back what has come
  Require(ours.payload == beast.body, "both readers see the same payload");
  Require(head.size() + ours.consumed == beast.consumed, "both readers see the body end at the same byte");
}

void Framed(std::string_view payload, std::size_t piece) {
  std::string bytes;
  for (std::size_t at = 0; at < payload.size(); at += piece) {
    const std::string_view part = payload.substr(at, piece);
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    bytes.append(size).append(part).append("\r\n");
  }
  bytes += "0\r\n\r\n";
  http::Head head;
  head.framing = http::Framing::kChunked;
  const Read read = InPieces(head, bytes, bytes.size());
  Require(read.done && !read.bad && read.payload == payload && read.consumed == bytes.size(),
          "what is framed reads back as what it was");
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::uint8_t kind = slices.Byte();
  const std::size_t piece = slices.Byte() % 16 + 1;
  http::Head head;
  head.framing = static_cast<http::Framing>(kind % 4);
  if (head.framing == http::Framing::kLength) head.content_length = slices.Byte() * (kind / 4 + 1);
  const std::string_view bytes = slices.Rest();
  if (kind % 8 == 7) return Framed(bytes, piece * 7);
  const Read whole = InPieces(head, bytes, std::max<std::size_t>(bytes.size(), 1));
  RequireSame(whole, InPieces(head, bytes, 1));
  RequireSame(whole, InPieces(head, bytes, piece));
  if (head.framing == http::Framing::kChunked) BesideBeast(bytes, whole);
}

const Registration kRegistration("http_body", Run);

}  // namespace
}  // namespace berth::fuzz
