#include "worker/protocol/claim_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

namespace berth::protocol {
namespace {

std::unique_ptr<ClaimTable> Table(std::uint32_t slots) {
  auto table = ClaimTable::Create(slots);
  EXPECT_TRUE(table) << table.error().message;
  return std::move(*table);
}

std::unique_ptr<ClaimView> View(const ClaimTable& table) {
  auto view = ClaimView::Map(Fd(::dup(table.fd())));
  EXPECT_TRUE(view) << view.error().message;
  return std::move(*view);
}

// The shared words, as a worker that does as it likes sees them.
class RawWords {
 public:
  explicit RawWords(const ClaimTable& table) : bytes_(table.slots() * std::size_t{8}) {
    at_ = static_cast<std::uint64_t*>(
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, table.fd(), 0));
  }
  ~RawWords() { ::munmap(at_, bytes_); }
  std::uint64_t& operator[](std::size_t slot) { return at_[slot]; }

 private:
  std::size_t bytes_;
  std::uint64_t* at_;
};

TEST(ClaimHeader, RoundTrips) {
  const Claim claim{65535, (1ULL << 62) - 1};
  const auto parsed = ParseClaim(FormatClaim(claim));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->slot, claim.slot);
  EXPECT_EQ(parsed->generation, claim.generation);
}

TEST(ClaimHeader, NonsenseIsNoClaim) {
  for (const char* text :
       {"", ".", "1", "1.", ".1", "1.0", "-1.1", "1.-1", "+1.1", "65536.1", "1.4611686018427387904", "1.1 ",
        " 1.1", "1.1.1", "0x1.1", "99999999999.1", "1.99999999999999999999", "a.b"}) {
    EXPECT_FALSE(ParseClaim(text)) << text;
  }
}

TEST(ClaimTable, WorkerBeginsWhatIsOfferedOnce) {
  auto table = Table(4);
  auto view = View(*table);
  const Claim claim = *table->Offer();
  EXPECT_FALSE(table->IsBegun(claim));
  EXPECT_TRUE(view->TryBegin(claim));
  EXPECT_FALSE(view->TryBegin(claim));
  EXPECT_TRUE(table->IsBegun(claim));
  EXPECT_TRUE(table->AnyBegun());
  EXPECT_FALSE(table->TryRevoke(claim));
  table->Release(claim);
  EXPECT_FALSE(table->AnyBegun());
}

TEST(ClaimTable, RevokedIsNeverBegun) {
  auto table = Table(4);
  auto view = View(*table);
  const Claim claim = *table->Offer();
  EXPECT_TRUE(table->TryRevoke(claim));
  EXPECT_FALSE(table->TryRevoke(claim));
  EXPECT_FALSE(view->TryBegin(claim));
  EXPECT_FALSE(table->IsBegun(claim));
}

TEST(ClaimTable, SlotComesBackWithANewGeneration) {
  auto table = Table(1);
  auto view = View(*table);
  const Claim first = *table->Offer();
  EXPECT_FALSE(table->Offer());
  table->Release(first);
  EXPECT_FALSE(view->TryBegin(first)) << "released";
  const Claim second = *table->Offer();
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_FALSE(view->TryBegin(first)) << "a late worker";
  EXPECT_FALSE(table->TryRevoke(first));
  table->Release(first);  // a second release of the old claim leaves the new one alone
  EXPECT_FALSE(table->Offer());
  EXPECT_TRUE(view->TryBegin(second));
}

TEST(ClaimTable, EverySlotIsOfferedBeforeItIsFull) {
  auto table = Table(100);
  std::set<std::uint32_t> slots;
  while (const auto claim = table->Offer()) slots.insert(claim->slot);
  EXPECT_EQ(slots.size(), 100u);
}

TEST(ClaimTable, ClaimsOutsideTheTableAreRefused) {
  auto table = Table(2);
  auto view = View(*table);
  EXPECT_FALSE(view->TryBegin({2, 1}));
  EXPECT_FALSE(view->TryBegin({4'000'000'000u, 1}));
  EXPECT_FALSE(view->TryBegin({0, 0}));
  EXPECT_FALSE(table->TryRevoke({2, 1}));
  EXPECT_FALSE(table->IsBegun({2, 1}));
  table->Release({2, 1});
}

TEST(ClaimTable, SizeIsBounded) {
  EXPECT_FALSE(ClaimTable::Create(0));
  EXPECT_FALSE(ClaimTable::Create(65'537));
  EXPECT_TRUE(ClaimTable::Create(65'536));
}

// What a hostile worker scribbles costs it its own requests, never a second run of one or a slot.
TEST(ClaimTable, ScribbledWordsCountAsBegunAndSlotsSurvive) {
  auto table = Table(2);
  RawWords words(*table);
  const Claim claim = *table->Offer();
  words[0] = words[1] = ~0ULL;
  EXPECT_FALSE(table->TryRevoke(claim));
  EXPECT_TRUE(table->IsBegun(claim));
  table->Release(claim);
  EXPECT_TRUE(table->Offer());
  EXPECT_TRUE(table->Offer());
  EXPECT_FALSE(table->Offer());
}

TEST(ClaimTable, ItsMemoryCannotBeResized) {
  auto table = Table(2);
  EXPECT_NE(::ftruncate(table->fd(), 8), 0);
  EXPECT_NE(::ftruncate(table->fd(), 1 << 20), 0);
}

TEST(ClaimView, DescriptorsThatAreNoTableAreRefused) {
  EXPECT_FALSE(ClaimView::Map(Fd(::open("/dev/null", O_RDWR))));
  for (off_t size : {off_t{0}, off_t{12}, off_t{65'537} * 8}) {
    Fd fd(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(fd.get(), size), 0);
    ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    EXPECT_FALSE(ClaimView::Map(std::move(fd))) << size;
  }
  Fd unsealed(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(unsealed.get(), 16), 0);
  EXPECT_FALSE(ClaimView::Map(std::move(unsealed)));
}

// The race that decides between "run" and "run elsewhere".
TEST(ClaimTable, ExactlyOneOfBeginAndRevokeWinsEachOfferOfManyThreads) {
  constexpr int kRounds = 200'000;
  auto table = Table(1);
  auto view = View(*table);
  std::atomic<std::uint64_t> offered{0};
  std::atomic<int> answered{0};
  std::atomic<bool> begun{false};
  std::thread worker([&] {
    std::uint64_t last = 0;
    for (int i = 0; i < kRounds; ++i) {
      std::uint64_t generation;
      while ((generation = offered.load()) == last) std::this_thread::yield();
      last = generation;
      begun = view->TryBegin({0, generation});
      answered = i + 1;
    }
  });
  int revoked = 0, ran = 0, both_or_neither = 0;
  for (int i = 0; i < kRounds; ++i) {
    const Claim claim = *table->Offer();
    offered = claim.generation;
    if (i % 3 == 0) std::this_thread::yield();
    const bool won = table->TryRevoke(claim);
    while (answered.load() != i + 1) std::this_thread::yield();
    revoked += won;
    ran += begun;
    both_or_neither += won == begun;
    table->Release(claim);
  }
  worker.join();
  EXPECT_EQ(both_or_neither, 0);
  EXPECT_EQ(revoked + ran, kRounds);
  EXPECT_GT(revoked, 0);
  EXPECT_GT(ran, 0);
}

TEST(ClaimTable, OffersFromManyThreadsNeverShareASlot) {
  auto table = Table(8);
  std::array<std::atomic<int>, 8> users{};
  std::atomic<int> clashes{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        const auto claim = table->Offer();
        if (!claim) continue;
        clashes += users[claim->slot]++ != 0;
        users[claim->slot]--;
        table->Release(*claim);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(clashes, 0);
}

}  // namespace
}  // namespace berth::protocol
