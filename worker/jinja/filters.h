// The filters: `value|name(arguments)`.
#pragma once

#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

using FilterFunction = Value (*)(Interpreter& in, const Value& value, const Arguments& arguments);

// Null where there is none of that name. Those that make HTML, or something by chance, are known and refused when called.
const FilterFunction* FindFilter(std::string_view name);

// Of Python's filters, by what they work on; used by the table alone.
namespace filters {
Value Capitalize(Interpreter&, const Value&, const Arguments&);
Value Center(Interpreter&, const Value&, const Arguments&);
Value Escape(Interpreter&, const Value&, const Arguments&);
Value ForceEscape(Interpreter&, const Value&, const Arguments&);
Value Format(Interpreter&, const Value&, const Arguments&);
Value Indent(Interpreter&, const Value&, const Arguments&);
Value Lower(Interpreter&, const Value&, const Arguments&);
Value Replace(Interpreter&, const Value&, const Arguments&);
Value Safe(Interpreter&, const Value&, const Arguments&);
Value String(Interpreter&, const Value&, const Arguments&);
Value Title(Interpreter&, const Value&, const Arguments&);
Value ToJson(Interpreter&, const Value&, const Arguments&);
Value Trim(Interpreter&, const Value&, const Arguments&);
Value Truncate(Interpreter&, const Value&, const Arguments&);
Value Upper(Interpreter&, const Value&, const Arguments&);
Value UrlEncode(Interpreter&, const Value&, const Arguments&);
Value WordCount(Interpreter&, const Value&, const Arguments&);

Value Abs(Interpreter&, const Value&, const Arguments&);
Value FileSizeFormat(Interpreter&, const Value&, const Arguments&);
Value Float(Interpreter&, const Value&, const Arguments&);
Value Int(Interpreter&, const Value&, const Arguments&);
Value Round(Interpreter&, const Value&, const Arguments&);

Value Attr(Interpreter&, const Value&, const Arguments&);
Value Default(Interpreter&, const Value&, const Arguments&);
Value First(Interpreter&, const Value&, const Arguments&);
Value Items(Interpreter&, const Value&, const Arguments&);
Value Join(Interpreter&, const Value&, const Arguments&);
Value Last(Interpreter&, const Value&, const Arguments&);
Value Length(Interpreter&, const Value&, const Arguments&);
Value List(Interpreter&, const Value&, const Arguments&);
Value Reverse(Interpreter&, const Value&, const Arguments&);
Value Sum(Interpreter&, const Value&, const Arguments&);

Value DictSort(Interpreter&, const Value&, const Arguments&);
Value GroupBy(Interpreter&, const Value&, const Arguments&);
Value Max(Interpreter&, const Value&, const Arguments&);
Value Min(Interpreter&, const Value&, const Arguments&);
Value Sort(Interpreter&, const Value&, const Arguments&);
Value Unique(Interpreter&, const Value&, const Arguments&);

Value Batch(Interpreter&, const Value&, const Arguments&);
Value Map(Interpreter&, const Value&, const Arguments&);
Value Reject(Interpreter&, const Value&, const Arguments&);
Value RejectAttr(Interpreter&, const Value&, const Arguments&);
Value Select(Interpreter&, const Value&, const Arguments&);
Value SelectAttr(Interpreter&, const Value&, const Arguments&);
Value Slice(Interpreter&, const Value&, const Arguments&);
}  // namespace filters

}  // namespace berth::jinja
