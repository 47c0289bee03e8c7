#include "tests/sim/plan.h"

#include <algorithm>

namespace berth::sim {
namespace {

using namespace std::chrono_literals;

std::vector<config::Device> RandomDevices(Random& random) {
  std::vector<config::Device> devices;
  const auto count = random.Between(1, 4);
  for (int i = 0; i < count; ++i) {
    config::Device device;
    device.name = i == 0 ? "cpu" : "gpu" + std::to_string(i);
    device.memory = GiB(static_cast<std::uint64_t>(random.Between(8, 80)));
    device.threads = 8;
    if (random.Percent(30)) device.reserve = Bytes{device.memory.count / static_cast<std::uint64_t>(random.Between(2, 8))};
    devices.push_back(device);
  }
  return devices;
}

std::vector<config::Kind> RandomOrder(Random& random) {
  std::vector<config::Kind> kinds = {config::Kind::kEmbedding, config::Kind::kLlm, config::Kind::kSpeech};
  for (std::size_t i = kinds.size() - 1; i > 0; --i) std::swap(kinds[i], kinds[random.Index(i + 1)]);
  kinds.resize(static_cast<std::size_t>(random.Between(0, 3)));  // those that are not listed come last
  return kinds;
}

void GiveLimits(Random& random, config::Model& model) {
  model.queue.max = static_cast<int>(random.Between(0, 20));
  model.queue.timeout = random.Skewed(100ms, 60s);
  model.load_stall = random.Skewed(1s, 60s);
  model.health_stall = random.Skewed(2s, 30s);
  model.stop_grace = random.Percent(10) ? Duration(0) : random.Skewed(50ms, 20s);
  model.restart.backoff_min = random.Skewed(10ms, 2s);
  model.restart.backoff_max = std::max(model.restart.backoff_min, random.Skewed(100ms, 60s));
  model.restart.give_up_count = static_cast<int>(random.Between(1, 6));
  model.restart.give_up_window = random.Skewed(10s, 10min);
}

config::Model RandomModel(Random& random, int index, const config::Plan& plan) {
  config::Model model;
  model.name = "m" + std::to_string(index);
  model.kind = random.Of<config::Kind>({config::Kind::kEmbedding, config::Kind::kLlm, config::Kind::kSpeech});
  for (const config::Device& device : plan.devices) {
    if (random.Percent(70)) model.devices.push_back(device.name);
  }
  if (model.devices.empty()) model.devices.push_back(random.Of(plan.devices).name);
  model.memory = MiB(static_cast<std::uint64_t>(random.Between(256, random.Percent(30) ? 40'000 : 8'000)));
  model.threads = 1;
  model.replicas = static_cast<int>(random.Between(1, 3));
  model.balance = random.Of<config::Balance>(
      {config::Balance::kLeastLoaded, config::Balance::kRoundRobin, config::Balance::kRandom});
  model.start = random.Percent(75) ? config::Start::kBoot : config::Start::kManual;
  for (const config::Model& earlier : plan.models) {
    if (random.Percent(20)) model.after.push_back(earlier.name);
  }
  if (random.Percent(15)) model.sharing = config::Sharing::kExclusive;
  if (random.Percent(40)) model.spread = config::Spread::kPack;
  model.priority = static_cast<int>(random.Between(-2, 2));
  GiveLimits(random, model);
  return model;
}

// Two different models of the plan, or none.
std::vector<std::string> Pair(Random& random, const config::Plan& plan) {
  const std::string one = random.Of(plan.models).name, other = random.Of(plan.models).name;
  return one == other ? std::vector<std::string>() : std::vector{one, other};
}

void GiveRules(Random& random, config::Plan& plan) {
  for (const config::Kind kind : {config::Kind::kEmbedding, config::Kind::kLlm, config::Kind::kSpeech}) {
    if (random.Percent(25)) plan.rules.max_per_device[kind] = static_cast<int>(random.Between(1, 3));
  }
  for (auto* lists : {&plan.rules.apart, &plan.rules.together}) {
    for (auto pair = Pair(random, plan); random.Percent(30) && !pair.empty(); pair = Pair(random, plan)) {
      lists->push_back(std::move(pair));
    }
  }
  if (random.Percent(30)) plan.rules.on_failure = config::OnFailure::kStop;
}

// Replicas on several GPUs; those that are together on the same.
void GiveSeveralDevices(Random& random, config::Plan& plan) {
  if (!random.Percent(60)) return;
  for (config::Model& model : plan.models) {
    std::vector<std::string> gpus = model.devices;
    std::erase(gpus, "cpu");
    if (gpus.size() < 2 || !random.Percent(50)) continue;
    model.devices_per_replica = static_cast<int>(random.Between(2, static_cast<std::int64_t>(gpus.size())));
    model.devices = std::move(gpus);
  }
  const auto of = [&](const std::string& name) -> config::Model& { return *std::ranges::find(plan.models, name, &config::Model::name); };
  for (std::size_t round = 0; round < plan.models.size(); ++round) {
    for (const auto& list : plan.rules.together) {
      int least = of(list.front()).devices_per_replica;
      for (const std::string& name : list) least = std::min(least, of(name).devices_per_replica);
      for (const std::string& name : list) of(name).devices_per_replica = least;
    }
  }
}

// Models that map the same weights on the CPU, and others that map their own.
void GiveWeights(Random& random, config::Plan& plan) {
  if (!random.Percent(50)) return;
  std::vector<Bytes> files;
  for (int i = 0; i < 3; ++i) files.push_back(MiB(static_cast<std::uint64_t>(random.Between(100, random.Percent(50) ? 20'000 : 2'000))));
  for (config::Model& model : plan.models) {
    if (random.Percent(30)) continue;
    const std::size_t file = random.Index(files.size());
    model.weights = "file " + std::to_string(file);
    model.mapped = files[file];
  }
}

// Models that come and go with their requests; in half of the plans more of them than there is memory for.
void GiveDemand(Random& random, config::Plan& plan) {
  if (!random.Percent(60)) return;
  const bool crowded = random.Percent(50);
  for (config::Model& model : plan.models) {
    if (crowded ? random.Percent(80) : random.Percent(30)) model.start = config::Start::kDemand;
    if (crowded && random.Percent(50)) model.memory = Bytes{plan.devices.front().capacity().count / 5 * 3};
    if (random.Percent(30)) model.idle_stop = random.Skewed(std::chrono::seconds(1), std::chrono::minutes(3));
    model.pinned = random.Percent(10);
  }
  // What starts earlier waits for nobody who comes later.
  for (config::Model& model : plan.models) {
    std::erase_if(model.after, [&](const std::string& name) {
      return std::ranges::find(plan.models, name, &config::Model::name)->start > model.start;
    });
  }
}

void TakeOut(config::Plan& plan, const std::string& name) {
  std::erase_if(plan.models, [&](const config::Model& model) { return model.name == name; });
  for (auto* lists : {&plan.rules.apart, &plan.rules.together}) {
    for (auto& list : *lists) std::erase(list, name);
  }
  for (config::Model& model : plan.models) std::erase(model.after, name);
}

}  // namespace

LegalPlan RandomPlan(Random& random) {
  Random also(Random(random).Next());  // what came to plans later has chance of its own: older seeds keep their stories
  LegalPlan legal;
  legal.plan.devices = RandomDevices(random);
  legal.plan.rules.order = RandomOrder(random);
  const auto count = random.Between(1, 6);
  for (int i = 0; i < count; ++i) legal.plan.models.push_back(RandomModel(random, i, legal.plan));
  GiveRules(random, legal.plan);
  GiveSeveralDevices(also, legal.plan);
  GiveWeights(also, legal.plan);
  GiveDemand(also, legal.plan);
  for (;;) {
    auto placed = placement::Place(legal.plan);
    if (auto* placement = std::get_if<placement::Placement>(&placed)) {
      legal.placement = std::move(*placement);
      return legal;
    }
    TakeOut(legal.plan, std::get<std::vector<placement::Refusal>>(placed).front().model);
  }
}

}  // namespace berth::sim
