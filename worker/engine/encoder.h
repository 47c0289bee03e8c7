// An encoder that is loaded and can be asked: the torch-free face of weights/, models/ and kernels/, so that
// nothing else in the worker includes libtorch. What it makes of a sequence is its task: a text's vector, or
// the score of a pair of texts. Encode() runs on one thread at a time, the engine's compute thread; the plain
// questions may be asked from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/encoder_footprint.h"
#include "worker/checkpoint/sentence_config.h"

namespace berth::engine {

using checkpoint::Task;

// "1.13.1"
std::string TorchVersion();
// Threads of one operator; on the thread that will call Encode().
void SetComputeThreads(int threads);

struct Sequence {
  std::span<const std::int32_t> ids;  // 1 … max_tokens() ids, each in [0, vocab_size())
  std::size_t skip = 0;               // embedding: first tokens that the pooling leaves out
  // Where the second text of a pair begins: the index of the first token of type 1, at most ids.size(). 0:
  // there is no second text. Architectures without token types take it and do nothing with it.
  std::size_t second = 0;
};

// Gets what was made of a sequence as soon as it is computed; valid during the call only. Embedding: the
// pooled vector, dimensions() components, not normalised. Ranking: one number, the raw logit.
using Sink = std::function<void(std::size_t index, std::span<const float> vector)>;

class Encoder {
 public:
  static constexpr int kTokensAtOnce = static_cast<int>(checkpoint::kTokensAtOnce);

  struct Options {
    Bytes budget;                          // of private memory
    std::function<void(double)> progress;  // 0 … 1 of the load, on the calling thread
  };

  // Reads the model in `dir`. Errors: kInvalid or kNotFound (the model is wrong; names file, tensor and
  // remedy), kExhausted (the budget or the machine's memory does not suffice).
  static Result<std::unique_ptr<Encoder>> Load(const std::filesystem::path& dir, const Options& options);
  ~Encoder();

  // Runs the sequences in pieces of kTokensAtOnce, shortest first, and hands each result to `sink`.
  // Errors: kInvalid (an id, a length or `second` out of range), kUnavailable (the budget refused a tensor; what was
  // allocated is freed again), kExhausted (the machine has no memory), kInternal (a component that is no finite
  // number; anything else libtorch says). Results handed out before an error are good.
  Status Encode(std::span<const Sequence> sequences, const Sink& sink);

  Task task() const;
  int dimensions() const;  // of what the sink gets: 1 when the task is ranking
  int max_tokens() const;  // of one sequence, special tokens included
  int vocab_size() const;
  const checkpoint::SentenceConfig& sentence() const;
  Bytes weights_mapped() const;  // in the file, shared
  Bytes weights_owned() const;   // in memory of this process alone

  // Units of work done, each well under a second; any thread.
  std::uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }

 private:
  struct Parts;
  explicit Encoder(std::unique_ptr<Parts> parts);

  std::unique_ptr<const Parts> parts_;
  std::atomic<std::uint64_t> steps_{0};
};

}  // namespace berth::engine
