// The claim table between an honest supervisor and a worker that writes whatever it likes into the shared memory. The
// input is a program of steps over a table of few slots; a model of what the words are says what each step must do.
#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "worker/protocol/claim_table.h"

namespace berth::fuzz {
namespace {

using namespace berth::protocol;

constexpr std::uint64_t Word(std::uint64_t generation, ClaimState state) {
  return generation << 2 | static_cast<std::uint64_t>(state);
}

// The hostile worker's own mapping of the table.
class SharedWords {
 public:
  SharedWords(int fd, std::uint32_t slots) : slots_(slots) {
    void* at = ::mmap(nullptr, slots * std::size_t{8}, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    Require(at != MAP_FAILED, "the table can be mapped");
    words_ = static_cast<std::uint64_t*>(at);
  }
  ~SharedWords() { ::munmap(words_, slots_ * std::size_t{8}); }
  SharedWords(const SharedWords&) = delete;
  SharedWords& operator=(const SharedWords&) = delete;

  std::uint64_t& operator[](std::uint32_t slot) { return words_[slot]; }

 private:
  std::uint64_t* words_ = nullptr;
  std::uint32_t slots_;
};

class Story {
 public:
  explicit Story(std::uint32_t slots)
      : slots_(slots), table_(ClaimTable::Create(slots).value()), words_(table_->fd(), slots), last_(slots, 0) {
    auto view = ClaimView::Map(Fd(::dup(table_->fd())));
    Require(view.has_value(), "the worker can map the table");
    view_ = std::move(*view);
  }

  void Step(Slices& slices) {
    const std::uint8_t step = slices.Byte();
    switch (step % 8) {
      case 0: return Offer();
      case 1: return Revoke(Live(slices));
      case 2: return Begin(Live(slices));
      case 3: return Release(slices);
      case 4: return Scribble(slices);
      case 5: return Stale(slices);
      case 6: return Any();
      default: return Strange({static_cast<std::uint32_t>(slices.Word()), slices.Word()});
    }
  }

  // However the words look, every slot comes back.
  void End() {
    for (const Claim& claim : live_) table_->Release(claim);
    live_.clear();
    for (std::uint32_t i = 0; i < slots_; ++i) Offer();
    Require(live_.size() == slots_, "every slot can be offered again after the release of all claims");
    Require(!table_->Offer(), "there are no more slots than there are");
  }

 private:
  void Offer() {
    const auto claim = table_->Offer();
    Require(claim.has_value() == (live_.size() < slots_), "a claim is offered exactly while a slot is free");
    if (!claim) return;
    Require(claim->slot < slots_, "a claim's slot is one of the table");
    Require(std::ranges::none_of(live_, [&](const Claim& c) { return c.slot == claim->slot; }), "no slot serves twice");
    Require(claim->generation > last_[claim->slot], "each offer has a generation of its own");
    last_[claim->slot] = claim->generation;
    Require(words_[claim->slot] == Word(claim->generation, ClaimState::kOffered), "an offer is there to be seen");
    const auto parsed = ParseClaim(FormatClaim(*claim));
    Require(parsed && parsed->slot == claim->slot && parsed->generation == claim->generation,
            "a claim survives its header");
    live_.push_back(*claim);
  }

  Claim Live(Slices& slices) {
    const std::size_t which = slices.Byte();
    if (live_.empty()) return {slots_, 1};
    return live_[which % live_.size()];
  }
  bool Is(Claim claim, ClaimState state) {
    return claim.slot < slots_ && words_[claim.slot] == Word(claim.generation, state);
  }

  void Revoke(Claim claim) {
    const bool offered = Is(claim, ClaimState::kOffered);
    Require(table_->TryRevoke(claim) == offered, "what is offered, and only that, can be taken back");
    if (offered) Require(!view_->TryBegin(claim), "what was taken back is never begun");
    if (offered) Require(!table_->IsBegun(claim), "what was taken back does not count as begun");
  }

  void Begin(Claim claim) {
    const bool offered = Is(claim, ClaimState::kOffered);
    Require(view_->TryBegin(claim) == offered, "what is offered, and only that, can be begun");
    if (!offered) return;
    Require(table_->IsBegun(claim), "what was begun counts as begun");
    Require(!table_->TryRevoke(claim), "what was begun is not taken back");
  }

  void Release(Slices& slices) {
    if (live_.empty()) return;
    const std::size_t which = slices.Byte() % live_.size();
    const Claim claim = live_[which];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(which));
    table_->Release(claim);
    Require(Is(claim, ClaimState::kFree), "a released slot is free, whatever was written there");
    Require(!table_->IsBegun(claim), "a released claim is not begun");
    gone_.push_back(claim);
  }

  void Scribble(Slices& slices) {
    const std::uint32_t slot = slices.Byte() % slots_;
    // Half the time what could be mistaken for the supervisor's own word.
    const std::uint8_t how = slices.Byte();
    words_[slot] = how % 2 == 0 ? slices.Word() : Word(last_[slot] + how / 64, static_cast<ClaimState>(how / 2 % 4));
  }

  // A claim that was released changes nothing any more.
  void Stale(Slices& slices) {
    const std::size_t which = slices.Byte();
    if (gone_.empty()) return;
    const Claim claim = gone_[which % gone_.size()];
    const std::uint64_t before = words_[claim.slot];
    table_->Release(claim);
    Require(words_[claim.slot] == before && !table_->IsBegun(claim), "a released claim has no effect");
  }

  void Any() {
    const bool any = std::ranges::any_of(live_, [this](const Claim& claim) { return table_->IsBegun(claim); });
    Require(table_->AnyBegun() == any, "some claim is begun exactly when one of them is");
  }

  // A claim that nobody offered, such as a header could hold.
  void Strange(Claim claim) {
    const bool known = std::ranges::any_of(
        live_, [&](const Claim& c) { return c.slot == claim.slot && c.generation == claim.generation; });
    if (known) return;
    Require(!table_->IsBegun(claim), "a claim that nobody offered is not begun");
    table_->Release(claim);
    if (claim.slot >= slots_) Require(!table_->TryRevoke(claim), "a slot outside the table is not taken back");
    if (claim.slot >= slots_) Require(!view_->TryBegin(claim), "a slot outside the table is not begun");
  }

  const std::uint32_t slots_;
  std::unique_ptr<ClaimTable> table_;
  SharedWords words_;
  std::unique_ptr<ClaimView> view_;
  std::vector<std::uint64_t> last_;  // generation of each slot's last offer
  std::vector<Claim> live_;
  std::vector<Claim> gone_;
};

void ReadHeader(std::string_view text) {
  const auto claim = ParseClaim(text);
  if (!claim) return;
  Require(claim->slot < 65'536 && claim->generation > 0 && claim->generation < 1ULL << 62, "a header's claim is in bounds");
  const auto again = ParseClaim(FormatClaim(*claim));
  Require(again && again->slot == claim->slot && again->generation == claim->generation, "a claim survives its header");
}

void Run(std::string_view input) {
  Slices slices(input);
  const std::uint8_t first = slices.Byte();
  if (first == '.') return ReadHeader(slices.Rest());
  Story story(first % 8 + 1);
  while (!slices.empty()) story.Step(slices);
  story.End();
}

const Registration kRegistration("claims", Run);

}  // namespace
}  // namespace berth::fuzz
