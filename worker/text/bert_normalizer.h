// BERT's own normalisation, in its published order: clean (drop control characters, make every white space a
// blank), put blanks around CJK ideographs, strip accents (decompose, drop nonspacing marks), lower-case.
// ASCII goes through a table.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace berth::text {

struct BertOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

class BertNormalizer {
 public:
  explicit BertNormalizer(const BertOptions& options);

  // Appends to `out`; `points` is scratch.
  void Apply(std::string_view text, std::string& out, std::vector<char32_t>& points) const;

 private:
  void ApplyAscii(std::string_view text, std::string& out) const;
  void ApplyOther(std::string_view text, std::string& out, std::vector<char32_t>& points) const;
  void Clean(std::string_view text, std::vector<char32_t>& points) const;

  BertOptions options_;
  std::array<char, 128> ascii_{};       // what a character becomes
  std::array<bool, 128> ascii_keep_{};  // false: it is dropped
};

}  // namespace berth::text
