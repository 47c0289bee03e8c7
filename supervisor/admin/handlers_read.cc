// Answers that change nothing: they never start, wake or keep a model.
#include <unistd.h>

#include <algorithm>

#include "supervisor/admin/handlers.h"
#include "supervisor/admin/render.h"
#include "supervisor/admin/render_gpu.h"

namespace berth::admin {
namespace {

http::Response Ok200(const Json& json) { return http::JsonResponse(200, Dump(json)); }

Json Counted(const std::vector<launch::ModelStatus>& models) {
  const auto ready = std::ranges::count(models, launch::State::kReady, &launch::ModelStatus::state);
  return {{"total", models.size()}, {"ready", ready}};
}

}  // namespace

Answer HandleStatus(Call& call) {
  const Context& context = call.context;
  const std::vector<std::string> reasons = context.control.WhyNotReady();
  const std::chrono::duration<double> uptime = Clock::now() - context.started_at;
  co_return Ok200({{"version", BERTH_VERSION},
                   {"pid", ::getpid()},
                   {"plan", context.plan_file},
                   {"started", context.started},
                   {"uptime_seconds", uptime.count()},
                   {"addresses", context.addresses},
                   {"admin", context.plan.server.admin.string()},
                   {"ready", reasons.empty() && !context.control.Draining()},
                   {"reasons", reasons},
                   {"draining", context.control.Draining()},
                   {"requests_open", context.control.RequestsOpen()},
                   {"models", Counted(context.control.Models())},
                   {"last_event", context.events.last_seq()}});
}

Answer HandleModels(Call& call) {
  Json models = Json::array();
  for (const launch::ModelStatus& status : call.context.control.Models()) models.push_back(Render(status));
  co_return Ok200({{"models", std::move(models)}});
}

Answer HandleModel(Call& call) {
  const std::vector<launch::ModelStatus> models = call.context.control.Models();
  const auto found = std::ranges::find(models, call.model, &launch::ModelStatus::name);
  if (found == models.end()) {
    co_return http::ErrorResponse(404, "model_not_found", "model \"" + call.model + "\" has no replicas");
  }
  co_return Ok200(Render(*found));
}

Answer HandleDevices(Call& call) {
  const Control& control = call.context.control;
  Json answer = RenderDevices(call.context.plan, control.ledger());
  const std::shared_ptr<const gpu::Inventory> gpus = control.gpus();
  AddGpus(answer, call.context.plan, gpus ? *gpus : gpu::Inventory(), control.Models(), Clock::now());
  co_return Ok200(answer);
}

Answer HandleLedger(Call& call) {
  co_return Ok200(RenderLedger(call.context.plan, call.context.control.ledger()));
}

Answer HandlePlan(Call& call) {
  const Context& context = call.context;
  co_return Ok200({{"file", context.plan_file},
                   {"plan", Render(context.plan)},
                   {"placement", Render(context.placement)},
                   {"estimates", ToJson(context.plan, context.estimates)},
                   {"text", Format(context.plan, context.placement, context.estimates)}});
}

}  // namespace berth::admin
