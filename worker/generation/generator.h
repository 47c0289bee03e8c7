// Continuous batching (Yu et al. 2022, "Orca") over a paged KV cache (Kwon et al. 2023): the queue in front of a
// decoder, and the one thread that computes. Each step runs one token of every sequence that decodes and, with what
// is left of the step's tokens, pieces of the prompts that wait (chunked prefill), so that a long prompt never stalls
// the others' tokens. When blocks run out, the youngest sequence gives its blocks back and is computed again later;
// what can never fit is refused at Submit(). Knows nothing of HTTP. The decisions are pure and elsewhere
// (scheduler.h, block_pool.h, sampler.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/engine/decoder.h"
#include "worker/generation/generation.h"
#include "worker/metering/metrics.h"
#include "worker/text/tokenizer.h"

namespace berth::engine {

struct GeneratorOptions {
  std::int64_t context = 0;       // tokens of one sequence, prompt and output; at most what the cache can hold
  int max_sequences = 64;         // that run at the same time
  int step_tokens = 512;          // of one step, decoding and prefill together
  bool prefix_cache = true;
  std::vector<std::int32_t> eos = {};  // the model's end tokens
  // Ids from here on are in the model's vocabulary and not in the tokenizer's: never sampled.
  int sampled_vocab = 0;
  std::size_t max_jobs = 1024;    // waiting and running; more are refused
  std::function<void()> prepare_thread = {};           // first thing on the compute thread
  std::function<void(const Status&)> after_step = {};  // on the compute thread, how each step ended
};

class Generator {
 public:
  // All outlive the generator. The decoder has its cache.
  Generator(Decoder& decoder, const text::Tokenizer& tokenizer, GeneratorOptions options, Metrics& metrics);
  ~Generator();  // ends what is left as kCancelled
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void Submit(std::shared_ptr<GenerationJob> job);
  // The job's blocks are free within one step; its `ended` still comes. Also before Submit(). Any thread.
  void Cancel(GenerationJob& job);
  // Jobs not begun end as kDraining, now and from now on; begun ones go on.
  void Drain();

  // For beats; any thread.
  struct Gauges {
    std::int64_t running = 0, waiting = 0;  // sequences
    std::int64_t blocks_used = 0, blocks_cached = 0, blocks_free = 0;
  };
  Gauges gauges() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// The gauges as beats name them: "kv_blocks/used", "kv_usage_ratio", ….
std::map<std::string, double> BeatGauges(const Generator::Gauges& gauges);

}  // namespace berth::engine
