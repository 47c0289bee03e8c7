// The small parts that a plan is read with: addresses, variables, documents.
#include <gtest/gtest.h>

#include <algorithm>

#include "config/address.h"
#include "config/complaints.h"
#include "config/document.h"
#include "config/expand.h"
#include "tests/unit/config/plans.h"

namespace berth::config {
namespace {

TEST(ParseAddress, GoodOnesComeBackAsTheyWere) {
  for (const char* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:8080", "[fe80::1]:65535", "localhost:1",
                           "gpu-host_3.example.com:443"}) {
    const Result<Address> address = ParseAddress(text);
    ASSERT_TRUE(address) << text << ": " << address.error().message;
    EXPECT_EQ(Format(*address), text);
  }
}

TEST(ParseAddress, IPv6HostIsKeptWithoutBrackets) { EXPECT_EQ(ParseAddress("[::1]:80")->host, "::1"); }

TEST(ParseAddress, BadOnesAreRefused) {
  for (const char* text : {"", ":", "8080", "localhost", "localhost:", ":8080", "localhost:65536", "localhost:-1",
                           "localhost:80a", "localhost: 80", "::1:80", "[::1", "[::1]", "[::1]80", "[::g]:80",
                           "[127.0.0.1]:80", "127.0.0.1.5:80", "256.0.0.1:80", "1.2.3:80", "a b:80", "-a:80",
                           "http://localhost:80", "localhost:80/"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
}

struct Expansion {
  const char* text;
  const char* expected;  // nullptr: refused
};

TEST(Expand, Table) {
  const Expansion table[] = {
      {"", ""},
      {"plain", "plain"},
      {"${HOME}", "/home/ana"},
      {"${HOME}/a/${PORT}", "/home/ana/a/9000"},
      {"${EMPTY}", ""},
      {"${EMPTY:-x}", "x"},
      {"${UNSET:-x y}", "x y"},
      {"${UNSET:-}", ""},
      {"${HOME:-x}", "/home/ana"},
      {"$${HOME}", "${HOME}"},
      {"$$${HOME}", "$${HOME}"},
      {"$HOME $5 $", "$HOME $5 $"},
      {"a}b", "a}b"},
      {"${UNSET:-$5}", "$5"},
      {"${UNSET}", nullptr},
      {"${", nullptr},
      {"${HOME", nullptr},
      {"${}", nullptr},
      {"${:-x}", nullptr},
      {"${2}", nullptr},
      {"${HO ME}", nullptr},
      {"${HOME-x}", nullptr},
  };
  for (const Expansion& row : table) {
    const Result<std::string> text = Expand(row.text, testing::FixedHost().getenv);
    if (row.expected == nullptr) {
      EXPECT_FALSE(text) << row.text;
    } else {
      ASSERT_TRUE(text) << row.text << ": " << text.error().message;
      EXPECT_EQ(*text, row.expected) << row.text;
    }
  }
}

TEST(Expand, WhatAVariableHoldsIsNotExpandedAgain) {
  const auto getenv = [](const std::string&) { return std::optional<std::string>("${LOOP}"); };
  EXPECT_EQ(Expand("${LOOP}", getenv).value(), "${LOOP}");
}

TEST(Expand, HugeVariablesAreRefused) {
  const auto getenv = [](const std::string&) { return std::optional<std::string>(std::string(40'000, 'x')); };
  EXPECT_TRUE(Expand("${A}", getenv));
  EXPECT_FALSE(Expand("${A}${A}", getenv));
}

Node Tree(std::string_view text) { return std::get<Node>(ParseDocument(text)); }

TEST(ParseDocument, PositionsCountFromOne) {
  const Node root = Tree("a: 1\nb:\n  - x\n  -   y\n");
  ASSERT_EQ(root.items.size(), 2U);
  const Node& list = root.items[1];
  EXPECT_EQ(list.key, "b");
  EXPECT_EQ(list.key_line, 2);
  EXPECT_EQ(list.key_column, 1);
  EXPECT_EQ(list.items[1].text, "y");
  EXPECT_EQ(list.items[1].line, 4);
  EXPECT_EQ(list.items[1].column, 7);
}

TEST(ParseDocument, NothingStandsWhereItsKeyStands) {
  const Node root = Tree("a:\n\n\nb: 1\n");
  EXPECT_EQ(root.items[0].type, Node::Type::kNull);
  EXPECT_EQ(root.items[0].line, 1);
}

TEST(ParseDocument, AliasRepeatsTheValueAtItsOwnPlace) {
  const Node root = Tree("a: &x [1, 2]\nb: *x\n");
  EXPECT_EQ(root.items[1].items.size(), 2U);
  EXPECT_EQ(root.items[1].line, 2);
  EXPECT_EQ(root.items[1].key, "b");
  EXPECT_EQ(root.items[0].key, "a");
}

TEST(ParseDocument, DepthIsBoundedAlsoThroughAliases) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(std::holds_alternative<Node>(ParseDocument(nested(kMostDepth))));
  EXPECT_TRUE(std::holds_alternative<Mistake>(ParseDocument(nested(kMostDepth + 1))));
  const std::string half = nested(kMostDepth - 2);
  EXPECT_TRUE(std::holds_alternative<Node>(ParseDocument("- &a " + half + "\n- - *a\n")));
  EXPECT_TRUE(std::holds_alternative<Mistake>(ParseDocument("- &a " + half + "\n- - - *a\n")));
}

TEST(Shortened, CutsBetweenLetters) {
  EXPECT_EQ(Shortened("short"), "short");
  EXPECT_EQ(Shortened(std::string(80, 'a')), std::string(80, 'a'));
  EXPECT_EQ(Shortened(std::string(81, 'a')), std::string(80, 'a') + "…");
  EXPECT_EQ(Shortened(std::string(79, 'a') + "ää"), std::string(79, 'a') + "…");
}

// A megabyte of plan must not become gigabytes of memory.
TEST(ParseDocument, AliasesOfALongTextAreRefused) {
  std::string text = "a: &a " + std::string(300'000, 'x') + "\nb: [*a, *a, *a";
  ASSERT_TRUE(std::holds_alternative<Node>(ParseDocument(text + "]\n")));
  const auto refused = ParseDocument(text + ", *a]\n");
  ASSERT_TRUE(std::holds_alternative<Mistake>(refused));
  EXPECT_EQ(std::get<Mistake>(refused).message, "aliases repeat more than 1 MiB of text");
}

TEST(Parse, MistakeIsOneLineWhateverItQuotes) {
  for (const char* text : {"a: \"\\\x01\"", "server: {max_body: \"1\\r\\nGiB\"}", "\"a\\x1bb\": 1"}) {
    const auto parsed = Parse(text, "berth.yaml", testing::FixedHost());
    ASSERT_TRUE(std::holds_alternative<Mistakes>(parsed)) << text;
    for (const Mistake& mistake : std::get<Mistakes>(parsed).list) {
      const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
      EXPECT_EQ(std::ranges::count_if(mistake.message, control), 0) << mistake.message;
    }
  }
}

}  // namespace
}  // namespace berth::config
