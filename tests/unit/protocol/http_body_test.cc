#include "worker/protocol/http_body.h"

#include <gtest/gtest.h>

namespace berth::http {
namespace {

Head Framed(Framing framing, std::uint64_t length = 0) {
  Head head;
  head.framing = framing;
  head.content_length = length;
  return head;
}

struct Outcome {
  std::string payload;
  std::size_t consumed = 0;
  bool done = false;
  bool bad = false;

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << o.payload << " consumed " << o.consumed << " done " << o.done << " bad " << o.bad;
}

// Feeds pieces of `piece` bytes until the body ends or is bad.
Outcome FeedAll(const Head& head, std::string_view bytes, std::size_t piece) {
  BodyReader reader(head);
  Outcome outcome;
  outcome.done = reader.done();
  while (!bytes.empty() && !outcome.done && !outcome.bad) {
    const auto step = reader.Feed(bytes.substr(0, piece), &outcome.payload);
    outcome.consumed += step.consumed;
    outcome.done = step.done;
    outcome.bad = step.bad;
    bytes.remove_prefix(step.consumed);
  }
  EXPECT_EQ(reader.payload_bytes(), outcome.payload.size());
  EXPECT_EQ(reader.done(), outcome.done);
  return outcome;
}

TEST(BodyReader, ChunkedBodiesGiveTheSamePayloadInAnyPieces) {
  const std::string whole =
      "5\r\nhello\r\n1 ; a=\"b\"\r\n \r\n00B;x\r\nwide\r\nworld\r\n0\r\nX-Trailer: yes\r\nY:\r\n\r\n";
  const Outcome expected{"hello wide\r\nworld", whole.size(), true, false};
  for (std::size_t piece = 1; piece <= whole.size() + 9; ++piece) {
    ASSERT_EQ(FeedAll(Framed(Framing::kChunked), whole + "GET / HTTP", piece), expected) << piece;
  }
}

TEST(BodyReader, EveryPrefixOfAChunkedBodyWantsMore) {
  const std::string bytes = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const Outcome outcome = FeedAll(Framed(Framing::kChunked), std::string_view(bytes).substr(0, cut), 3);
    EXPECT_FALSE(outcome.done || outcome.bad) << cut;
    EXPECT_EQ(outcome.consumed, cut);
  }
}

TEST(BodyReader, LengthBodiesEndWithTheirLastByte) {
  for (std::size_t piece : {1, 2, 5, 100}) {
    EXPECT_EQ(FeedAll(Framed(Framing::kLength, 5), "hellorest", piece), (Outcome{"hello", 5, true, false}));
    EXPECT_EQ(FeedAll(Framed(Framing::kLength, 5), "hell", piece), (Outcome{"hell", 4, false, false}));
  }
  EXPECT_TRUE(BodyReader(Framed(Framing::kLength, 0)).done());
  EXPECT_TRUE(BodyReader(Framed(Framing::kNone)).done());
}

TEST(BodyReader, OnlyABodyUntilCloseEndsAtClose) {
  BodyReader until_close(Framed(Framing::kUntilClose));
  EXPECT_FALSE(until_close.Feed("abc").done);
  EXPECT_TRUE(until_close.EndsAtClose());
  EXPECT_EQ(until_close.payload_bytes(), 3u);
  EXPECT_FALSE(BodyReader(Framed(Framing::kLength, 5)).EndsAtClose());
  EXPECT_FALSE(BodyReader(Framed(Framing::kChunked)).EndsAtClose());
}

TEST(BodyReader, NothingIsConsumedAfterTheEnd) {
  BodyReader reader(Framed(Framing::kChunked));
  EXPECT_TRUE(reader.Feed("0\r\n\r\n").done);
  const auto again = reader.Feed("more");
  EXPECT_TRUE(again.done);
  EXPECT_EQ(again.consumed, 0u);
}

TEST(BodyReader, ABadBodyStaysBad) {
  BodyReader reader(Framed(Framing::kChunked));
  EXPECT_TRUE(reader.Feed("x").bad);
  EXPECT_TRUE(reader.Feed("0\r\n\r\n").bad);
  EXPECT_FALSE(reader.done());
}

TEST(BodyReader, SixteenHexDigitsAreTheLargestSize) {
  BodyReader reader(Framed(Framing::kChunked));
  EXPECT_FALSE(reader.Feed("ffffffffffffffff\r\nab").bad);
  EXPECT_EQ(reader.payload_bytes(), 2u);
  EXPECT_TRUE(FeedAll(Framed(Framing::kChunked), "0ffffffffffffffff\r\n", 4).bad);
}

TEST(BodyReader, ExtensionsThatReadersCouldReadDifferentlyAreRefused) {
  for (const char* good : {"a", "a=b", " a = b ", "a;b=c ;d", "a=\"b c\"", "a=\"\\\"\";b", "a=\"\xff;\""}) {
    const std::string bytes = "1;" + std::string(good) + "\r\nx\r\n0\r\n\r\n";
    EXPECT_EQ(FeedAll(Framed(Framing::kChunked), bytes, 1000).bad, std::string_view(good).ends_with(' ')) << good;
  }
  for (const char* bad : {"", ";", "a;", "=b", "a=", "a b", "a=b c", "a=\"b", "a=\"b\"c", "a=\"\\", "\xff", "a,b", "a:b"}) {
    const std::string bytes = "1;" + std::string(bad) + "\r\nx\r\n0\r\n\r\n";
    EXPECT_TRUE(FeedAll(Framed(Framing::kChunked), bytes, 1000).bad) << bad;
    EXPECT_TRUE(FeedAll(Framed(Framing::kChunked), bytes, 1).bad) << bad;
  }
}

// Extensions and trailers of many small chunks add up: a body is mostly payload, or it is refused.
TEST(BodyReader, ExtensionsOfAllChunksTogetherAreBounded) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "1;" + std::string(200, 'e') + "\r\nx\r\n";
  EXPECT_TRUE(FeedAll(Framed(Framing::kChunked), bytes, 1000).bad);
}

}  // namespace
}  // namespace berth::http
