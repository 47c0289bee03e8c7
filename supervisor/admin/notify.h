// Tells systemd, where it started the daemon with Type=notify, that it is ready or stopping: one datagram to the
// socket that $NOTIFY_SOCKET names (sd_notify(3)). Without that variable nothing happens.
#pragma once

#include <string_view>

namespace berth::admin {

// `state`: "READY=1", "STOPPING=1".
void NotifySystemd(std::string_view state);

}  // namespace berth::admin
