#include "worker/protocol/http_head.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "tests/support/malformed_requests.h"
#include "worker/protocol/http_body.h"

namespace berth::http {
namespace {

using berth::testing::BytesOf;
using berth::testing::kMalformedRequests;
using berth::testing::MalformedRequest;

// How a server that has read exactly `bytes` stands with the first request in them.
struct Verdict {
  int status = 0;  // 0: wants more, 200: a whole request
  std::string code;
  std::size_t length = 0;

  bool operator==(const Verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Verdict& v) {
  return out << v.status << " " << v.code << " length " << v.length;
}

Verdict Judge(std::string_view bytes) {
  RequestResult result = ParseRequestHead(bytes, HeadLimits());
  if (const auto* error = std::get_if<HeadError>(&result)) return {error->status, error->code, 0};
  if (std::holds_alternative<NeedMore>(result)) return {};
  const auto& head = std::get<RequestHead>(result);
  BodyReader body(head);
  const auto step = body.Feed(bytes.substr(head.bytes));
  if (step.bad) return {400, "parse", 0};
  return body.done() ? Verdict{200, "", head.bytes + step.consumed} : Verdict{};
}

RequestHead Good(std::string_view bytes) {
  RequestResult result = ParseRequestHead(bytes, HeadLimits());
  if (const auto* error = std::get_if<HeadError>(&result)) ADD_FAILURE() << error->message;
  if (auto* head = std::get_if<RequestHead>(&result)) return *head;
  ADD_FAILURE() << "no whole head in " << bytes;
  return {};
}

ResponseHead GoodResponse(std::string_view bytes, std::string_view method = "GET") {
  ResponseResult result = ParseResponseHead(bytes, method, HeadLimits());
  if (const auto* error = std::get_if<HeadError>(&result)) ADD_FAILURE() << error->message;
  if (auto* head = std::get_if<ResponseHead>(&result)) return *head;
  ADD_FAILURE() << "no whole head in " << bytes;
  return {};
}

class MalformedRequests : public ::testing::TestWithParam<MalformedRequest> {};

TEST_P(MalformedRequests, GetTheirStatusAndCode) {
  const Verdict verdict = Judge(BytesOf(GetParam()));
  EXPECT_EQ(verdict.status, GetParam().status);
  EXPECT_EQ(verdict.code, GetParam().code);
}

// However a network cuts the bytes, the answer is the same, and no prefix passes for a whole request.
TEST_P(MalformedRequests, CutAnywhereWantMoreOrGetTheSameAnswer) {
  const std::string bytes = BytesOf(GetParam());
  const Verdict whole = Judge(bytes);
  const std::size_t stride = bytes.size() > 2000 ? 61 : 1;
  for (std::size_t cut = 0; cut <= bytes.size(); cut += stride) {
    const Verdict part = Judge(std::string_view(bytes).substr(0, cut));
    if (part.status == 0) continue;
    ASSERT_EQ(part, whole) << "cut at " << cut;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, MalformedRequests, ::testing::ValuesIn(kMalformedRequests),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(MalformedRequestTable, HasAtLeast150RowsWithDifferentBytes) {
  std::set<std::string> all;
  for (const MalformedRequest& request : kMalformedRequests) all.insert(BytesOf(request));
  EXPECT_GE(all.size(), 150u);
  EXPECT_EQ(all.size(), std::size(kMalformedRequests));
}

// --- good requests ---

constexpr std::string_view kGoodRequests[] = {
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /v1/models HTTP/1.1\r\nhost:h:8080\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:   00005\t\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5;a=b\r\nhello\r\n000A ;c=\"d;e\"\r\n0123456789\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n",
    "GET /models/a%2Fb/v1?x=%&y={|} HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX-Latin: \xe9\r\n\r\n",
    "GET http://H/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
    "PROPFIND / HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n",
};

TEST(ParseRequestHead, GoodRequestsAreWholeOnlyWithTheirLastByte) {
  for (std::string_view bytes : kGoodRequests) {
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      ASSERT_EQ(Judge(bytes.substr(0, cut)), Verdict()) << "cut at " << cut << " of " << bytes;
    }
    EXPECT_EQ(Judge(bytes), (Verdict{200, "", bytes.size()})) << bytes;
  }
}

TEST(ParseRequestHead, PipelinedRequestsAreTakenOneByOne) {
  std::string stream;
  for (std::string_view bytes : kGoodRequests) stream += bytes;
  std::string_view rest = stream;
  for (std::string_view bytes : kGoodRequests) {
    const Verdict verdict = Judge(rest);
    ASSERT_EQ(verdict, (Verdict{200, "", bytes.size()})) << bytes;
    rest.remove_prefix(verdict.length);
  }
  EXPECT_TRUE(rest.empty());
}

TEST(ParseRequestHead, PartsAreHandedOver) {
  const auto head =
      Good("POST /v1/x%20y?a=1&b HTTP/1.1\r\nHost: h\r\nX-A:  v w \t\r\nContent-Length: 7\r\n\r\nrest");
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/x%20y?a=1&b");
  EXPECT_EQ(head.path, "/v1/x%20y");
  EXPECT_EQ(head.query, "a=1&b");
  EXPECT_EQ(head.version, 11);
  EXPECT_EQ(head.fields.size(), 3u);
  ASSERT_NE(head.Find("x-a"), nullptr);
  EXPECT_EQ(*head.Find("x-a"), "v w");
  EXPECT_EQ(head.Find("x-b"), nullptr);
  EXPECT_EQ(head.framing, Framing::kLength);
  EXPECT_EQ(head.content_length, 7u);
}

TEST(ParseRequestHead, AbsoluteFormIsReducedToItsPath) {
  const auto url = Good("GET http://Host.example:80/a/b?c HTTP/1.1\r\nHost: host.example:80\r\n\r\n");
  EXPECT_EQ(url.target, "/a/b?c");
  EXPECT_EQ(url.path, "/a/b");
  EXPECT_EQ(url.query, "c");
  EXPECT_EQ(Good("GET HTTPS://h HTTP/1.1\r\nHost: h\r\n\r\n").target, "/");
  EXPECT_EQ(Good("GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n").target, "/?q");
}

TEST(ParseRequestHead, KeepAliveFollowsVersionAndConnection) {
  auto keeps = [](const std::string& version, const std::string& fields) {
    return Good("GET / HTTP/" + version + "\r\nHost: h\r\n" + fields + "\r\n").keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: foo , CLOSE\r\n"));
  EXPECT_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(ParseRequestHead, ExpectContinueCountsOnlyWithABodyToComeIn11) {
  auto expects = [](const std::string& version, const std::string& fields) {
    return Good("POST / HTTP/" + version + "\r\nHost: h\r\nExpect: 100-Continue\r\n" + fields + "\r\n")
        .expect_continue;
  };
  EXPECT_TRUE(expects("1.1", "Content-Length: 5\r\n"));
  EXPECT_TRUE(expects("1.1", "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(expects("1.1", "Content-Length: 0\r\n"));
  EXPECT_FALSE(expects("1.1", ""));
  EXPECT_FALSE(expects("1.0", "Content-Length: 5\r\n"));
}

TEST(ParseRequestHead, LimitsHoldExactly) {
  HeadLimits limits;
  limits.line = 20;
  limits.block = 60;
  limits.fields = 2;
  auto status = [&](const std::string& bytes) {
    const auto result = ParseRequestHead(bytes, limits);
    if (const auto* error = std::get_if<HeadError>(&result)) return error->status;
    return std::holds_alternative<RequestHead>(result) ? 200 : 0;
  };
  EXPECT_EQ(status("GET /1234567 HTTP/1.1\r\nHost:\r\n\r\n"), 414);
  EXPECT_EQ(status("GET /123456 HTTP/1.1\r\nHost:\r\n\r\n"), 200);
  const std::string head = "GET / HTTP/1.1\r\nHost:\r\nX: ";  // 26 bytes; 4 end it
  EXPECT_EQ(status(head + std::string(30, 'x') + "\r\n\r\n"), 200);
  EXPECT_EQ(status(head + std::string(31, 'x') + "\r\n\r\n"), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost:\r\nA:\r\n\r\n"), 200);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost:\r\nA:\r\nB:\r\n\r\n"), 431);
}

// Bytes that no table thought of: no crash, and a prefix's answer is never taken back.
TEST(ParseRequestHead, MutatedRequestsKeepTheAnswerOfTheirPrefixes) {
  std::mt19937 random(7);
  constexpr std::string_view kSpice(
      "\r\n\t :,;/%?#*\0\x7f\x80"
      "05aHTchunked",
      27);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes(kGoodRequests[random() % std::size(kGoodRequests)]);
    for (unsigned i = 0; i <= random() % 3; ++i) {
      const std::size_t at = random() % bytes.size();
      if (random() % 2)
        bytes[at] = kSpice[random() % kSpice.size()];
      else
        bytes.insert(at, 1, kSpice[random() % kSpice.size()]);
    }
    Verdict first;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      const Verdict verdict = Judge(std::string_view(bytes).substr(0, cut));
      if (first.status == 0) first = verdict;
      ASSERT_EQ(verdict, first) << "cut at " << cut << " of " << ::testing::PrintToString(bytes);
    }
  }
}

// --- responses ---

TEST(ParseResponseHead, FramingFollowsStatusMethodAndFields) {
  EXPECT_EQ(GoodResponse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").framing, Framing::kLength);
  EXPECT_EQ(GoodResponse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").framing, Framing::kChunked);
  EXPECT_EQ(GoodResponse("HTTP/1.1 200 OK\r\n\r\n").framing, Framing::kUntilClose);
  EXPECT_EQ(GoodResponse("HTTP/1.1 204 No Content\r\n\r\n").framing, Framing::kNone);
  EXPECT_EQ(GoodResponse("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n").framing, Framing::kNone);
  EXPECT_EQ(GoodResponse("HTTP/1.1 100 Continue\r\n\r\n").framing, Framing::kNone);
  const auto head = GoodResponse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD");
  EXPECT_EQ(head.framing, Framing::kNone);
  EXPECT_EQ(head.content_length, 3u);
}

TEST(ParseResponseHead, KeepAliveNeedsABodyWithAnEnd) {
  EXPECT_TRUE(GoodResponse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").keep_alive);
  EXPECT_FALSE(GoodResponse("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n").keep_alive);
  EXPECT_FALSE(GoodResponse("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n").keep_alive);
  EXPECT_FALSE(GoodResponse("HTTP/1.1 200 OK\r\n\r\n").keep_alive);
}

TEST(ParseResponseHead, StatusAndReasonAreHandedOver) {
  const auto head = GoodResponse("HTTP/1.0 503 Try again \r\nRetry-After: 3\r\n\r\nbody");
  EXPECT_EQ(head.status, 503);
  EXPECT_EQ(head.version, 10);
  EXPECT_EQ(head.bytes, 43u);
  EXPECT_EQ(GoodResponse("HTTP/1.1 200 \r\n\r\n").reason, "");
}

TEST(ParseResponseHead, MalformedResponsesAreRefusedWhereverTheyAreCut) {
  const std::string bad[] = {
      "HTTP/1.1 200\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 099 OK\r\n\r\n",
      "HTTP/1.1 600 OK\r\n\r\n",
      "HTTP/1.1 2x0 OK\r\n\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.2 200 OK\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "<html>\n",
      "\x16\x03\x01 this is not HTTP\n\n",
      "HTTP/1.1 200 OK\nContent-Length: 3\n\n",
      "HTTP/1.1 200 O\001K\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: " + std::string(40000, 'x') + "\r\n\r\n",
  };
  for (const std::string& bytes : bad) {
    bool refused = false;
    for (std::size_t cut = 0; cut <= bytes.size(); cut += bytes.size() > 1000 ? 97 : 1) {
      const auto result = ParseResponseHead(std::string_view(bytes).substr(0, cut), "GET", HeadLimits());
      ASSERT_FALSE(std::holds_alternative<ResponseHead>(result)) << bytes.substr(0, 80);
      ASSERT_FALSE(refused && !std::holds_alternative<HeadError>(result)) << bytes.substr(0, 80);
      refused = std::holds_alternative<HeadError>(result);
    }
    const auto whole = ParseResponseHead(bytes, "GET", HeadLimits());
    EXPECT_TRUE(std::holds_alternative<HeadError>(whole)) << bytes.substr(0, 80);
  }
}

TEST(IsHopByHop, NamedFieldsAndWhatConnectionNominates) {
  const auto head =
      Good("GET / HTTP/1.1\r\nHost: h\r\nConnection: X-One, close\r\nConnection: x-two\r\n\r\n");
  for (const char* name : {"Connection", "keep-alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
                           "Proxy-Authorization", "Proxy-Connection", "x-one", "X-Two"}) {
    EXPECT_TRUE(IsHopByHop(head, name)) << name;
  }
  for (const char* name : {"Host", "Content-Length", "Authorization", "X-Three", "Prox"}) {
    EXPECT_FALSE(IsHopByHop(head, name)) << name;
  }
}

// A refusal is sent back and logged: it shows what is wrong, not all that was sent.
TEST(ParseRequestHead, RefusalShowsAHeaderShortAndInOneLine) {
  const auto refused = ParseRequestHead("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: a" + std::string(9'000, 'b') +
                                            ",\tgzip\r\n\r\n", HeadLimits());
  ASSERT_TRUE(std::holds_alternative<HeadError>(refused));
  EXPECT_LT(std::get<HeadError>(refused).message.size(), 150u);
  const auto tab = ParseRequestHead("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: a,\tgzip\r\n\r\n", HeadLimits());
  EXPECT_EQ(std::get<HeadError>(tab).message, "the transfer coding a, gzip is not implemented");
}

}  // namespace
}  // namespace berth::http
