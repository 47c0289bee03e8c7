// A safetensors file from a stranger. The first byte chooses whether the rest is the file, or a header (up to a NUL)
// and data whose lengths are then right. The views of what is accepted tile the data exactly, and written again they
// read the same.
#include <cstring>
#include <set>

#include "tests/fuzz/fuzz.h"
#include "worker/checkpoint/safetensors.h"

#include <nlohmann/json.hpp>

namespace berth::fuzz {
namespace {

using checkpoint::TensorView;

std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string File(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file.append(header).append(data);
}

std::uint64_t Product(const TensorView& view) {
  std::uint64_t product = checkpoint::DtypeSize(view.dtype);
  for (const std::int64_t extent : view.shape) product *= static_cast<std::uint64_t>(extent);
  return product;
}

void CheckViews(const std::vector<TensorView>& views, std::span<const std::byte> file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  const std::byte* next = file.data() + 8 + length;
  std::set<std::string> names;
  for (const TensorView& view : views) {
    Require(names.insert(view.name).second, "a tensor has one name of its own", view.name);
    Require(view.data.data() == next, "tensors lie back to back", view.name);
    Require(view.data.size() == Product(view), "a shape describes exactly its bytes", view.name);
    next += view.data.size();
  }
  Require(next == file.data() + file.size(), "the tensors end with the file");
}

std::string Rewritten(const std::vector<TensorView>& views) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const TensorView& view : views) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(view.data.data()), view.data.size());
    header[view.name] = {{"dtype", DtypeName(view.dtype)}, {"shape", view.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return File(header.dump(), data);
}

void CheckRewritten(const std::vector<TensorView>& views) {
  const std::string file = Rewritten(views);
  const auto again = checkpoint::ParseSafetensors(AsBytes(file), "again");
  Require(again.has_value(), "what was accepted is accepted when written again", again ? "" : again.error().message);
  Require(again->size() == views.size(), "no tensor is lost");
  CheckViews(*again, AsBytes(file));
}

void Read(std::string_view file) {
  const auto views = checkpoint::ParseSafetensors(AsBytes(file), "model.safetensors");
  if (!views) return RequireReadable(views.error().message, kMostMessageBytes);
  CheckViews(*views, AsBytes(file));
  CheckRewritten(*views);
}

void Run(std::string_view input) {
  Slices slices(input);
  if (slices.Byte() % 2 == 1) return Read(slices.Rest());
  const std::string_view header = slices.Until('\0');
  Read(File(header, slices.Rest()));
}

const Registration kRegistration("safetensors", Run);

}  // namespace
}  // namespace berth::fuzz
