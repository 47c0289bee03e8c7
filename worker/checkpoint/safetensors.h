// Weights on disk in the safetensors format: 8 bytes of little-endian header length N, N bytes of JSON
// {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, …, "__metadata__": {string:
// string}}, then the tensors' bytes, back to back. Everything is checked when a file is opened, so that a
// consumer may trust a view's shape to describe exactly its bytes. Immutable afterwards: any thread may read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/checkpoint/mapped_file.h"

namespace berth::checkpoint {

enum class Dtype { F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL };

std::string_view DtypeName(Dtype dtype);  // "BF16"
std::size_t DtypeSize(Dtype dtype);       // bytes per element

// One tensor. `data` has exactly product(shape) * DtypeSize(dtype) bytes (an empty shape is one element) and
// may start at any address: copy by memcpy, never through a typed pointer.
struct TensorView {
  std::string name;
  Dtype dtype = Dtype::F32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

// "[30522, 128]"
std::string FormatShape(std::span<const std::int64_t> shape);

// The tensors of one safetensors file in memory, in the order of their bytes; the views point into `file`.
// `name` is what messages call it. Errors name the tensor and the numbers: header longer than the file or
// than 100 MB, bad JSON, unknown dtype, negative or overflowing shape, offsets out of range, overlapping,
// with holes, or not the size that the shape asks for.
Result<std::vector<TensorView>> ParseSafetensors(std::span<const std::byte> file, const std::string& name);

// All weights of a model directory. Copies are cheap and share the mappings; views live as long as any copy.
class Checkpoint {
 public:
  // `dir`/model.safetensors, else the shards that `dir`/model.safetensors.index.json lists. Errors: neither
  // exists; those of ParseSafetensors; a shard name that is not a plain file name; a tensor that the index
  // places in a shard that lacks it; a tensor in two shards.
  static Result<Checkpoint> Open(const std::filesystem::path& dir);

  const TensorView* Find(std::string_view name) const;  // nullptr: no such tensor
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return contents_->tensors; }
  const std::vector<std::filesystem::path>& files() const { return contents_->files; }
  Bytes total() const { return contents_->total; }  // bytes of all tensors

 private:
  struct Contents {
    std::vector<MappedFile> mappings;
    std::vector<std::filesystem::path> files;
    std::map<std::string, TensorView, std::less<>> tensors;
    Bytes total;
  };
  static Status AddFile(Contents& contents, const std::filesystem::path& path);
  static Status AddShards(Contents& contents, const std::filesystem::path& dir,
                          const std::filesystem::path& index);

  std::shared_ptr<const Contents> contents_;
};

}  // namespace berth::checkpoint
