#include "supervisor/cli/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace berth::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::string_view kCutMark = "…";

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// In code points, which is near enough for names, numbers and Latin sentences.
std::size_t WidthOf(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !IsContinuation(c); }));
}

std::string Cut(const std::string& text, std::size_t width) {
  if (WidthOf(text) <= width) return text;
  std::size_t end = 0;
  for (std::size_t points = 0; end < text.size(); ++end) {
    if (!IsContinuation(text[end]) && ++points == width) break;
  }
  while (end > 0 && text[end - 1] == ' ') --end;
  return text.substr(0, end).append(kCutMark);
}

// Which columns are shown, and how wide.
struct Layout {
  std::vector<std::size_t> columns;  // indices
  std::vector<std::size_t> widths;   // of all columns

  std::size_t Total() const {
    const std::size_t text = std::accumulate(columns.begin(), columns.end(), std::size_t{0},
                                             [this](std::size_t sum, std::size_t at) { return sum + widths[at]; });
    return text + kGap * (columns.size() - 1);
  }
};

// Cuts stretching columns until the table fits; false when that is not enough.
bool Squeeze(Layout& layout, const std::vector<Column>& columns, std::size_t width) {
  for (const std::size_t at : layout.columns) {
    const std::size_t total = layout.Total();
    if (total <= width) break;
    if (!columns[at].stretch || layout.widths[at] <= kLeastStretch) continue;
    layout.widths[at] -= std::min(total - width, layout.widths[at] - kLeastStretch);
  }
  return layout.Total() <= width;
}

Layout Fit(const std::vector<Column>& columns, const std::vector<std::size_t>& natural, std::size_t width) {
  Layout layout{{}, natural};
  layout.columns.resize(columns.size());
  std::iota(layout.columns.begin(), layout.columns.end(), 0);
  if (width == 0) return layout;
  while (!Squeeze(layout, columns, width) && layout.columns.size() > 1) {
    layout.columns.erase(std::ranges::min_element(
        layout.columns, {}, [&columns](std::size_t at) { return columns[at].importance; }));
    layout.widths = natural;
  }
  return layout;
}

std::string_view CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kGreen: return "\033[32m";
    case Colour::kYellow: return "\033[33m";
    case Colour::kRed: return "\033[31m";
    case Colour::kFaint: return "\033[2m";
    case Colour::kNone: break;
  }
  return "";
}

std::string FormatLine(const Row& row, const std::vector<Column>& columns, const Layout& layout, Screen screen) {
  std::string line;
  std::size_t owed = 0;  // spaces before the next cell, so that no line ends with any
  for (const std::size_t at : layout.columns) {
    const std::string text = Cut(row[at].text, layout.widths[at]);
    const std::size_t pad = layout.widths[at] - std::min(WidthOf(text), layout.widths[at]);
    if (columns[at].right) owed += pad;
    if (!text.empty()) {
      line.append(owed, ' ').append(Paint(text, row[at].colour, screen));
      owed = 0;
    }
    owed += (columns[at].right ? 0 : pad) + kGap;
  }
  return line.append("\n");
}

}  // namespace

Screen ScreenOfStdout() {
  if (::isatty(STDOUT_FILENO) == 0) return {};
  constexpr std::size_t kUsualWidth = 80;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  return {known ? size.ws_col : kUsualWidth, set("NO_COLOR").empty() && set("TERM") != "dumb"};
}

std::string Printable(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    if (c == '\t') c = ' ';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  // U+0080 to U+009F: control characters in two bytes, of which some terminals obey.
  for (auto at = clean.find('\xC2'); at != std::string::npos; at = clean.find('\xC2', at + 1)) {
    if (at + 1 < clean.size() && static_cast<unsigned char>(clean[at + 1]) < 0xA0) clean.replace(at, 2, "?");
  }
  return clean;
}

std::string Paint(std::string text, Colour colour, Screen screen) {
  if (!screen.colour || colour == Colour::kNone) return text;
  return std::string(CodeOf(colour)).append(text).append("\033[0m");
}

std::string FormatTable(const std::vector<Column>& columns, const std::vector<Row>& rows, Screen screen) {
  std::vector<Row> clean(1);
  for (const Column& column : columns) clean[0].push_back({std::string(column.title)});
  for (const Row& row : rows) {
    Row& added = clean.emplace_back(row);
    for (Cell& cell : added) cell.text = Printable(cell.text);
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (const Row& row : clean) {
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], WidthOf(row[at].text));
  }
  const Layout layout = Fit(columns, std::move(widths), screen.width);
  std::string text;
  for (const Row& row : clean) text += FormatLine(row, columns, layout, screen);
  return text;
}

}  // namespace berth::cli
