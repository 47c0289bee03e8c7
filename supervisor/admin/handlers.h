// The handlers that the table of routes names.
#pragma once

#include "supervisor/admin/routes.h"

namespace berth::admin {

// handlers_read.cc
Answer HandleStatus(Call& call);
Answer HandleModels(Call& call);
Answer HandleModel(Call& call);
Answer HandleDevices(Call& call);
Answer HandleLedger(Call& call);
Answer HandlePlan(Call& call);

// handlers_stream.cc
Answer HandleEvents(Call& call);
Answer HandleLogs(Call& call);

// handlers_mutate.cc
Answer HandleStart(Call& call);
Answer HandleStop(Call& call);
Answer HandleRestart(Call& call);
Answer HandleShutdown(Call& call);

}  // namespace berth::admin
