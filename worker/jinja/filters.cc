#include "worker/jinja/filters.h"

#include <algorithm>

namespace berth::jinja {
namespace {

[[noreturn]] Value Refused(Interpreter&, const Value&, const Arguments&) {
  Fail("this filter of Jinja is not supported (those that make HTML, wrap words, pretty-print or choose by chance are not)");
}

struct Row {
  std::string_view name;
  FilterFunction call;
};

constexpr Row kFilters[] = {
    {"abs", filters::Abs},
    {"attr", filters::Attr},
    {"batch", filters::Batch},
    {"capitalize", filters::Capitalize},
    {"center", filters::Center},
    {"count", filters::Length},
    {"d", filters::Default},
    {"default", filters::Default},
    {"dictsort", filters::DictSort},
    {"e", filters::Escape},
    {"escape", filters::Escape},
    {"filesizeformat", filters::FileSizeFormat},
    {"first", filters::First},
    {"float", filters::Float},
    {"forceescape", filters::ForceEscape},
    {"format", filters::Format},
    {"groupby", filters::GroupBy},
    {"indent", filters::Indent},
    {"int", filters::Int},
    {"items", filters::Items},
    {"join", filters::Join},
    {"last", filters::Last},
    {"length", filters::Length},
    {"list", filters::List},
    {"lower", filters::Lower},
    {"map", filters::Map},
    {"max", filters::Max},
    {"min", filters::Min},
    {"pprint", Refused},
    {"random", Refused},
    {"reject", filters::Reject},
    {"rejectattr", filters::RejectAttr},
    {"replace", filters::Replace},
    {"reverse", filters::Reverse},
    {"round", filters::Round},
    {"safe", filters::Safe},
    {"select", filters::Select},
    {"selectattr", filters::SelectAttr},
    {"slice", filters::Slice},
    {"sort", filters::Sort},
    {"string", filters::String},
    {"striptags", Refused},
    {"sum", filters::Sum},
    {"title", filters::Title},
    {"tojson", filters::ToJson},
    {"trim", filters::Trim},
    {"truncate", filters::Truncate},
    {"unique", filters::Unique},
    {"upper", filters::Upper},
    {"urlencode", filters::UrlEncode},
    {"urlize", Refused},
    {"wordcount", filters::WordCount},
    {"wordwrap", Refused},
    {"xmlattr", Refused},
};

}  // namespace

const FilterFunction* FindFilter(std::string_view name) {
  const auto* found = std::ranges::find(kFilters, name, &Row::name);
  return found == std::end(kFilters) ? nullptr : &found->call;
}

}  // namespace berth::jinja
