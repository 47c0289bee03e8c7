#include "worker/protocol/http_target.h"

#include <algorithm>

#include "worker/protocol/http_scan.h"

namespace berth::http {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<HeadError> CheckVersion(std::string_view version) {
  const bool shaped = version.size() == 8 && version.substr(0, 5) == "HTTP/" && IsDigit(version[5]) &&
                      version[6] == '.' && IsDigit(version[7]);
  if (!shaped) return Malformed("the request line does not end with an HTTP version");
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return std::nullopt;
  return HeadError{505, "parse", std::string(version) + " is not served; use HTTP/1.1"};
}

// A path segment that other readers resolve: ".", "..", and their escaped spellings.
bool IsDotSegment(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    if (segment.front() == '.') {
      segment.remove_prefix(1);
    } else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' &&
               (segment[2] == 'e' || segment[2] == 'E')) {
      segment.remove_prefix(3);
    } else {
      return false;
    }
    ++dots;
  }
  return dots == 1 || dots == 2;
}

std::optional<HeadError> CheckEscapes(std::string_view path) {
  for (std::size_t i = path.find('%'); i != std::string_view::npos; i = path.find('%', i + 3)) {
    const int high = i + 2 < path.size() ? HexValue(path[i + 1]) : -1;
    const int low = i + 2 < path.size() ? HexValue(path[i + 2]) : -1;
    if (high < 0 || low < 0)
      return Malformed("a percent escape in the path is not followed by two hex digits");
    const int value = high * 16 + low;
    if (value < 0x20 || value == 0x7f) return Malformed("the path has an escaped control character");
  }
  return std::nullopt;
}

std::optional<HeadError> CheckPath(std::string_view path) {
  if (path.find('\\') != std::string_view::npos) return Malformed("a backslash in the path");
  if (auto error = CheckEscapes(path)) return error;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (IsDotSegment(path.substr(at, end - at))) return Malformed("a \".\" or \"..\" segment in the path");
    at = end + 1;
  }
  return std::nullopt;
}

std::optional<HeadError> CheckTargetCharacters(std::string_view target) {
  for (char c : target) {
    const auto u = static_cast<unsigned char>(c);
    const bool refused = u <= 0x20 || u >= 0x7f || c == '"' || c == '<' || c == '>' || c == '#';
    if (refused) return Malformed("the request target has a character that must be percent-encoded");
  }
  return std::nullopt;
}

// "http://" or "https://": how many characters; 0 when it is neither.
std::size_t SchemeLength(std::string_view target) {
  if (target.starts_with('/')) return 0;  // nearly all
  for (std::string_view scheme : {"http://", "https://"}) {
    if (target.size() >= scheme.size() && EqualsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      return scheme.size();
    }
  }
  return 0;
}

std::optional<HeadError> CheckTarget(std::string_view method, std::string_view target) {
  if (auto error = CheckTargetCharacters(target)) return error;
  if (target == "*") {
    if (method == "OPTIONS") return std::nullopt;
    return Malformed("the target * goes with OPTIONS only");
  }
  const std::size_t scheme = SchemeLength(target);
  if (target.front() != '/' && scheme == 0)
    return Malformed("the request target is neither a path nor a URL");
  const Target parts = SplitTarget(target);
  if (scheme > 0 && (parts.authority.empty() || !IsHostValue(parts.authority))) {
    return Malformed("the URL in the request line has no valid host");
  }
  return CheckPath(parts.path);
}

bool IsPort(std::string_view port) {
  if (port.size() > 5 || !std::all_of(port.begin(), port.end(), IsDigit)) return false;
  int value = 0;
  for (char c : port) value = value * 10 + (c - '0');
  return value <= 65535;
}

bool IsHostChar(char c) { return IsAlpha(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool IsAddressChar(char c) { return HexValue(c) >= 0 || c == ':' || c == '.'; }

}  // namespace

std::optional<HeadError> CheckRequestLine(std::string_view line) {
  if (line.empty()) return Malformed("an empty line in place of the request line");
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return Malformed("the request line is not \"method target version\"");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!IsToken(method)) return Malformed("the request method is not a token");
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos) {
    return Malformed("the request line is not \"method target version\" with single spaces");
  }
  if (auto error = CheckVersion(line.substr(last + 1))) return error;
  return CheckTarget(method, target);
}

Target SplitTarget(std::string_view target) {
  Target parts;
  if (const std::size_t scheme = SchemeLength(target); scheme > 0) {
    const std::size_t end = std::min(target.find_first_of("/?", scheme), target.size());
    parts.authority = target.substr(scheme, end - scheme);
    target.remove_prefix(end);
    if (target.empty() || target.front() == '?') parts.origin = '/';
  }
  parts.origin += target;
  const std::size_t mark = parts.origin.find('?');
  parts.path = parts.origin.substr(0, mark);
  if (mark != std::string::npos) parts.query = parts.origin.substr(mark + 1);
  return parts;
}

bool IsHostValue(std::string_view value) {
  std::size_t end = 0;
  if (!value.empty() && value.front() == '[') {
    const std::size_t close = value.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    if (!std::all_of(value.begin() + 1, value.begin() + close, IsAddressChar)) return false;
    end = close + 1;
  } else {
    end = std::min(value.find(':'), value.size());
    if (!std::all_of(value.begin(), value.begin() + end, IsHostChar)) return false;
  }
  if (end == value.size()) return true;
  return value[end] == ':' && IsPort(value.substr(end + 1));
}

}  // namespace berth::http
