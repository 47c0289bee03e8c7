// The picture of a run (sample.h): two panels of plain SVG. Left, for each share of the requests, the time within which
// they had their first token and their end; right, generated tokens per second (of embeddings: prompt tokens) over the run.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "supervisor/bench/sample.h"

namespace berth::bench {
namespace {

constexpr double kWidth = 960, kHeight = 380, kTop = 60, kBottom = 330, kBuckets = 60;
constexpr std::string_view kFirstColour = "#2a78c2", kTotalColour = "#c2592a", kBarColour = "#5b9a68";

struct Panel {
  double left, right, most;  // in pixels; the value at the top

  double X(double share) const { return left + share * (right - left); }
  double Y(double value) const { return kBottom - (most > 0 ? value / most : 0) * (kBottom - kTop); }
};

template <class... Numbers>
std::string Print(const char* format, Numbers... numbers) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), format, numbers...);
  return text.data();
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&') escaped += Print("&#%d;", c);
    else escaped += c;
  }
  return escaped;
}

std::string Text(double x, double y, std::string_view text, std::string_view anchor = "start", std::string_view colour = "#333") {
  return Print("<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"", x, y) + std::string(anchor) + "\" fill=\"" + std::string(colour) + "\">" +
         Escaped(text) + "</text>\n";
}

std::string Axes(const Panel& panel, const char* format) {
  std::string svg;
  for (const double share : {0.0, 0.5, 1.0}) {
    const double y = panel.Y(panel.most * share);
    svg += Print("<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", panel.left, panel.right, y, y);
    svg += Text(panel.left - 6, y + 4, Print(format, panel.most * share), "end");
  }
  return svg;
}

std::string Curve(const Panel& panel, std::vector<double> values, std::string_view colour) {
  if (values.empty()) return "";
  std::ranges::sort(values);
  std::string points;
  for (int i = 0; i <= 200; ++i) {
    const double share = i / 200.0;
    const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
    points += Print("%.1f,%.1f ", panel.X(share), panel.Y(values[place]));
  }
  return "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" + std::string(colour) + "\" points=\"" + points + "\"/>\n";
}

double Milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string Times(const std::vector<Sample>& samples) {
  std::vector<double> first, total;
  for (const Sample& sample : samples) {
    if (!sample.error.empty()) continue;
    total.push_back(Milliseconds(sample.total));
    if (sample.first) first.push_back(Milliseconds(*sample.first));
  }
  const Panel panel{70, 450, total.empty() ? 1 : *std::ranges::max_element(total)};
  std::string svg = Axes(panel, "%.0f ms");
  for (const int percent : {0, 50, 90, 100}) svg += Text(panel.X(percent / 100.0), kBottom + 18, Print("%d %%", percent), "middle");
  svg += Text(panel.left, kTop - 8, "first token", "start", kFirstColour) + Text(panel.left + 80, kTop - 8, "whole request", "start", kTotalColour);
  return svg + Curve(panel, std::move(first), kFirstColour) + Curve(panel, std::move(total), kTotalColour);
}

std::string Work(const std::vector<Sample>& samples) {
  Duration end{1};
  for (const Sample& sample : samples) end = std::max(end, sample.began + sample.total);
  const double bucket_s = std::chrono::duration<double>(end).count() / kBuckets;
  std::vector<double> done(static_cast<std::size_t>(kBuckets));
  for (const Sample& sample : samples) {
    if (!sample.error.empty()) continue;
    const double share = static_cast<double>((sample.began + sample.total).count()) / static_cast<double>(end.count());
    const auto bucket = std::min(static_cast<std::size_t>(share * kBuckets), done.size() - 1);
    done[bucket] += static_cast<double>(sample.first ? sample.output_tokens : sample.prompt_tokens) / bucket_s;
  }
  const Panel panel{550, 940, std::max(1.0, *std::ranges::max_element(done))};
  std::string svg = Axes(panel, "%.0f");
  for (std::size_t i = 0; i < done.size(); ++i) {
    const double x = panel.X(static_cast<double>(i) / kBuckets);
    svg += Print("<rect x=\"%.1f\" y=\"%.1f\" width=\"5.5\" height=\"%.1f\" fill=\"", x, panel.Y(done[i]), kBottom - panel.Y(done[i])) +
           std::string(kBarColour) + "\"/>\n";
  }
  svg += Text(panel.left, kTop - 8, "tokens per second, of requests when they end", "start", kBarColour);
  return svg + Text(panel.left, kBottom + 18, "0 s") + Text(panel.right, kBottom + 18, Print("%.1f s", bucket_s * kBuckets), "end");
}

}  // namespace

std::string Picture(const std::vector<Sample>& samples, std::string_view title) {
  return Print("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n",
               kWidth, kHeight) +
         "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + Text(20, 24, title) + Times(samples) + Work(samples) + "</svg>\n";
}

}  // namespace berth::bench
