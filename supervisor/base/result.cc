#include "supervisor/base/result.h"

#include <cerrno>
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

Error SystemError(int errno_value, std::string what) {
  what += ": ";
  what += std::generic_category().message(errno_value);
  return Error{KindOf(errno_value), std::move(what)};
}

}  // namespace berth
