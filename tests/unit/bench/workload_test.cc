#include "supervisor/bench/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace berth::bench {
namespace {

class TraceFile {
 public:
  explicit TraceFile(const std::string& text) : path_(testing::TempDir() + "trace-" + std::to_string(counter_++)) {
    std::ofstream(path_) << text;
  }
  ~TraceFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  static inline int counter_ = 0;
  std::filesystem::path path_;
};

TEST(Poisson, KeepsItsRateAndComesAgainWithItsSeed) {
  const auto arrivals = Poisson(20'000, 50, 10, 20, 3);
  EXPECT_EQ(*arrivals.front().at, Duration(0));
  const double seconds = std::chrono::duration<double>(*arrivals.back().at).count();
  EXPECT_NEAR(20'000 / seconds, 50, 2);
  EXPECT_EQ(*Poisson(100, 50, 10, 20, 3).back().at, *arrivals[99].at);
  EXPECT_NE(*Poisson(100, 50, 10, 20, 4).back().at, *arrivals[99].at);
}

TEST(ReadTrace, AzuresCsvBeginsAtZero) {
  const TraceFile file("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59.9000000,4808,10\n2023-11-17 00:00:00.1500000,3180,8\n");
  const auto arrivals = ReadTrace(file.path());
  ASSERT_TRUE(arrivals) << arrivals.error().message;
  ASSERT_EQ(arrivals->size(), 2U);
  EXPECT_EQ(*(*arrivals)[0].at, Duration(0));
  EXPECT_EQ(*(*arrivals)[1].at, Duration(250'000));
  EXPECT_EQ((*arrivals)[1].prompt_tokens, 3180);
  EXPECT_EQ((*arrivals)[1].output_tokens, 8);
}

TEST(ReadTrace, MooncakesLinesKeepTheirPrefixes) {
  const TraceFile file(R"({"timestamp": 0, "input_length": 1024, "output_length": 6, "hash_ids": [7, 8]})" "\n"
                       R"({"timestamp": 1500, "input_length": 1024, "output_length": 4, "hash_ids": [7, 9]})" "\n");
  auto arrivals = ReadTrace(file.path());
  ASSERT_TRUE(arrivals) << arrivals.error().message;
  EXPECT_EQ(*(*arrivals)[1].at, Duration(1'500'000));
  Apply({2, 0.125, 10}, *arrivals);
  EXPECT_EQ(*(*arrivals)[1].at, Duration(750'000));
  EXPECT_EQ((*arrivals)[0].prompt_tokens, 128);
  const std::string first = PromptOf((*arrivals)[0], 1), second = PromptOf((*arrivals)[1], 2);
  const std::size_t shared = static_cast<std::size_t>(std::ranges::mismatch(first, second).in1 - first.begin());
  EXPECT_GT(shared, first.size() / 3);
  EXPECT_NE(first, second);
}

TEST(ReadTrace, MistakesNameTheLine) {
  for (const char* text : {"2023-11-16 18:17:03.97,12\n", "TIMESTAMP,a,b\nyesterday,1,2\n", "{\"timestamp\": 0}\n",
                           "2023-13-16 18:17:03.97,1,2\n", "2023-11-16 18:17:03.97,-1,2\n", "{\"timestamp\": \"x\"\n",
                           "{\"timestamp\": 0, \"input_length\": 1, \"output_length\": 1, \"hash_ids\": [-1]}\n"}) {
    const TraceFile file(text);
    const auto arrivals = ReadTrace(file.path());
    ASSERT_FALSE(arrivals) << text;
    EXPECT_NE(arrivals.error().message.find(std::string(text).starts_with("TIME") ? ":2: " : ":1: "), std::string::npos)
        << arrivals.error().message;
  }
  EXPECT_NE(ReadTrace(TraceFile("TIMESTAMP\n").path()).error().message.find("no requests"), std::string::npos);
  EXPECT_FALSE(ReadTrace("/nowhere"));
}

TEST(PromptOf, HasAWordForEachToken) {
  const std::string prompt = PromptOf(Arrival{{}, 50, 1, {}}, 9);
  EXPECT_EQ(std::ranges::count(prompt, ' '), 49);
  EXPECT_EQ(prompt, PromptOf(Arrival{{}, 50, 1, {}}, 9));
  EXPECT_NE(prompt, PromptOf(Arrival{{}, 50, 1, {}}, 10));
}

}  // namespace
}  // namespace berth::bench
