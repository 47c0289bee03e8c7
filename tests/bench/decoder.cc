// How fast the decoder is beside what memory and arithmetic allow: prompts and decoding with random weights of a real
// shape, single and batched. bench-decoder FOLDER [float32|bfloat16] [THREADS] [cpu]; the folder gets a model of
// Qwen2-0.5B's shape, or holds one already. With `cpu`, times are the processor's, shared by the threads: for a machine that
// is busy with something else.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "worker/engine/decoder.h"

namespace {

using berth::engine::BlockId;
using berth::engine::Decoder;
using berth::engine::DecoderDtype;
using berth::engine::kBlockTokens;
using berth::engine::Slice;

bool of_processor = false;

double Now(int threads) {
  timespec now{};
  ::clock_gettime(of_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return (static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9) / (of_processor ? threads : 1);
}

constexpr char kConfig[] = R"({"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 151936,
  "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
  "intermediate_size": 4864, "max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
  "tie_word_embeddings": true, "hidden_act": "silu"})";

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t count() const {
    return static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
};

std::vector<Tensor> Tensors() {
  std::vector<Tensor> tensors = {{"model.embed_tokens.weight", {151936, 896}}, {"model.norm.weight", {896}}};
  for (int i = 0; i < 24; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    for (const Tensor& each : std::vector<Tensor>{{"input_layernorm.weight", {896}},
                                                  {"post_attention_layernorm.weight", {896}},
                                                  {"self_attn.q_proj.weight", {896, 896}},
                                                  {"self_attn.q_proj.bias", {896}},
                                                  {"self_attn.k_proj.weight", {128, 896}},
                                                  {"self_attn.k_proj.bias", {128}},
                                                  {"self_attn.v_proj.weight", {128, 896}},
                                                  {"self_attn.v_proj.bias", {128}},
                                                  {"self_attn.o_proj.weight", {896, 896}},
                                                  {"mlp.gate_proj.weight", {4864, 896}},
                                                  {"mlp.up_proj.weight", {4864, 896}},
                                                  {"mlp.down_proj.weight", {896, 4864}}}) {
      tensors.push_back({at + each.name, each.shape});
    }
  }
  return tensors;
}

// Uniform numbers, as wide as those of a trained layer: as many bytes of them as asked for, the same ones again and again.
class Numbers {
 public:
  explicit Numbers(bool half) {
    std::uint64_t state = 88172645463325252u;
    while (bytes_.size() < 4'000'004) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      const float value = (static_cast<float>(state >> 40) / 8388608.0f - 1) * 0.05f;
      char raw[4];
      std::memcpy(raw, &value, 4);
      bytes_.append(half ? raw + 2 : raw, half ? 2 : 4);
    }
  }

  void Write(std::ofstream& file, std::size_t count) {
    for (; count > 0; at_ %= bytes_.size()) {
      const std::size_t piece = std::min(count, bytes_.size() - at_);
      file.write(bytes_.data() + at_, static_cast<std::streamsize>(piece));
      count -= piece;
      at_ += piece;
    }
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

void WriteModel(const std::filesystem::path& dir, bool half) {
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "config.json") << kConfig;
  std::string header = "{";
  std::size_t offset = 0;
  const auto tensors = Tensors();
  for (const Tensor& tensor : tensors) {
    const std::size_t end = offset + tensor.count() * (half ? 2 : 4);
    header += (offset > 0 ? ",\"" : "\"") + tensor.name + "\":{\"dtype\":\"" + (half ? "BF16" : "F32") +
              "\",\"shape\":[" + std::to_string(tensor.shape[0]) +
              (tensor.shape.size() > 1 ? "," + std::to_string(tensor.shape[1]) : "") + "],\"data_offsets\":[" +
              std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::ofstream file(dir / "model.safetensors", std::ios::binary);
  const std::uint64_t size = header.size();
  file.write(reinterpret_cast<const char*>(&size), sizeof size).write(header.data(), static_cast<std::streamsize>(size));
  Numbers numbers(half);
  for (const Tensor& tensor : tensors) numbers.Write(file, tensor.count() * (half ? 2 : 4));
}

// Bytes per second at which `threads` threads read memory that no cache holds.
double StreamRead(int threads) {
  const std::size_t words = std::size_t{64} << 20;
  std::vector<std::uint64_t> memory(words, 1);
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const double start = Now(threads);
    std::vector<std::thread> readers;
    for (int t = 0; t < threads; ++t) {
      readers.emplace_back([&memory, words, threads, t] {
        const std::size_t part = words / static_cast<std::size_t>(threads);
        const std::uint64_t* from = memory.data() + part * static_cast<std::size_t>(t);
        std::uint64_t sums[8] = {};
        for (std::size_t i = 0; i + 8 <= part; i += 8) {
          for (std::size_t j = 0; j < 8; ++j) sums[j] += from[i + j];
        }
        [[maybe_unused]] volatile std::uint64_t sink = std::accumulate(sums, sums + 8, std::uint64_t{0});
      });
    }
    for (auto& reader : readers) reader.join();
    best = std::max(best, static_cast<double>(words * 8) / (Now(threads) - start));
  }
  return best;
}

struct Bench {
  Decoder& decoder;
  int threads;
  std::vector<std::vector<BlockId>> blocks;  // of 16 sequences

  Bench(Decoder& with, int of) : decoder(with), threads(of), blocks(16) {
    constexpr int kBlocks = 512 / kBlockTokens;
    if (!decoder.AllocateCache(16 * kBlocks)) std::abort();
    for (BlockId block = 0; block < 16 * kBlocks; ++block) blocks[static_cast<std::size_t>(block / kBlocks)].push_back(block);
  }

  // Tokens per second of the best of some runs.
  double Run(int sequences, int tokens, std::int64_t position, int rounds) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens));
    std::iota(ids.begin(), ids.end(), 1000);
    double best = 0;
    for (int round = 0; round < rounds; ++round) {
      std::vector<Slice> slices;
      for (int i = 0; i < sequences; ++i) {
        slices.push_back({ids, position + (tokens == 1 ? round : 0), blocks[static_cast<std::size_t>(i)], ids.size() - 1});
      }
      std::span<const float> logits;
      const double start = Now(threads);
      if (!decoder.Forward(slices, logits)) std::abort();
      best = std::max(best, sequences * tokens / (Now(threads) - start));
    }
    return best;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: bench-decoder FOLDER [float32|bfloat16] [THREADS] [cpu]\n"), 64;
  const std::filesystem::path dir = argv[1];
  of_processor = argc > 4 && std::string(argv[4]) == "cpu";
  const bool half = argc > 2 && std::string(argv[2]) == "bfloat16";
  berth::engine::DecoderOptions options;
  options.threads = argc > 3 ? std::atoi(argv[3]) : 1;
  options.budget = berth::GiB(16);
  if (!std::filesystem::exists(dir / "model.safetensors")) WriteModel(dir, half);
  const double start = Now(1);
  auto loaded = berth::engine::LoadDecoder(dir, options);
  if (!loaded) return std::fprintf(stderr, "%s\n", loaded.error().message.c_str()), 1;
  Decoder& decoder = **loaded;
  const double bytes = static_cast<double>((decoder.weights_mapped() + decoder.weights_owned()).count);
  std::printf("%s, %d threads, %.0f MB of weights, loaded in %.2f s\n", half ? "bfloat16" : "float32", options.threads,
              bytes / 1e6, Now(1) - start);
  const double stream = StreamRead(options.threads);
  Bench bench(decoder, options.threads);
  bench.Run(1, 8, 0, 1);
  std::printf("memory reads %.1f GB/s: at most %.1f tokens/s for one sequence\n", stream / 1e9, stream / bytes);
  std::printf("prompt of 256: %.1f tokens/s\n", bench.Run(1, 256, 0, 3));
  for (const int sequences : {1, 4, 16}) {
    const double speed = bench.Run(sequences, 1, 256, sequences == 1 ? 12 : 6);
    std::printf("decoding %2d: %.1f tokens/s, %.1f GB/s of weights (%.0f %%)\n", sequences, speed,
                speed / sequences * bytes / 1e9, speed / sequences * bytes / stream * 100);
  }
  return 0;
}
