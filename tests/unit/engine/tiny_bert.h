// A BERT of a few thousand parameters in a folder of its own, made of a fixed pseudo-random sequence, for
// tests that need a model but no particular one. The folder is removed with the object.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace berth::engine {

// Conversions by bits: the tests must not trust the library under test.
inline std::uint16_t ToBf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<std::uint16_t>(bits >> 16);
}
inline float FromBf16(std::uint16_t half) {
  const std::uint32_t bits = std::uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

class TinyBert {
 public:
  struct Tensor {
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };

  static constexpr int kHidden = 32, kWide = 64, kVocab = 40, kPositions = 64;

  TinyBert() {
    static int count = 0;
    dir_ = std::filesystem::temp_directory_path() /
           ("berth-tiny-bert-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::create_directories(dir_);
    config = {
        {"architectures", {"BertModel"}}, {"model_type", "bert"},     {"hidden_size", kHidden},
        {"num_hidden_layers", 2},         {"num_attention_heads", 4}, {"intermediate_size", kWide},
        {"hidden_act", "gelu"},           {"vocab_size", kVocab},     {"max_position_embeddings", kPositions},
        {"type_vocab_size", 2},           {"layer_norm_eps", 1e-12}};
    Add("embeddings.word_embeddings.weight", {kVocab, kHidden});
    Add("embeddings.position_embeddings.weight", {kPositions, kHidden});
    Add("embeddings.token_type_embeddings.weight", {2, kHidden});
    AddPair("embeddings.LayerNorm", {kHidden});
    for (const std::string layer : {"encoder.layer.0.", "encoder.layer.1."}) {
      for (const std::string part :
           {"attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"}) {
        AddPair(layer + part, {kHidden, kHidden});
      }
      AddPair(layer + "attention.output.LayerNorm", {kHidden});
      AddPair(layer + "intermediate.dense", {kWide, kHidden});
      AddPair(layer + "output.dense", {kHidden, kWide});
      AddPair(layer + "output.LayerNorm", {kHidden});
    }
  }
  ~TinyBert() { std::filesystem::remove_all(dir_); }
  TinyBert(const TinyBert&) = delete;
  TinyBert& operator=(const TinyBert&) = delete;

  // A cross-encoder with one label.
  void MakeReranker() {
    config["architectures"] = {"BertForSequenceClassification"};
    config["num_labels"] = 1;
    AddPair("pooler.dense", {kHidden, kHidden});
    AddPair("classifier", {1, kHidden});
  }

  // Writes the files. `dtype`: "F32", "BF16" or any other name (written as F32 bytes under that name).
  const std::filesystem::path& Write(const std::string& dtype = "F32", const std::string& prefix = "",
                                     std::size_t header_padding = 0) const {
    std::ofstream(dir_ / "config.json") << config;
    nlohmann::json header;
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      const std::size_t begin = data.size();
      for (const float value : tensor.values) Append(data, value, dtype);
      header[prefix + name] = {
          {"dtype", dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
    }
    std::string text = header.dump();
    while (text.size() % 8 != header_padding) text += ' ';
    const std::uint64_t size = text.size();
    std::ofstream file(dir_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), 8);
    file << text << data;
    return dir_;
  }

  const std::filesystem::path& dir() const { return dir_; }

  nlohmann::json config;
  std::map<std::string, Tensor> tensors;

 private:
  static void Append(std::string& data, float value, const std::string& dtype) {
    if (dtype == "BF16") {
      const std::uint16_t half = ToBf16(value);
      data.append(reinterpret_cast<const char*>(&half), 2);
    } else {
      data.append(reinterpret_cast<const char*>(&value), 4);
    }
  }
  void AddPair(const std::string& name, const std::vector<std::int64_t>& shape) {
    Add(name + ".weight", shape);
    Add(name + ".bias", {shape[0]});
  }
  void Add(const std::string& name, const std::vector<std::int64_t>& shape) {
    Tensor tensor{shape, {}};
    std::int64_t count = 1;
    for (const auto size : shape) count *= size;
    for (std::int64_t i = 0; i < count; ++i) tensor.values.push_back(NextValue());
    tensors[name] = std::move(tensor);
  }
  // In [-0.5, 0.5), exactly representable in BF16.
  float NextValue() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (static_cast<float>(state_ >> 57) - 64) / 128;
  }

  std::filesystem::path dir_;
  std::uint64_t state_ = 1;
};

}  // namespace berth::engine
