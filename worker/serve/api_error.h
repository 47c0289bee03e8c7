// What a request is refused with: the parts of the OpenAI error envelope. Values; the HTTP reply is made of
// them by the route.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace berth::serve {

struct ApiError {
  int status = 400;
  std::string message = {};  // names the parameter, what was expected and what was found
  std::string param = {};    // "input[3]"; empty: none
  std::string code = {};     // "context_length_exceeded"; empty: null
};

// Called by Parsed<T>::value() on an error: a broken invariant, since callers test first.
[[noreturn]] inline void throw_exception_from_error(const ApiError& error, const boost::source_location&) {
  throw std::logic_error("value() of an error: " + error.message);
}

template <class T>
using Parsed = boost::system::result<T, ApiError>;

}  // namespace berth::serve
