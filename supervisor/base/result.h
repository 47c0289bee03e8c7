// Errors are values. Result<T> is what every function returns that can fail for a reason a user or an
// operator can do something about; exceptions of libraries are caught in the file that calls the library.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace berth {

// What went wrong, coarse enough to choose an exit code or an HTTP status from.
enum class ErrorKind {
  kInvalid,      // the input is wrong: plan, request, file content
  kNotFound,     // a named thing does not exist
  kConflict,     // it exists, but its present state forbids this
  kUnavailable,  // try again later: loading, draining, connection refused
  kTimeout,      // a deadline passed
  kPermission,   // the operating system or a rule says no
  kExhausted,    // memory, descriptors, queue places
  kIo,           // the operating system failed a call
  kInternal,     // a broken invariant: our fault
};

// One sentence for the person who reads it at night: the object, the numbers, the remedy. MakeError keeps it to one
// line of at most kMostMessageBytes, whatever was quoted in it: control characters become spaces.
inline constexpr std::size_t kMostMessageBytes = 4096;
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
};

// Called by Result<T>::value() on an error: a broken invariant, since callers test first.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("value() of an error: " + error.message);
}

template <class T>
using Result = boost::system::result<T, Error>;
using Status = boost::system::result<void, Error>;

inline Status Ok() { return {}; }

// The message as MakeError keeps it.
std::string OneLine(std::string message);

template <class... Parts>
Error MakeError(ErrorKind kind, Parts&&... parts) {
  Error error{kind, {}};
  auto append = [&error](const auto& part) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>> &&
                  !std::is_same_v<std::decay_t<decltype(part)>, char>) {
      error.message += std::to_string(part);
    } else {
      error.message += part;
    }
  };
  (append(parts), ...);
  error.message = OneLine(std::move(error.message));
  return error;
}

template <class... Parts>
Error Invalid(Parts&&... parts) { return MakeError(ErrorKind::kInvalid, std::forward<Parts>(parts)...); }

// "<what>: <strerror(errno_value)>"; EACCES and EPERM become kPermission, ENOENT kNotFound, ENOMEM,
// EMFILE and ENFILE kExhausted, everything else kIo.
Error SystemError(int errno_value, std::string what);

}  // namespace berth
