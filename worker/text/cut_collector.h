// Puts together words from spans that are cuts or not, one after another. A boundary falls between two spans (or the
// text's ends) by what they are and what the Cut makes of that; so one rule serves characters, strings and patterns.
#pragma once

#include <string_view>
#include <vector>

#include "worker/text/pre_tokenizer.h"

namespace berth::text {

class CutCollector {
 public:
  CutCollector(std::string_view text, Cut cut, std::vector<std::string_view>& words)
      : text_(text), cut_(cut), words_(words) {}

  // The span from where the last one ended to `end`.
  void Add(std::size_t end, bool is_cut) {
    if (end == end_) return;
    if (end_ > begin_ && IsBoundary(before_, is_cut)) Flush();
    before_ = is_cut;
    end_ = end;
  }

  void Finish() {
    if (end_ > begin_) Flush();
  }

 private:
  bool IsBoundary(bool before, bool after) const {
    switch (cut_) {
      case Cut::kRemoved:
      case Cut::kIsolated:
        return true;
      case Cut::kContiguous:
        return before != after;
      case Cut::kMergedWithPrevious:
        return before || !after;
      case Cut::kMergedWithNext:
        return !before || after;
    }
    return true;
  }

  void Flush() {
    if (!before_ || cut_ != Cut::kRemoved) words_.push_back(text_.substr(begin_, end_ - begin_));
    begin_ = end_;
  }

  std::string_view text_;
  Cut cut_;
  std::vector<std::string_view>& words_;
  std::size_t begin_ = 0, end_ = 0;
  bool before_ = false;  // whether the last span was a cut
};

}  // namespace berth::text
