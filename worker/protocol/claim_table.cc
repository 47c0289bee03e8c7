#include "worker/protocol/claim_table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <new>
#include <utility>

namespace berth::protocol {
namespace {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "slots are shared between processes");
static_assert(sizeof(std::atomic<std::uint64_t>) == 8);

constexpr std::uint32_t kMaxSlots = 65'536;
constexpr std::uint64_t kMaxGeneration = (1ULL << 62) - 1;
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

constexpr std::uint64_t Word(std::uint64_t generation, ClaimState state) {
  return generation << 2 | static_cast<std::uint64_t>(state);
}

// A worker can write anything: what is none of the states that the supervisor wrote counts as begun.
bool MeansBegun(std::uint64_t word, std::uint64_t generation) {
  return word != Word(generation, ClaimState::kOffered) && word != Word(generation, ClaimState::kRevoked) &&
         word != Word(generation, ClaimState::kFree);
}

// Nothing when mmap fails; errno says why.
std::atomic<std::uint64_t>* MapSlots(int fd, std::uint32_t slots) {
  void* at = ::mmap(nullptr, slots * std::size_t{8}, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? nullptr : static_cast<std::atomic<std::uint64_t>*>(at);
}

template <class Number>
bool ParseNumber(std::string_view text, Number* value) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string FormatClaim(Claim claim) {
  return std::to_string(claim.slot) + "." + std::to_string(claim.generation);
}

std::optional<Claim> ParseClaim(std::string_view text) {
  const auto dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  Claim claim;
  if (!ParseNumber(text.substr(0, dot), &claim.slot)) return std::nullopt;
  if (!ParseNumber(text.substr(dot + 1), &claim.generation)) return std::nullopt;
  const bool in_bounds = claim.slot < kMaxSlots && claim.generation > 0 && claim.generation <= kMaxGeneration;
  return in_bounds ? std::optional(claim) : std::nullopt;
}

Result<std::unique_ptr<ClaimTable>> ClaimTable::Create(std::uint32_t slots) {
  if (slots == 0 || slots > kMaxSlots) {
    return Invalid("a claim table of ", slots, " slots; it has 1 to ", kMaxSlots);
  }
  Fd fd(::memfd_create("berth-claims", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return SystemError(errno, "cannot create a claim table");
  if (::ftruncate(fd.get(), slots * off_t{8}) != 0) return SystemError(errno, "cannot size a claim table");
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return SystemError(errno, "cannot seal a claim table");
  auto* table = MapSlots(fd.get(), slots);
  if (!table) return SystemError(errno, "cannot map a claim table");
  return std::unique_ptr<ClaimTable>(new ClaimTable(std::move(fd), table, slots));
}

ClaimTable::ClaimTable(Fd fd, std::atomic<std::uint64_t>* table, std::uint32_t slots)
    : fd_(std::move(fd)), table_(table), slots_(slots), generation_(slots, 0), taken_(slots, false) {
  free_.reserve(slots);
  for (std::uint32_t slot = slots; slot > 0; --slot) free_.push_back(slot - 1);
}

ClaimTable::~ClaimTable() { ::munmap(table_, slots_ * std::size_t{8}); }

std::optional<Claim> ClaimTable::Offer() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return std::nullopt;
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  taken_[slot] = true;
  generation_[slot] = generation_[slot] == kMaxGeneration ? 1 : generation_[slot] + 1;
  table_[slot].store(Word(generation_[slot], ClaimState::kOffered), std::memory_order_release);
  return Claim{slot, generation_[slot]};
}

bool ClaimTable::TryRevoke(Claim claim) {
  if (claim.slot >= slots_) return false;
  std::uint64_t expected = Word(claim.generation, ClaimState::kOffered);
  return table_[claim.slot].compare_exchange_strong(expected, Word(claim.generation, ClaimState::kRevoked),
                                                    std::memory_order_acq_rel);
}

bool ClaimTable::IsBegun(Claim claim) const {
  std::lock_guard lock(mutex_);
  if (claim.slot >= slots_ || !taken_[claim.slot] || generation_[claim.slot] != claim.generation)
    return false;
  return MeansBegun(table_[claim.slot].load(std::memory_order_acquire), claim.generation);
}

void ClaimTable::Release(Claim claim) {
  std::lock_guard lock(mutex_);
  if (claim.slot >= slots_ || !taken_[claim.slot] || generation_[claim.slot] != claim.generation) return;
  table_[claim.slot].store(Word(claim.generation, ClaimState::kFree), std::memory_order_release);
  taken_[claim.slot] = false;
  free_.push_back(claim.slot);
}

bool ClaimTable::AnyBegun() const {
  std::lock_guard lock(mutex_);
  for (std::uint32_t slot = 0; slot < slots_; ++slot) {
    if (!taken_[slot]) continue;
    if (MeansBegun(table_[slot].load(std::memory_order_acquire), generation_[slot])) return true;
  }
  return false;
}

Result<std::unique_ptr<ClaimView>> ClaimView::Map(Fd fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return SystemError(errno, "cannot look at the claim table");
  if (info.st_size <= 0 || info.st_size % 8 != 0 || info.st_size > off_t{kMaxSlots} * 8) {
    return Invalid("a claim table of ", static_cast<long long>(info.st_size),
                   " bytes; it has 8 bytes for each of 1 to ", kMaxSlots, " slots");
  }
  // Unsealed, it could shrink under the mapping, and a slot's access would be a SIGBUS.
  const int seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return Invalid("the claim table is not a sealed memfd");
  const auto slots = static_cast<std::uint32_t>(info.st_size / 8);
  auto* table = MapSlots(fd.get(), slots);
  if (!table) return SystemError(errno, "cannot map the claim table");
  return std::unique_ptr<ClaimView>(new ClaimView(table, slots));
}

ClaimView::ClaimView(std::atomic<std::uint64_t>* table, std::uint32_t slots) : table_(table), slots_(slots) {}

ClaimView::~ClaimView() { ::munmap(table_, slots_ * std::size_t{8}); }

bool ClaimView::TryBegin(Claim claim) {
  if (claim.slot >= slots_ || claim.generation == 0 || claim.generation > kMaxGeneration) return false;
  std::uint64_t expected = Word(claim.generation, ClaimState::kOffered);
  return table_[claim.slot].compare_exchange_strong(expected, Word(claim.generation, ClaimState::kBegun),
                                                    std::memory_order_acq_rel);
}

}  // namespace berth::protocol
