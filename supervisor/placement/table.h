// Tables of text as `berth plan` prints them: columns as wide as their widest cell, two spaces apart, nothing at the
// ends of lines. Pure.
#pragma once

#include <string>
#include <vector>

namespace berth::placement {

using Row = std::vector<std::string>;

// The first row holds the titles; each has as many cells as `right`, which says whose columns are aligned to the right
// (numbers).
std::string Table(const std::vector<Row>& rows, const std::vector<bool>& right);

}  // namespace berth::placement
