// What all fuzzers share: their table, the check that a property holds, and how an input is taken apart. A fuzzer
// is one file that registers one function; with libFuzzer it is a program of its own, and the unit test
// `fuzz_corpora` runs all of them over the inputs that are kept in corpus/. A fuzzer keeps no state from one input
// to the next that could change what it says of the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::fuzz {

struct Target {
  std::string_view name;
  void (*run)(std::string_view input) = nullptr;
};

// `static const Registration kRegistration("plan", Run);`
class Registration {
 public:
  Registration(std::string_view name, void (*run)(std::string_view input));
};
std::span<const Target> Targets();

// Ends the program unless the property holds; `what` says which it is, `detail` what was seen instead.
void Require(bool holds, std::string_view what, std::string_view detail = {});
// Sets what Require() says about the input, beside its property; for replays.
void SetInputName(std::string name);

// What an error must be for the person who reads it: not empty, no book, no control characters.
void RequireReadable(std::string_view message, std::size_t most_bytes);

// Takes an input apart from the front. Past its end, bytes read as 0 and texts as "".
class Slices {
 public:
  explicit Slices(std::string_view input) : rest_(input) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t Byte();
  std::uint64_t Word();  // eight bytes, little-endian
  std::string_view Text(std::size_t bytes);
  // Up to the first `mark`, which is dropped; else all that is left.
  std::string_view Until(char mark);
  std::string_view Rest() { return Text(rest_.size()); }

 private:
  std::string_view rest_;
};

// Where to cut a text of `size` bytes so that each cut is looked at when there are few, and some hundred otherwise,
// always 0, `size`, and what is near `mark`. Ascending.
std::vector<std::size_t> Cuts(std::size_t size, std::size_t mark);

}  // namespace berth::fuzz
