// What the daemon answers itself: health, the list of models, its version. These read snapshots only: they
// never start, wake or keep a model (C3), and "ready" means that a replica takes requests now (C4).
// Called on io threads.
#pragma once

#include "supervisor/route/shared.h"
#include "worker/protocol/http_message.h"

namespace berth::route {

// `target.route->own` is set, and is not kMetrics.
http::Response AnswerOwnRoute(Shared& shared, const Target& target, const http::RequestHead& head);

}  // namespace berth::route
