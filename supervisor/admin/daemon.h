// The body of berthd: reads the plan, claims the runtime folder, binds every listener, and only then starts
// workers; runs until a signal or an operator ends it; leaves nothing behind. The calling thread becomes the
// control thread and must be the main thread: workers die with the thread that forked them.
#pragma once

#include "supervisor/admin/options.h"
#include "supervisor/base/exit_code.h"

namespace berth::admin {

// What goes wrong is one message on standard error, before anything was started.
Exit RunDaemon(const Options& options);

}  // namespace berth::admin
