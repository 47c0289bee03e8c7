// How a job ends, whatever it computes: encoded inputs (engine.h) or generated text (generation/generator.h).
#pragma once

namespace berth::engine {

enum class JobEnd {
  kDone,
  kCancelled,   // the client left, or the engine stopped
  kClaimLost,   // begin() said no: somebody else answers this request
  kDraining,    // not begun, and nothing new is begun any more
  kQueueFull,
  kRefused,     // what it asks can never be done; `error` has the numbers; nothing was begun
  kOverBudget,  // the memory budget refused its batch; `error` has the numbers
  kFailed,      // `error` says why
};

}  // namespace berth::engine
