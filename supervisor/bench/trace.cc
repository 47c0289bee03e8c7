// Traces of real load, as two publishers write them (workload.h).
#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "supervisor/bench/workload.h"

namespace berth::bench {
namespace {

constexpr int kMostTokens = 10'000'000;
constexpr std::size_t kMostLine = 1 << 20;
constexpr std::size_t kMostPieces = 100'000;
constexpr int kTicksDigits = 7;  // Azure's: tenths of a microsecond

template <class Number>
bool Read(std::string_view text, Number& number) {
  const auto [rest, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  return status == std::errc() && rest == text.data() + text.size();
}

std::string_view Cut(std::string_view& rest, char at) {
  const std::size_t end = rest.find(at);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

// "2023-11-16 18:17:03.9799600": microseconds since the epoch, in UTC.
std::optional<std::int64_t> ReadTimestamp(std::string_view text) {
  std::string_view date = Cut(text, ' ');
  int year = 0, hour = 0, minute = 0, second = 0;
  unsigned month = 0, day = 0;
  if (!Read(Cut(date, '-'), year) || !Read(Cut(date, '-'), month) || !Read(date, day)) return {};
  if (!Read(Cut(text, ':'), hour) || !Read(Cut(text, ':'), minute) || !Read(Cut(text, '.'), second)) return {};
  std::string fraction(text.substr(0, kTicksDigits));
  fraction.resize(kTicksDigits, '0');
  std::int64_t ticks = 0;
  if (!Read(std::string_view(fraction), ticks)) return {};
  const std::chrono::year_month_day when{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
  if (!when.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return {};
  const std::int64_t days = std::chrono::sys_days(when).time_since_epoch().count();
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1'000'000 + ticks / 10;
}

std::optional<Arrival> ReadCsv(std::string_view line) {
  const auto at = ReadTimestamp(Cut(line, ','));
  Arrival arrival;
  if (!at || !Read(Cut(line, ','), arrival.prompt_tokens) || !Read(line, arrival.output_tokens)) return {};
  arrival.at = Duration(*at);
  return arrival;
}

std::optional<Arrival> ReadJson(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  const auto number = [&json](const char* key) { return json.is_object() && json.contains(key) && json[key].is_number(); };
  if (!number("timestamp") || !number("input_length") || !number("output_length")) return {};
  const double milliseconds = json["timestamp"].get<double>();
  const auto input = json["input_length"].get<double>(), output = json["output_length"].get<double>();
  if (!(milliseconds >= 0 && milliseconds < 1e12 && input >= 0 && input <= kMostTokens && output >= 0 && output <= kMostTokens)) return {};
  Arrival arrival{Duration(static_cast<std::int64_t>(milliseconds * 1000)), static_cast<int>(input), static_cast<int>(output), {}};
  const auto ids = json.find("hash_ids");
  if (ids == json.end()) return arrival;
  if (!ids->is_array() || ids->size() > kMostPieces) return {};
  for (const auto& id : *ids) {
    if (!id.is_number_unsigned()) return {};
    arrival.prefix.push_back(id.get<std::uint64_t>());
  }
  return arrival;
}

bool Plausible(const Arrival& arrival) {
  const auto in_range = [](int tokens) { return tokens >= 0 && tokens <= kMostTokens; };
  return in_range(arrival.prompt_tokens) && in_range(arrival.output_tokens);
}

void BeginAtZero(std::vector<Arrival>& arrivals) {
  std::ranges::stable_sort(arrivals, {}, [](const Arrival& arrival) { return *arrival.at; });
  const Duration first = *arrivals.front().at;
  for (Arrival& arrival : arrivals) *arrival.at -= first;
}

}  // namespace

Result<std::vector<Arrival>> ReadTrace(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return MakeError(ErrorKind::kNotFound, path.string(), ": cannot be read");
  std::vector<Arrival> arrivals;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line) && arrivals.size() < kMostRequests; ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || (number == 1 && line.starts_with("TIMESTAMP"))) continue;
    const auto arrival = line.size() > kMostLine ? std::nullopt : line.front() == '{' ? ReadJson(line) : ReadCsv(line);
    if (!arrival || !Plausible(*arrival)) {
      return Invalid(path.string(), ":", number, ": is neither TIMESTAMP,ContextTokens,GeneratedTokens nor a JSON object "
                     "with timestamp, input_length and output_length");
    }
    arrivals.push_back(*arrival);
  }
  if (arrivals.empty()) return Invalid(path.string(), ": has no requests");
  BeginAtZero(arrivals);
  return arrivals;
}

}  // namespace berth::bench
