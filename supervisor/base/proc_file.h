// Reads a file of /proc as a whole, from any thread. Such a file can fail at any read, not only when it is opened: its
// process may end in between. A stream's buffer throws then; this returns what came before.
#pragma once

#include <string>

namespace berth {

// Empty: there is no such file, or nothing of it could be read. At most 4 MiB, which no environment exceeds.
std::string ReadProcFile(const std::string& path);

}  // namespace berth
