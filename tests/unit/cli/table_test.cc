#include "supervisor/cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace berth::cli {
namespace {

const std::vector<Column> kColumns = {{"NAME", 10}, {"SIZE", 5, true}, {"PID", 1, true}, {"WHY", 3, false, true}};
const std::vector<Row> kRows = {{{"bge"}, {"12"}, {"4711"}, {"it is what it is and will be"}},
                                {{"reranker"}, {"7"}, {"9"}, {""}}};

std::size_t Longest(const std::string& table) {
  std::istringstream lines(table);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(FormatTable, AlignsAndEndsNoLineWithSpaces) {
  EXPECT_EQ(FormatTable(kColumns, kRows, {}),
            "NAME      SIZE   PID  WHY\n"
            "bge         12  4711  it is what it is and will be\n"
            "reranker     7     9\n");
}

TEST(FormatTable, CutsTheStretchingColumnFirst) {
  const std::string table = FormatTable(kColumns, kRows, {40, false});
  EXPECT_NE(table.find("4711"), std::string::npos);
  EXPECT_NE(table.find("it is what it is…"), std::string::npos) << table;
}

TEST(FormatTable, ThenLeavesOutTheLeastImportantColumns) {
  const std::string table = FormatTable(kColumns, kRows, {34, false});
  EXPECT_EQ(table.find("PID"), std::string::npos) << table;
  EXPECT_NE(table.find("WHY"), std::string::npos) << table;
  const std::string narrow = FormatTable(kColumns, kRows, {15, false});
  EXPECT_EQ(narrow, "NAME      SIZE\nbge         12\nreranker     7\n");
}

TEST(FormatTable, FitsEveryWidthThatTheMostImportantColumnFits) {
  for (std::size_t width = 8; width < 80; ++width) {
    // The mark of a cut is one column, but three bytes.
    EXPECT_LE(Longest(FormatTable(kColumns, kRows, {width, false})), width + 2) << width;
  }
}

TEST(FormatTable, LettersOfSeveralBytesCountOnce) {
  EXPECT_EQ(FormatTable({{"A", 1}, {"B", 2}}, {{{"äö"}, {"x"}}, {{"ab"}, {"y"}}}, {}), "A   B\näö  x\nab  y\n");
}

TEST(FormatTable, ColourDoesNotMoveColumns) {
  const std::string table = FormatTable({{"A", 1}, {"B", 2}}, {{{"x", Colour::kRed}, {"y"}}}, {80, true});
  EXPECT_EQ(table, "A  B\n\033[31mx\033[0m  y\n");
}

TEST(FormatTable, WithoutRowsTheTitlesRemain) { EXPECT_EQ(FormatTable({{"A", 1}, {"B", 2}}, {}, {}), "A  B\n"); }

TEST(FormatTable, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(FormatTable({{"A", 1}}, {{{"a\033[2Jb\nc"}}}, {}), "A\na?[2Jb?c\n");
}

TEST(Printable, KeepsTextAndDefusesTheRest) {
  EXPECT_EQ(Printable("grün\tgo"), "grün go");
  EXPECT_EQ(Printable("\x1b]0;x\x07"), "?]0;x?");
  EXPECT_EQ(Printable("\xC2\x9B" "31m"), "?31m");
}

}  // namespace
}  // namespace berth::cli
