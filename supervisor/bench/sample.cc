#include "supervisor/bench/sample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

namespace berth::bench {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// The rows of every output.
struct Row {
  std::string_view name;   // "first_token_seconds"
  std::string_view title;
  Percentiles Summary::*values;
};
constexpr std::array<Row, 4> kRows = {{{"first_token_seconds", "first token", &Summary::first},
                                       {"inter_token_seconds", "between tokens", &Summary::gap},
                                       {"per_token_seconds", "per token", &Summary::per_token},
                                       {"total_seconds", "whole request", &Summary::total}}};

std::string Milliseconds(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 0.1 ? "%11.2f" : "%11.0f", seconds * 1000);
  return text.data();
}

std::string Rate(double value, std::string_view unit) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), value < 100 ? "%.2f " : "%.0f ", value);
  return std::string(text.data()).append(unit);
}

struct Times {
  std::vector<double> first, gap, per_token, total;

  void Add(const Sample& sample) {
    total.push_back(Seconds(sample.total));
    if (!sample.first) return;
    first.push_back(Seconds(*sample.first));
    for (const Duration one : sample.gaps) gap.push_back(Seconds(one));
    if (sample.output_tokens > 1) {
      per_token.push_back(Seconds(sample.total - *sample.first) / static_cast<double>(sample.output_tokens - 1));
    }
  }
};

}  // namespace

Percentiles PercentilesOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto rank = [&values](double share) {
    const auto place = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(place, 1) - 1];
  };
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {values.size(), sum / static_cast<double>(values.size()), rank(0.5), rank(0.9), rank(0.95), rank(0.99), values.back()};
}

std::size_t Summary::failed() const {
  std::size_t count = 0;
  for (const auto& [what, times] : errors) count += times;
  return count;
}

Summary Summarise(const std::vector<Sample>& samples) {
  Summary summary;
  summary.requests = samples.size();
  Times times;
  Duration begin = Duration::max(), end{};
  double prompt = 0, output = 0;
  for (const Sample& sample : samples) {
    begin = std::min(begin, sample.began);
    end = std::max(end, sample.began + sample.total);
    if (!sample.error.empty()) {
      ++summary.errors[sample.error];
      continue;
    }
    prompt += static_cast<double>(sample.prompt_tokens);
    output += static_cast<double>(sample.output_tokens);
    times.Add(sample);
  }
  summary.seconds = samples.empty() ? 0 : Seconds(end - begin);
  const double seconds = std::max(summary.seconds, 1e-9);
  summary.requests_per_s = static_cast<double>(times.total.size()) / seconds;
  summary.prompt_tokens_per_s = prompt / seconds;
  summary.output_tokens_per_s = output / seconds;
  summary.first = PercentilesOf(std::move(times.first));
  summary.gap = PercentilesOf(std::move(times.gap));
  summary.per_token = PercentilesOf(std::move(times.per_token));
  summary.total = PercentilesOf(std::move(times.total));
  return summary;
}

std::string Format(const Summary& summary) {
  std::string text = std::to_string(summary.requests) + " requests in " + Rate(summary.seconds, "s") + ", " +
                     std::to_string(summary.failed()) + " failed\n";
  for (const auto& [what, count] : summary.errors) text += "  " + std::to_string(count) + " × " + what + "\n";
  text += Rate(summary.requests_per_s, "requests/s") + ", " + Rate(summary.prompt_tokens_per_s, "prompt tokens/s") + ", " +
          Rate(summary.output_tokens_per_s, "generated tokens/s") + "\n\n";
  text += "milliseconds          mean        p50        p90        p95        p99       most\n";
  for (const Row& row : kRows) {
    const Percentiles& of = summary.*row.values;
    if (of.count == 0) continue;
    std::string title(row.title);
    title.resize(15, ' ');
    text += title;
    for (const double value : {of.mean, of.p50, of.p90, of.p95, of.p99, of.most}) text += Milliseconds(value);
    text += "\n";
  }
  return text;
}

nlohmann::ordered_json ToJson(const Summary& summary) {
  nlohmann::ordered_json json{{"requests", summary.requests},
                              {"failed", summary.failed()},
                              {"errors", summary.errors},
                              {"seconds", summary.seconds},
                              {"requests_per_second", summary.requests_per_s},
                              {"prompt_tokens_per_second", summary.prompt_tokens_per_s},
                              {"generated_tokens_per_second", summary.output_tokens_per_s}};
  for (const Row& row : kRows) {
    const Percentiles& of = summary.*row.values;
    json[std::string(row.name)] = {{"count", of.count}, {"mean", of.mean}, {"p50", of.p50}, {"p90", of.p90},
                                   {"p95", of.p95},     {"p99", of.p99},   {"max", of.most}};
  }
  return json;
}

}  // namespace berth::bench
