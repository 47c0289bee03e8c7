#include "worker/process.h"

#include <unistd.h>

#include "supervisor/base/log.h"

namespace berth {

void Leave(WorkerExit code) { ::_exit(Code(code)); }

void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code, bool permanent) {
  LogError(reason);
  [[maybe_unused]] const auto sent = control.Send(protocol::FailedMessage{reason, permanent});
  Leave(code);
}

void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code) {
  Fail(control, reason, code, code == WorkerExit::kBadModel || code == WorkerExit::kBadOptions);
}

void FailLoad(serve::ControlLink& control, const std::string& reason, WorkerExit code) {
  Fail(control, reason, code, code != WorkerExit::kTryAgain && code != WorkerExit::kInternal);
}

WorkerExit ExitFor(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound:
    case ErrorKind::kPermission:
      return WorkerExit::kBadModel;
    case ErrorKind::kExhausted:
      return WorkerExit::kOutOfMemory;
    case ErrorKind::kIo:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      return WorkerExit::kTryAgain;
    default:
      return WorkerExit::kInternal;
  }
}

}  // namespace berth
