#include "supervisor/route/shared.h"

#include <random>

namespace berth::route {

Shared::Shared(const config::Plan& the_plan, observe::Metrics& the_metrics,
               std::function<void(const std::string&)> wanted)
    : plan(the_plan), metrics(the_metrics), router(the_plan), scraper(the_metrics) {
  std::random_device random;
  for (const config::Model& model : plan.models) {
    const auto ask = [wanted, &model] {
      if (wanted) wanted(model.name);
    };
    doors.push_back(std::make_unique<ModelDoor>(model, random(), ask));
  }
}

ModelDoor& Shared::Door(const config::Model& model) {
  return *doors[static_cast<std::size_t>(&model - plan.models.data())];
}

ModelDoor* Shared::Door(const std::string& name) {
  const config::Model* model = router.Find(name);
  return model ? &Door(*model) : nullptr;
}

}  // namespace berth::route
