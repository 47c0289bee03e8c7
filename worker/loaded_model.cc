#include "worker/loaded_model.h"

#include "worker/process.h"

namespace berth {
namespace {

constexpr double kProgressStep = 0.01;

}  // namespace

void Loading::Progress(double share) {
  const double fraction = share * kWeightsShare;
  if (fraction < told + kProgressStep) return;
  told = fraction;
  [[maybe_unused]] const auto sent = control.Send(protocol::LoadingMessage{"weights", fraction});
}

void Loading::After(const Status& done) {
  if (const auto why = guard.After(done)) Fail(control, *why, WorkerExit::kOutOfMemory);
}

}  // namespace berth
