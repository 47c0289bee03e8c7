#include "worker/text/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <new>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

// Applies one step; the result is appended to `out`, which is empty.
struct StepRunner {
  std::string_view text;
  std::string& out;
  std::vector<char32_t>& points;

  void operator()(const BertNormalizer& step) const { step.Apply(text, out, points); }

  void operator()(const LowercaseStep&) const {
    for (std::size_t at = 0; at < text.size();) AppendLowercase(out, DecodeAt(text, at));
  }

  void operator()(const StripAccentsStep&) const {
    for (std::size_t at = 0; at < text.size();) {
      const char32_t point = DecodeAt(text, at);
      if (!IsMark(point)) Append(out, point);
    }
  }

  void operator()(const UnicodeFormStep& step) const {
    if (SkipAscii(text, 0) == text.size()) {
      out.assign(text);
      return;
    }
    utf8proc_uint8_t* form = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &form,
                                   static_cast<utf8proc_option_t>(step.options));
    if (size < 0) throw std::bad_alloc();  // valid text can fail in no other way
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(form, &std::free);
    out.assign(reinterpret_cast<const char*>(form), static_cast<std::size_t>(size));
  }

  void operator()(const StripStep& step) const {
    std::size_t begin = 0;
    std::size_t end = text.size();
    for (std::size_t at = 0; step.left && at < text.size() && IsWhitespace(DecodeAt(text, at));) begin = at;
    while (step.right && end > begin && IsWhitespace(DecodeBefore(text, end))) {
      do {
        --end;
      } while (IsContinuation(text[end]));
    }
    out.assign(text.substr(begin, end - begin));
  }

  void operator()(const ReplaceStep& step) const {
    std::size_t at = 0;
    for (auto found = text.find(step.pattern); found != std::string_view::npos;
         found = text.find(step.pattern, at)) {
      out.append(text, at, found - at).append(step.content);
      at = found + step.pattern.size();
    }
    out.append(text, at);
  }

  void operator()(const PrependStep& step) const {
    if (!text.empty()) out.assign(step.text).append(text);
  }
};

}  // namespace

std::string_view Normalizer::Run(std::string_view text, Workspace& workspace) const {
  for (const NormalizerStep& step : steps_) {
    workspace.back.clear();
    std::visit(StepRunner{text, workspace.back, workspace.points}, step);
    workspace.front.swap(workspace.back);
    text = workspace.front;
  }
  return text;
}

}  // namespace berth::text
