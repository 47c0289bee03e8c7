// Text tables that fit the terminal. Where they do not, the stretching column is cut first, then whole columns
// are left out, the least important first. Pure: the screen is an argument.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::cli {

struct Screen {
  std::size_t width = 0;  // 0: not a terminal, nothing is cut
  bool colour = false;
};
// Of standard output. Colour: a terminal, and NO_COLOR is unset or empty, and TERM is not "dumb".
Screen ScreenOfStdout();

enum class Colour { kNone, kGreen, kYellow, kRed, kFaint };

struct Column {
  std::string_view title;
  int importance = 0;    // columns are left out from the lowest on; the highest one stays always
  bool right = false;    // aligned
  bool stretch = false;  // may be cut, down to kLeastStretch
};
constexpr std::size_t kLeastStretch = 16;

struct Cell {
  std::string text;
  Colour colour = Colour::kNone;
};
using Row = std::vector<Cell>;

// Every row has a cell per column. Control characters become '?': what workers say must not drive the terminal.
std::string FormatTable(const std::vector<Column>& columns, const std::vector<Row>& rows, Screen screen);

// Control characters replaced, tabs by a space.
std::string Printable(std::string_view text);
// Wraps `text` in the colour's escape sequences, where the screen has colour.
std::string Paint(std::string text, Colour colour, Screen screen);

}  // namespace berth::cli
