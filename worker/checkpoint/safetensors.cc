#include "worker/checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"

namespace berth::checkpoint {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors are little-endian and are mapped as they are");

constexpr std::uint64_t kPrefixBytes = 8;            // the header's length
constexpr std::uint64_t kHeaderLimit = 100'000'000;  // the format's own bound
constexpr std::size_t kHeaderDepth = 8;              // {tensor: {shape: [n]}} needs 3
constexpr std::size_t kRankLimit = 16;
constexpr std::int64_t kDimensionLimit = std::int64_t{1} << 56;  // keeps the product's check within 64 bits

struct DtypeRow {
  std::string_view name;
  Dtype dtype;
  std::size_t size;
};

// In the order of the enumeration.
constexpr std::array kDtypes = {
    DtypeRow{"F64", Dtype::F64, 8},   DtypeRow{"F32", Dtype::F32, 4}, DtypeRow{"F16", Dtype::F16, 2},
    DtypeRow{"BF16", Dtype::BF16, 2}, DtypeRow{"I64", Dtype::I64, 8}, DtypeRow{"I32", Dtype::I32, 4},
    DtypeRow{"I16", Dtype::I16, 2},   DtypeRow{"I8", Dtype::I8, 1},   DtypeRow{"U8", Dtype::U8, 1},
    DtypeRow{"BOOL", Dtype::BOOL, 1},
};

const DtypeRow* FindDtype(std::string_view name) {
  const auto found = std::ranges::find(kDtypes, name, &DtypeRow::name);
  return found == kDtypes.end() ? nullptr : &*found;
}

std::string DtypeList() {
  std::string list;
  for (const DtypeRow& row : kDtypes) list += (list.empty() ? "" : ", ") + std::string(row.name);
  return list;
}

// The header's text, after its length was checked against the file's.
Result<std::string_view> HeaderText(std::span<const std::byte> file, const std::string& name) {
  if (file.size() < kPrefixBytes) {
    return Invalid(name, ": has ", file.size(), " bytes, too few for a safetensors file; download it again");
  }
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kPrefixBytes);
  if (length > kHeaderLimit) {
    return Invalid(name, ": claims a header of ", length, " bytes, more than the ", kHeaderLimit,
                   " that the format allows; it is corrupt or not a safetensors file");
  }
  if (length > file.size() - kPrefixBytes) {
    return Invalid(name, ": claims a header of ", length, " bytes, but only ", file.size() - kPrefixBytes,
                   " follow its length; the file is truncated, download it again");
  }
  return std::string_view(reinterpret_cast<const char*>(file.data()) + kPrefixBytes, length);
}

// product(shape) * element size; nullopt when it leaves 64 bits.
std::optional<std::uint64_t> ByteSize(std::span<const std::int64_t> shape, std::uint64_t element) {
  std::uint64_t size = element;
  bool overflow = false;
  for (const std::int64_t extent : shape) {
    if (extent == 0) return 0;
    overflow = overflow || __builtin_mul_overflow(size, static_cast<std::uint64_t>(extent), &size);
  }
  if (overflow) return std::nullopt;
  return size;
}

// One entry of the header, not yet tied to the file's bytes.
struct Entry {
  TensorView view;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::vector<std::int64_t> ReadShape(JsonFields& fields) {
  std::vector<std::int64_t> shape;
  const auto& array = fields.Array("shape");
  if (array.size() > kRankLimit) {
    fields.Fail("\"shape\" has " + std::to_string(array.size()) + " dimensions, more than " +
                std::to_string(kRankLimit));
    return shape;
  }
  for (const auto& extent : array) {
    const bool integer = extent.is_number_unsigned();  // the parser makes every non-negative integer unsigned
    if (!integer || extent.get<std::uint64_t>() > static_cast<std::uint64_t>(kDimensionLimit)) {
      fields.Fail("\"shape\" holds " + extent.dump().substr(0, 40) +
                  "; dimensions are integers from 0 to 2^56");
      return shape;
    }
    shape.push_back(extent.get<std::int64_t>());
  }
  return shape;
}

void ReadOffsets(JsonFields& fields, Entry& entry) {
  const auto& offsets = fields.Array("data_offsets");
  if (!fields.ok()) return;
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    fields.Fail("\"data_offsets\" must be two non-negative integers, begin and end");
    return;
  }
  entry.begin = offsets[0].get<std::uint64_t>();
  entry.end = offsets[1].get<std::uint64_t>();
  if (entry.begin > entry.end) {
    fields.Fail("begins at byte " + std::to_string(entry.begin) + " and ends before that, at " +
                std::to_string(entry.end));
  }
}

void CheckByteSize(JsonFields& fields, const Entry& entry) {
  const auto needed = ByteSize(entry.view.shape, DtypeSize(entry.view.dtype));
  const std::string what = std::string(DtypeName(entry.view.dtype)) + " " + FormatShape(entry.view.shape);
  if (!needed) {
    fields.Fail(what + " needs more than 2^64 bytes");
  } else if (*needed != entry.end - entry.begin) {
    fields.Fail(what + " needs " + std::to_string(*needed) + " bytes, but its data_offsets give it " +
                std::to_string(entry.end - entry.begin));
  }
}

Result<Entry> ReadEntry(const std::string& tensor, const nlohmann::json& value, const std::string& name) {
  JsonFields fields(value, name + ": tensor \"" + tensor + "\"");
  Entry entry;
  entry.view.name = tensor;
  const std::string dtype = fields.String("dtype");
  const DtypeRow* row = FindDtype(dtype);
  if (row == nullptr) fields.Fail("dtype \"" + dtype + "\" is not supported; supported: " + DtypeList());
  if (row != nullptr) entry.view.dtype = row->dtype;
  entry.view.shape = ReadShape(fields);
  ReadOffsets(fields, entry);
  if (fields.ok()) CheckByteSize(fields, entry);
  if (!fields.ok()) return fields.error();
  return entry;
}

Status CheckMetadata(const nlohmann::json& metadata, const std::string& name) {
  JsonFields fields(metadata, name + ": __metadata__");
  if (!fields.ok()) return fields.error();
  for (const auto& [key, value] : metadata.items()) fields.String(key, "");
  if (!fields.ok()) return fields.error();
  return Ok();
}

Result<std::vector<Entry>> ReadEntries(std::string_view header, const std::string& name) {
  auto json = ParseJson(header, name + ": header", {.size = {kHeaderLimit}, .depth = kHeaderDepth});
  if (!json) return json.error();
  if (!json->is_object()) {
    return Invalid(name, ": header is ", json->type_name(), "; an object of tensors is needed");
  }
  std::vector<Entry> entries;
  for (const auto& [key, value] : json->items()) {
    if (key == "__metadata__") {
      if (Status checked = CheckMetadata(value, name); !checked) return checked.error();
      continue;
    }
    auto entry = ReadEntry(key, value, name);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  return entries;
}

// Back to back from the first byte of `data` to its last: no overlap, no hole, nothing left over.
Status Lay(std::vector<Entry>& entries, std::span<const std::byte> data, const std::string& name) {
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  std::uint64_t next = 0;
  for (Entry& entry : entries) {
    const std::string where = name + ": tensor \"" + entry.view.name + "\" ";
    if (entry.end > data.size()) {
      return Invalid(where, "ends at byte ", entry.end, " of ", data.size(),
                     " bytes of data; the file is truncated or corrupt, download it again");
    }
    if (entry.begin < next) {
      return Invalid(where, "begins at byte ", entry.begin, ", inside the tensor before it, which ends at ",
                     next);
    }
    if (entry.begin > next) {
      return Invalid(where, "begins at byte ", entry.begin, ", ", entry.begin - next,
                     " bytes after the end of what ", "comes before; the format has no holes");
    }
    entry.view.data = data.subspan(entry.begin, entry.end - entry.begin);
    next = entry.end;
  }
  if (next == data.size()) return Ok();
  return Invalid(name, ": its tensors end at byte ", next, ", but ", data.size(),
                 " bytes of data are there; the ", "file is corrupt, download it again");
}

}  // namespace

std::string_view DtypeName(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].name; }

std::size_t DtypeSize(Dtype dtype) { return kDtypes[static_cast<std::size_t>(dtype)].size; }

std::string FormatShape(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

Result<std::vector<TensorView>> ParseSafetensors(std::span<const std::byte> file, const std::string& name) {
  const auto header = HeaderText(file, name);
  if (!header) return header.error();
  auto entries = ReadEntries(*header, name);
  if (!entries) return entries.error();
  if (Status laid = Lay(*entries, file.subspan(kPrefixBytes + header->size()), name); !laid)
    return laid.error();
  std::vector<TensorView> views;
  views.reserve(entries->size());
  for (Entry& entry : *entries) views.push_back(std::move(entry.view));
  return views;
}

}  // namespace berth::checkpoint
