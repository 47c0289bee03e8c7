// The first inferences of a loaded model, through the engine and so on its compute thread: they touch every
// code path and buffer, and show that the model's output is a number. Blocks; torch-free.
#pragma once

#include "supervisor/base/result.h"
#include "worker/engine/engine.h"

namespace berth::engine {

// A small batch, then one as large as `limits` allow but, judged by the small one, of no more than about two
// seconds. Errors: kExhausted when the memory budget does not allow it; what else Encoder::Encode says, as kInternal.
Status WarmUp(Engine& engine, const Encoder& encoder, const Limits& limits);

}  // namespace berth::engine
