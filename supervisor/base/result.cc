#include "supervisor/base/result.h"

#include <cerrno>
#include <string_view>
#include <system_error>

namespace berth {
namespace {

ErrorKind KindOf(int errno_value) {
  switch (errno_value) {
    case EACCES:
    case EPERM: return ErrorKind::kPermission;
    case ENOENT: return ErrorKind::kNotFound;
    case ENOMEM:
    case EMFILE:
    case ENFILE: return ErrorKind::kExhausted;
    default: return ErrorKind::kIo;
  }
}

}  // namespace

std::string OneLine(std::string message) {
  constexpr std::string_view kCut = "…";
  if (message.size() > kMostMessageBytes) {
    std::size_t end = kMostMessageBytes - kCut.size();
    // Not inside a character of UTF-8.
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
    message.resize(end);
    message += kCut;
  }
  for (char& c : message) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return message;
}

Error SystemError(int errno_value, std::string what) {
  what += ": ";
  what += std::generic_category().message(errno_value);
  return Error{KindOf(errno_value), OneLine(std::move(what))};
}

}  // namespace berth
