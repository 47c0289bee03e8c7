#include "worker/generation/cache_plan.h"

#include <algorithm>

#include "worker/engine/decoder.h"

namespace berth::engine {
namespace {

std::int64_t BlocksFor(std::int64_t tokens) { return (tokens + kBlockTokens - 1) / kBlockTokens; }

std::int64_t BlocksThatFit(const CacheNeeds& needs) {
  const std::uint64_t other = needs.held.count + needs.activations.count;
  if (needs.memory.count <= other) return 0;
  return static_cast<std::int64_t>((needs.memory.count - other) / needs.block.count);
}

Error DoesNotFit(const CacheNeeds& needs, std::int64_t context, std::int64_t fit) {
  const Bytes cache{static_cast<std::uint64_t>(BlocksFor(context)) * needs.block.count};
  const Bytes all = cache + needs.held + needs.activations;
  const std::string lower = needs.context == 0 || fit == 0
                                ? ""
                                : ", or lower `context` to at most " + std::to_string(fit * kBlockTokens);
  return MakeError(ErrorKind::kExhausted, "a context of ", context, " tokens needs ", FormatBytes(cache),
                   " for its keys and values, beside ", FormatBytes(needs.held), " for weights and libraries and ",
                   FormatBytes(needs.activations), " for the largest step: ", FormatBytes(all), " (", all.count,
                   " bytes), and `memory` is ", FormatBytes(needs.memory), "; raise `memory`", lower);
}

}  // namespace

Result<CachePlan> PlanCache(const CacheNeeds& needs) {
  if (needs.context > needs.model_context) {
    return Invalid("`context` is ", needs.context, ", and the model's own is ", needs.model_context,
                   " tokens; lower it, or leave it out");
  }
  const std::int64_t wanted = needs.context > 0 ? needs.context : needs.model_context;
  if (needs.memory.count == 0) return CachePlan{BlocksFor(wanted), wanted};
  const std::int64_t fit = BlocksThatFit(needs);
  const std::int64_t context = needs.context > 0 ? wanted : std::min(wanted, fit * kBlockTokens);
  if (fit == 0 || fit < BlocksFor(context)) {
    return DoesNotFit(needs, needs.context > 0 ? wanted : std::min<std::int64_t>(wanted, kBlockTokens), fit);
  }
  return CachePlan{std::min(fit, BlocksFor(context) * needs.max_sequences), context};
}

}  // namespace berth::engine
