// Checkpoint: which files hold a model's weights, and one table of all their tensors.
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::checkpoint {
namespace {

constexpr std::size_t kShardLimit = 1000;

using Shards = std::map<std::string, std::vector<std::string>>;  // file name -> its tensors

// The folder's own name for a file; anything with a path in it could lead out of the folder.
bool IsPlainFileName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

Result<Shards> ReadShards(const std::filesystem::path& index) {
  const auto json = ReadJsonFile(index, {.size = MiB(100)});
  if (!json) return json.error();
  JsonFields fields(*json, index.string());
  const auto& entries = fields.Object("weight_map");
  if (entries.empty()) fields.Fail("\"weight_map\" lists no tensor");
  if (!fields.ok()) return fields.error();
  JsonFields map(entries, index.string() + ": weight_map");
  Shards shards;
  for (const auto& [tensor, value] : entries.items()) {
    const std::string shard = map.String(tensor);
    if (!IsPlainFileName(shard)) {
      map.Fail("tensor \"" + tensor + "\" is said to be in \"" + shard.substr(0, 80) +
               "\"; a shard is a plain file name in the same folder");
    }
    shards[shard].push_back(tensor);
  }
  if (!map.ok()) return map.error();
  if (shards.size() <= kShardLimit) return shards;
  return Invalid(index.string(), ": lists ", shards.size(), " shards, more than ", kShardLimit);
}

bool IsWithin(const MappedFile& file, const TensorView& view) {
  const std::byte* begin = file.bytes().data();
  return view.data.data() >= begin && view.data.data() <= begin + file.bytes().size();
}

}  // namespace

Status Checkpoint::AddFile(Contents& contents, const std::filesystem::path& path) {
  auto file = MappedFile::Open(path);
  if (!file) return file.error();
  auto views = ParseSafetensors(file->bytes(), path.string());
  if (!views) return views.error();
  for (TensorView& view : *views) {
    contents.total += Bytes{view.data.size()};
    std::string name = view.name;
    const auto [place, fresh] = contents.tensors.try_emplace(std::move(name), std::move(view));
    if (!fresh) {
      return Invalid(path.string(), ": tensor \"", place->first,
                     "\" is also in an earlier shard; remove one of them");
    }
  }
  contents.files.push_back(path);
  contents.mappings.push_back(std::move(*file));
  return Ok();
}

Status Checkpoint::AddShards(Contents& contents, const std::filesystem::path& dir,
                             const std::filesystem::path& index) {
  const auto shards = ReadShards(index);
  if (!shards) return shards.error();
  for (const auto& [shard, tensors] : *shards) {
    if (Status added = AddFile(contents, dir / shard); !added) return added;
    for (const std::string& tensor : tensors) {
      const auto found = contents.tensors.find(tensor);
      if (found != contents.tensors.end() && IsWithin(contents.mappings.back(), found->second)) continue;
      return Invalid(index.string(), ": tensor \"", tensor, "\" is not in ", shard,
                     " where weight_map puts it; the shards and the index do not belong together");
    }
  }
  return Ok();
}

Result<Checkpoint> Checkpoint::Open(const std::filesystem::path& dir) {
  const auto single = dir / "model.safetensors";
  const auto index = dir / "model.safetensors.index.json";
  auto contents = std::make_shared<Contents>();
  std::error_code ignored;  // a file that cannot be examined gets its proper message when it is opened
  const bool has_single = std::filesystem::exists(std::filesystem::symlink_status(single, ignored));
  const bool has_index = std::filesystem::exists(std::filesystem::symlink_status(index, ignored));
  if (!has_single && !has_index) {
    return MakeError(ErrorKind::kNotFound, dir.string(), ": has neither model.safetensors nor ",
                     "model.safetensors.index.json; convert the weights to safetensors, or correct the path");
  }
  if (Status added = has_single ? AddFile(*contents, single) : AddShards(*contents, dir, index); !added) {
    return added.error();
  }
  Checkpoint checkpoint;
  checkpoint.contents_ = std::move(contents);
  return checkpoint;
}

const TensorView* Checkpoint::Find(std::string_view name) const {
  const auto found = contents_->tensors.find(name);
  return found == contents_->tensors.end() ? nullptr : &found->second;
}

}  // namespace berth::checkpoint
