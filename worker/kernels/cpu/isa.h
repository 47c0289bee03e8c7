// The kernels of one instruction set, as a table of functions that compute on the calling thread: what cpu_ops.cc splits
// among threads. Every table is made from the same templates (dot.h, linear.h, attention.h, frame_attention.h, rows.h), compiled in a file
// of its own with that set's flags. Those files include nothing that has inline functions of others, such as most of the
// standard library: the linker keeps one copy of each, and could keep the one that this machine cannot run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/kernels/decoder_ops.h"

namespace berth::kernels::cpu {

// What the products of some rows of a weight need: y[:, begin … end).
struct LinearPart {
  const float* x = nullptr;  // [rows, columns of the weight]
  std::int64_t rows = 0;
  const Product* product = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  float* scratch = nullptr;  // kScratchFloats, aligned to 64 bytes, of this thread alone
};

// Attention of some tokens of a sequence that share a KV head.
struct AttentionPart {
  const float* q = nullptr;  // first token's first head
  float* y = nullptr;        // the same place in the result
  std::int64_t stride = 0;   // from token to token, in q and in y
  std::int64_t tokens = 0;
  std::int64_t position = 0;
  std::int64_t group = 0;  // query heads, one behind another
  const std::int32_t* blocks = nullptr;
  const CacheLayer* cache = nullptr;
  std::int64_t kv_head = 0;
  float scale = 1;
  std::int64_t window = 0;
};

// Attention of some queries over all frames of one head.
struct FrameAttentionPart {
  const float* q = nullptr;  // first query's part of this head
  float* y = nullptr;        // the same place in the result
  std::int64_t stride = 0;   // from query to query, in q and in y
  std::int64_t rows = 0;     // at most kMostFrameRows
  const FrameCache* cache = nullptr;
  std::int64_t head = 0;
  float scale = 1;
};

// Queries of one call: enough to read a panel many times from the first cache.
inline constexpr std::int64_t kMostFrameRows = 48;

inline constexpr std::int64_t kScratchFloats = 32 * 1024;

struct Isa {
  const char* name;
  void (*linear)(const LinearPart&);
  void (*attention)(const AttentionPart&);
  void (*frame_attention)(const FrameAttentionPart&);
  void (*layer_norm)(const float* x, std::int64_t width, const float* weight, const float* bias, float eps, float* y);
  void (*gelu)(float* x, std::int64_t count);
  void (*rms_norm)(const float* x, std::int64_t width, const float* weight, float eps, float* y);
  void (*silu_mul)(float* gate, const float* up, std::int64_t count);
  void (*widen)(const std::uint16_t* x, std::int64_t count, float* y);   // bfloat16 to float32
  void (*narrow)(const float* x, std::int64_t count, std::uint16_t* y);  // to the nearest, ties to even
};

extern const Isa kGeneric;
#if defined(__x86_64__)
extern const Isa kAvx2;    // with FMA
extern const Isa kAvx512;  // F, BW, DQ, VL
#endif

// Those that this machine can run, the best first.
struct IsaList {
  const Isa* isas[3] = {};
  std::size_t count = 0;
};
IsaList SupportedIsas();

}  // namespace berth::kernels::cpu
