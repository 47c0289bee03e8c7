// The first moments of a worker process: is it what a supervisor started, as the worker contract says? To be
// asked before anything else is done; single-threaded.
#pragma once

#include "supervisor/base/result.h"

namespace berth::serve {

// Descriptor 3 is a SOCK_SEQPACKET Unix socket, 4 a listening Unix stream socket, 5 a file that can be
// mapped. Errors: which one is not, and that berthd starts workers.
Status CheckDescriptors();

// Asks the kernel to kill this process when its parent dies, and makes sure that the parent, the process that
// made the control socket, has not died before. The error: it has.
Status DieWithParent();

}  // namespace berth::serve
