// Exit codes of berthd and berth (DESIGN §2, after sysexits.h) and of berth-worker (DESIGN §7).
#pragma once

#include "supervisor/base/result.h"

namespace berth {

enum class Exit : int {
  kOk = 0,
  kFailed = 1,        // an operation failed
  kUsage = 64,        // the command line is wrong
  kBadPlan = 65,      // the plan is wrong
  kUnreachable = 69,  // no daemon answers on the admin socket
  kInternal = 70,     // our fault
  kCannotCreate = 73, // cannot bind an address or create a file
  kTimeout = 75,      // timed out waiting; berthd: the GPUs' driver is not there yet, try again
  kPermission = 77,   // no permission
};

enum class WorkerExit : int {
  kDone = 0,
  kBadOptions = 64,
  kBadModel = 65,      // permanent: starting it again cannot help
  kInternal = 70,
  kOutOfMemory = 71,
  kDeviceError = 72,   // sticky: the device context is lost
  kTryAgain = 75,
};

constexpr int Code(Exit exit) { return static_cast<int>(exit); }
constexpr int Code(WorkerExit exit) { return static_cast<int>(exit); }

}  // namespace berth
