#include "supervisor/cli/view_gpus.h"

#include <cmath>
#include <vector>

#include "supervisor/base/bytes.h"

namespace berth::cli {
namespace {

// "-" for null.
std::string Text(const Json& value) { return value.is_null() ? "-" : value.get<std::string>(); }
std::string Size(const Json& value) { return value.is_null() ? "-" : FormatBytes({value.get<std::uint64_t>()}); }
std::string Number(const Json& value, double factor, const char* unit) {
  return value.is_null() ? "-" : std::to_string(std::lround(value.get<double>() * factor)) + unit;
}

std::string Power(const Json& gpu) {
  const std::string power = Number(gpu.at("power_watts"), 1, " W");
  const Json& limit = gpu.at("power_limit_watts");
  return power == "-" || limit.is_null() ? power : power + " / " + Number(limit, 1, " W");
}

std::string Memory(const Json& gpu) {
  return gpu.at("used_bytes").is_null() ? "-" : Size(gpu.at("used_bytes")) + " / " + Size(gpu.at("total_bytes"));
}

bool IsGpu(const Json& device) { return device.contains("gpu") && !device.at("gpu").is_null(); }

std::string Lines(const Json& device) {
  const std::string name = Printable(device.at("name").get<std::string>());
  const Json& gpu = device.at("gpu");
  if (!gpu.at("lost").is_null()) return name + ": " + Printable(Text(gpu.at("lost"))) + "\n";
  std::string lines;
  for (const Json& process : gpu.at("foreign")) {
    const Json& bytes = process.at("bytes");
    lines += name + ": pid " + std::to_string(process.at("pid").get<long>()) + " (" + Printable(Text(process.at("name"))) +
             "), not Berth's, holds " + (bytes.is_null() ? "an unknown part of its memory" : Size(bytes)) + "\n";
  }
  return lines;
}

}  // namespace

std::string ViewGpus(const Json& devices, Screen screen) {
  const std::vector<Column> columns = {{"DEVICE", 10},          {"GPU", 3},           {"PRODUCT", 2, false, true},
                                       {"TEMP", 6, true},       {"BUSY", 7, true},    {"POWER", 5, true},
                                       {"USED / TOTAL", 9, true}, {"OTHERS", 8, true}};
  std::vector<Row> rows;
  std::string lines;
  for (const Json& device : devices) {
    if (!IsGpu(device)) continue;
    const Json& gpu = device.at("gpu");
    const Json& profile = gpu.at("mig_profile");
    rows.push_back({{device.at("name").get<std::string>()},
                    {Text(gpu.at("index"))},
                    {Text(gpu.at("product")) + (profile.is_null() ? "" : ", MIG " + Text(profile))},
                    {Number(gpu.at("temperature_celsius"), 1, " C")},
                    {Number(gpu.at("utilization_ratio"), 100, " %")},
                    {Power(gpu)},
                    {Memory(gpu)},
                    {Size(gpu.at("foreign_bytes"))}});
    lines += Lines(device);
  }
  return rows.empty() ? "" : FormatTable(columns, rows, screen) + lines;
}

}  // namespace berth::cli
