// The plan in effect, in the shape and with the spellings of the plan's own keys.
#include "supervisor/admin/render.h"

namespace berth::admin {
namespace {

template <class Named>
Json Names(const std::vector<Named>& list) {
  Json names = Json::array();
  for (const Named& item : list) names.push_back(Name(item));
  return names;
}

// As a plan has it: "2GiB".
std::string Spell(Bytes bytes) {
  std::string text = FormatBytes(bytes);
  std::erase(text, ' ');
  return text;
}

Json Render(const config::Server& server) {
  return {{"listen", Format(server.listen)},
          {"metrics", server.metrics ? Json(Format(*server.metrics)) : Json()},
          {"admin", server.admin.string()},
          {"threads", server.threads},
          {"logs",
           {{"dir", server.logs.dir.string()},
            {"max_size", Spell(server.logs.max_size)},
            {"keep", server.logs.keep}}},
          {"max_body", Spell(server.max_body)},
          {"max_upload", Spell(server.max_upload)},
          {"header_timeout", FormatDuration(server.header_timeout)},
          {"body_timeout", FormatDuration(server.body_timeout)},
          {"idle_timeout", FormatDuration(server.idle_timeout)},
          {"max_connections", server.max_connections},
          {"drain", FormatDuration(server.drain)}};
}

Json RenderRestart(const config::Restart& restart) {
  return {{"backoff", {FormatDuration(restart.backoff_min), FormatDuration(restart.backoff_max)}},
          {"give_up", std::to_string(restart.give_up_count) + " in " + FormatDuration(restart.give_up_window)}};
}

Json Render(const config::Device& device) {
  Json json = {{"memory", Spell(device.memory)}, {"reserve", Spell(device.reserve)}, {"threads", device.threads}};
  if (!device.cuda.empty()) json["cuda"] = device.cuda;
  return json;
}

Json Render(const config::Rules& rules) {
  Json most = Json::object();
  for (const auto& [kind, count] : rules.max_per_device) most[std::string(Name(kind))] = count;
  return {{"order", Names(rules.order)},
          {"max_per_device", std::move(most)},
          {"apart", rules.apart},
          {"together", rules.together},
          {"on_failure", Name(rules.on_failure)}};
}

}  // namespace

Json Render(const config::Model& model) {
  return {{"kind", Name(model.kind)},
          {"source", model.source.string()},
          {"aliases", model.aliases},
          {"devices", model.devices},
          {"devices_per_replica", model.devices_per_replica},
          {"memory", Spell(model.memory)},
          {"threads", model.threads},
          {"replicas", model.replicas},
          {"balance", Name(model.balance)},
          {"after", model.after},
          {"start", Name(model.start)},
          {"idle", {{"stop", model.idle_stop > Duration::zero() ? Json(FormatDuration(model.idle_stop)) : Json()}}},
          {"pinned", model.pinned},
          {"sharing", Name(model.sharing)},
          {"spread", Name(model.spread)},
          {"priority", model.priority},
          {"required", model.required},
          {"matryoshka", model.matryoshka},
          {"batching",
           {{"max_tokens", model.batching.max_tokens}, {"max_delay", FormatDuration(model.batching.max_delay)}}},
          {"dtype", Name(model.llm.dtype)},
          {"context", model.llm.context > 0 ? Json(model.llm.context) : Json()},
          {"max_sequences", model.llm.max_sequences},
          {"kv_cache", {{"prefix", model.llm.prefix_cache}}},
          {"generation_defaults", Name(model.llm.generation_defaults)},
          {"chat_template", model.llm.chat_template.string()},
          {"queue", {{"max", model.queue.max}, {"timeout", FormatDuration(model.queue.timeout)}}},
          {"load", {{"stall", FormatDuration(model.load_stall)}}},
          {"health", {{"stall", FormatDuration(model.health_stall)}}},
          {"stop", {{"grace", FormatDuration(model.stop_grace)}}},
          {"restart", RenderRestart(model.restart)}};
}

Json Render(const config::Plan& plan) {
  Json devices = Json::object();
  for (const config::Device& device : plan.devices) devices[device.name] = Render(device);
  Json models = Json::object();
  for (const config::Model& model : plan.models) models[model.name] = Render(model);
  return {{"version", plan.version},
          {"server", Render(plan.server)},
          {"devices", std::move(devices)},
          {"rules", Render(plan.rules)},
          {"models", std::move(models)}};
}

Json Render(const placement::Placement& placement) {
  Json list = Json::array();
  for (const placement::Assignment& assignment : placement.assignments) {
    list.push_back({{"model", assignment.model},
                    {"replica", assignment.replica},
                    {"devices", assignment.devices},
                    {"memory_bytes", assignment.memory.count},
                    {"threads", assignment.threads},
                    {"wave", assignment.wave}});
  }
  return list;
}

}  // namespace berth::admin
