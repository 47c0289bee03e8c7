// How a worker process ends: with its last word to the supervisor, its log line and its exit code, and without
// destructors, since threads are running and libtorch's own take long and may deadlock. Any thread.
#pragma once

#include <string>
#include <utility>

#include "supervisor/base/exit_code.h"
#include "supervisor/base/result.h"
#include "worker/serve/control_link.h"

namespace berth {

[[noreturn]] void Leave(WorkerExit code);

// `permanent`: starting this worker again cannot help.
[[noreturn]] void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code, bool permanent);
// Permanent where the code says so: a bad model, bad options.
[[noreturn]] void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code);
// While the model is loaded, where want of memory is permanent, too: the same model needs the same the next time.
[[noreturn]] void FailLoad(serve::ControlLink& control, const std::string& reason, WorkerExit code);

WorkerExit ExitFor(ErrorKind kind);

// What the load needs, or its end.
template <class T>
T Need(serve::ControlLink& control, Result<T> result) {
  if (!result) FailLoad(control, result.error().message, ExitFor(result.error().kind));
  return std::move(*result);
}

}  // namespace berth
