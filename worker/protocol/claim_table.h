// The claim table makes retries decidable: for every request that was offered to a worker, one atomic word
// says whether the worker has begun it. It is a sealed memfd of lock-free 64-bit slots
// `generation << 2 | state`, shared by the supervisor and one incarnation of one worker (DESIGN §7).
//
//              Offer()                 TryBegin() (worker)
//     FREE ──────────────▶ OFFERED ──────────────────────▶ BEGUN
//       ▲                     │ TryRevoke() (proxy)          │
//       └──── Release() ──────┴──▶ REVOKED ── Release() ─────┘
//
// Exactly one of TryBegin and TryRevoke succeeds, so "run" and "run elsewhere" exclude each other. A slot is
// released only after its request's terminal state; the next Offer() takes a new generation, so a late
// worker's TryBegin fails. Worker processes are not trusted: the supervisor never derives an index or a size
// from what it reads there, and its own free list lives outside the shared memory.
// Thread-safe on both sides.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::protocol {

enum class ClaimState : std::uint64_t { kFree = 0, kOffered = 1, kBegun = 2, kRevoked = 3 };

// What travels in the request header `X-Berth-Claim: slot.generation`.
struct Claim {
  std::uint32_t slot = 0;
  std::uint64_t generation = 0;  // 62 bits
};
inline constexpr std::string_view kClaimHeader = "X-Berth-Claim";
std::string FormatClaim(Claim claim);
std::optional<Claim> ParseClaim(std::string_view text);

// The supervisor's side.
class ClaimTable {
 public:
  // `slots` of 8 bytes each, at most 65,536; all FREE; sealed against growing and shrinking.
  static Result<std::unique_ptr<ClaimTable>> Create(std::uint32_t slots);
  ~ClaimTable();
  ClaimTable(const ClaimTable&) = delete;
  ClaimTable& operator=(const ClaimTable&) = delete;

  int fd() const { return fd_.get(); }  // to be inherited by the worker as descriptor 5
  std::uint32_t slots() const { return slots_; }

  std::optional<Claim> Offer();      // nothing when every slot is taken
  bool TryRevoke(Claim claim);       // true: the worker will never begin it
  bool IsBegun(Claim claim) const;
  void Release(Claim claim);         // ends the claim whatever its state
  bool AnyBegun() const;             // some slot that is taken now is BEGUN (hung detection)

 private:
  ClaimTable(Fd fd, std::atomic<std::uint64_t>* table, std::uint32_t slots);
  Fd fd_;
  std::atomic<std::uint64_t>* table_;
  std::uint32_t slots_;
  mutable std::mutex mutex_;            // guards the two below
  std::vector<std::uint32_t> free_;
  std::vector<std::uint64_t> generation_;  // of the current or last offer; 0: never offered
  std::vector<bool> taken_;
};

// The worker's side, over the inherited descriptor.
class ClaimView {
 public:
  static Result<std::unique_ptr<ClaimView>> Map(Fd fd);
  ~ClaimView();
  ClaimView(const ClaimView&) = delete;
  ClaimView& operator=(const ClaimView&) = delete;

  // OFFERED → BEGUN. False: the proxy took the request back (or the header was nonsense): drop it, unrun.
  bool TryBegin(Claim claim);

 private:
  ClaimView(std::atomic<std::uint64_t>* table, std::uint32_t slots);
  std::atomic<std::uint64_t>* table_;
  std::uint32_t slots_;
};

}  // namespace berth::protocol
