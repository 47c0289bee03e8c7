#include "worker/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <new>

namespace berth::text {
namespace {

constexpr std::size_t kPatternLimit = 4096;  // the longest published one has 400 bytes

// Steps that one match may take: published patterns need a few per character of the longest run.
constexpr std::uint32_t kLeastSteps = 10'000;
constexpr std::size_t kStepsPerByte = 16;
constexpr std::size_t kMostSteps = 200'000'000;
constexpr std::uint32_t kHeapKib = 64 * 1024;

std::string MessageOf(int code) {
  PCRE2_UCHAR buffer[200];
  if (pcre2_get_error_message(code, buffer, sizeof buffer) < 0) return "error " + std::to_string(code);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Code {
  pcre2_code* code;
  explicit Code(pcre2_code* compiled) : code(compiled) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
};

struct RegexScratch::Match {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  Match() {
    if (data == nullptr || context == nullptr) {
      Free();
      throw std::bad_alloc();
    }
    pcre2_set_heap_limit(context, kHeapKib);
  }
  Match(const Match&) = delete;
  Match& operator=(const Match&) = delete;
  ~Match() { Free(); }
  void Free() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

RegexScratch::RegexScratch() = default;
RegexScratch::~RegexScratch() = default;

Result<Regex> Regex::Compile(std::string_view pattern, const std::string& where) {
  if (pattern.size() > kPatternLimit) {
    return Invalid(where, ": the pattern has ", pattern.size(), " bytes, more than ", kPatternLimit);
  }
  const auto translated = TranslatePattern(pattern);
  if (!translated) return Invalid(where, ": ", translated.error().message);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()), translated->size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY, &error,
                                   &offset, nullptr);
  if (code == nullptr) {
    return Invalid(where, ": the pattern is wrong near \"",
                   translated->substr(0, std::min(offset, translated->size())).substr(offset > 20 ? offset - 20 : 0),
                   "\": ", MessageOf(error));
  }
  // Without a JIT (a hardened kernel may forbid executable memory) the same code is interpreted.
  (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Regex(std::make_shared<const Code>(code));
}

Regex::Outcome Regex::Find(std::string_view text, std::size_t from, RegexScratch& scratch, Span& found) const {
  if (!scratch.match_) scratch.match_ = std::make_unique<RegexScratch::Match>();
  auto& match = *scratch.match_;
  const std::size_t steps = std::min(kLeastSteps + kStepsPerByte * (text.size() - from), kMostSteps);
  pcre2_set_match_limit(match.context, static_cast<std::uint32_t>(steps));
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, options, match.data,
                       match.context);
  };
  int count = run(PCRE2_NO_UTF_CHECK);
  // The JIT has a small stack of its own; the interpreter's is on the heap.
  if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = run(PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
  if (count == PCRE2_ERROR_NOMEMORY) throw std::bad_alloc();
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::kNone;
  if (count < 0) return Outcome::kGaveUp;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.data);
  found = {ends[0], ends[1]};
  return Outcome::kFound;
}

}  // namespace berth::text
