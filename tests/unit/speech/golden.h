// A tiny Whisper model of tests/golden/whisper with what the reference made of its cases; and the measure max|a − b| / max|b|.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "worker/checkpoint/safetensors.h"
#include "worker/speech/speech_model.h"

namespace berth::speech {

using Floats = std::vector<float>;
using Ids = std::vector<std::int32_t>;

inline std::filesystem::path SourceDir() {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return dir != nullptr ? dir : ".";
}

inline std::filesystem::path GoldenDir(const std::string& name) { return SourceDir() / "tests/golden/whisper" / name; }

struct GoldenCase {
  Ids ids;
  Floats mel;     // [mels, frames]
  Floats states;  // [positions, width]
  Floats logits;  // [ids, vocab_size]
  Floats scores;  // [alignment heads, ids, positions]
};

inline std::vector<GoldenCase> ReadGolden(const std::filesystem::path& dir) {
  std::ifstream file(dir / "golden.json");
  const auto json = nlohmann::json::parse(file);
  const auto mapped = checkpoint::MappedFile::Open(dir / "golden.safetensors").value();
  std::map<std::string, Floats> tensors;
  for (const auto& view : checkpoint::ParseSafetensors(mapped.bytes(), "golden.safetensors").value()) {
    Floats values(view.data.size() / sizeof(float));
    std::memcpy(values.data(), view.data.data(), view.data.size());
    tensors[view.name] = std::move(values);
  }
  std::vector<GoldenCase> cases;
  for (std::size_t i = 0; i < json["cases"].size(); ++i) {
    const std::string at = std::to_string(i) + ".";
    cases.push_back({json["cases"][i].get<Ids>(), tensors.at(at + "mel"), tensors.at(at + "states"),
                     tensors.at(at + "logits"), tensors.at(at + "scores")});
  }
  return cases;
}

inline double Share(const Floats& a, const Floats& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(b[i])));
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return difference / most;
}

}  // namespace berth::speech
