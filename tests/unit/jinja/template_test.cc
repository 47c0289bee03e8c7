// What templates print. The expected texts are what Jinja 3.1 prints for the same source in Python (the integration test
// compares with it at large; these are the corners that one wants to see without it).
#include <gtest/gtest.h>

#include <span>
#include <string>

#include "tests/unit/jinja/render.h"

namespace berth::jinja {
namespace {

struct Case {
  const char* source;
  const char* text;
};

constexpr const char* kVariables =
    R"({"s": "Hello", "u": "Ünï ß", "xs": [3, 1, 2], "d": {"b": 1, "a": "x"}, "rows": [{"n": "x", "v": 2}, {"n": "y", "v": 1}]})";

constexpr Case kWhiteSpace[] = {
    {"  {% if true %}\n    a\n  {% endif %}\n  b\n", "    a\n  b"},
    {"  {%+ if true %}a{% endif +%}\nb", "  a\nb"},
    {"a  {%- if true -%}  b  {%- endif -%}  c", "abc"},
    {"a\n {#- x -#} \n b", "ab"},
    {"{# x #}\n  {# y #}\nz", "z"},
    {"a\r\nb\rc\n\n", "a\nb\nc\n"},
    {"x{% raw %}\n {{ a }} {% b %}\n{% endraw %}\ny", "x\n {{ a }} {% b %}\ny"},
};

constexpr Case kExpressions[] = {
    {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7.5 % 2 }} {{ 2 ** -1 }} {{ -2 ** 2 }}", "3 -4 -2 0.5 0.5 4"},
    {"{{ 1 + 2 }} {{ 5 - 7 }} {{ 3 * 4 }} {{ true + true }}", "3 -2 12 2"},
    {"{{ 1e16 }} {{ 1e15 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ 10 / 4 }}", "1e+16 1000000000000000.0 0.30000000000000004 1e-05 2.5"},
    {"{{ 1 < 2 < 3 }} {{ 3 > 2 == 2 }} {{ not 1 in [1] }}", "True True False"},
    {"{{ 'a' 'b' ~ 1 ~ none ~ missing }}", "ab1None"},
    {"{{ s[1:] }} {{ s[::-1] }} {{ u[0] }} {{ xs[-1] }} {{ xs[::2] }}", "ello olleH Ü 2 [3, 2]"},
    {"{{ d }} {{ d.items()|list }} {{ (1,) }} {{ \"it's\" }} {{ [\"it's\"] }}", "{'b': 1, 'a': 'x'} [('b', 1), ('a', 'x')] (1,) it's [\"it's\"]"},
    {"{{ d|tojson }} {{ [1, {'é': none}]|tojson(indent=1) }}", "{\"b\": 1, \"a\": \"x\"} [\n 1,\n {\n  \"é\": null\n }\n]"},
    {"{{ ('<i>'|safe) + '<' }} {{ '<'|e }}", "<i>&lt; &lt;"},
    {"{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ '3.7'|int }} {{ 'x'|int(4) }}", "2.0 4.0 2.67 3 4"},
    {"{{ rows|sort(attribute='v')|map(attribute='n')|join(',') }} {{ rows|selectattr('v', 'gt', 1)|list|length }}", "y,x 1"},
    {"{{ '%05.1f|%-4s|%x' % (2.25, 'a', 255) }} {{ '{:>5}|{a[b]}'.format(1, a=d) }}", "002.2|a   |ff     1|1"},
    {"{{ u|upper }} {{ 'ΑΣ'|lower }} {{ 'ab cd'.title() }}", "ÜNÏ SS ας Ab Cd"},
    {"{{ missing is defined }} {{ missing|length }} {{ d.get('q', 7) }} {{ 1 if false }}", "False 0 7 "},
    {"{{ strftime_now('%Y-%m-%d') }}", "2024-07-26"},
};

constexpr Case kStatements[] = {
    {"{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}{{ x }}{{ '' if loop.last else ',' }}{% endfor %}", "1/23,2/22"},
    {"{% for x in [] %}a{% else %}b{% endfor %}", "b"},
    {"{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 10 %}{{ x }}{% endfor %}{{ x }}", "1111121"},
    {"{% set ns = namespace(n=0) %}{% for i in xs %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "6"},
    {"{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}<{{ loop(x) }}>{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
     "<1@2<2@3>><3@2>"},
    {"{% macro f(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1) }}{{ f(1, 2, 3, q=4) }}", "11(){}12(3,){'q': 4}"},
    {"{% macro f(x) %}[{{ caller(x) }}]{% endmacro %}{% call(a) f(1) %}{{ a }}{% endcall %}", "[1]"},
    {"{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% endfor %}", "32"},
    {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c %}x{{ a }}{% endset %}{{ c }}{% filter upper %}ab{% endfilter %}", "12x1AB"},
    {"{% generation %}{% set y = 1 %}{{ y }}{% endgeneration %}{{ y }}", "1"},
    {"{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}", "1"},
    {"{% if false %}{{ x|nosuch }}{% include 'x' %}{% endif %}ok", "ok"},
};

void Check(std::span<const Case> cases) {
  for (const Case& one : cases) EXPECT_EQ(Rendered(one.source, kVariables), one.text) << one.source;
}

TEST(Template, WhiteSpaceAroundTags) { Check(kWhiteSpace); }
TEST(Template, Expressions) { Check(kExpressions); }
TEST(Template, Statements) { Check(kStatements); }

struct Mistake {
  const char* source;
  const char* says;  // a part of the message
};

constexpr Mistake kMistakes[] = {
    {"a\n{{ missing.x }}", "t, line 2: 'missing' is undefined"},
    {"\n\n{{ d.q.r }}", "t, line 3: 'dict object' has no attribute 'q'"},
    {"{% if true %}a", "t, line 1: expected {% endif %}"},
    {"{{ 'a", "does not end"},
    {"{# a", "does not end"},
    {"{% raw %}a", "does not end"},
    {"{{ (1 }}", "unexpected '}', expected ')'"},
    {"{{ x|nosuch }}", "there is no filter \"nosuch\""},
    {"{% endif %}", "{% endif %}"},
    {"{% break %}", "outside of a loop"},
    {"{% block a %}{% endblock %}", "not supported"},
    {"{% include 'x' %}", "cannot use other templates"},
    {"{{ raise_exception('no\nsystem') }}", "t, line 1: no system"},
    {"{{ 'a'.find([]) }}", "find(): the argument \"sub\" must be a string, not 'list'"},
    {"{{ 1 // 0 }}", "division by zero"},
    {"{{ 9223372036854775807 + 1 }}", "64 bits"},
    {"{{ 'a' + 1 }}", "'+' has no meaning between 'str' and 'int'"},
    {"{{ xs.append(1) }}", "change a value"},
    {"{{ ''.__class__.__mro__ }}", "out of reach"},
    {"{% set d.a = 1 %}", "namespaces alone"},
    {"{% for a, b in xs %}{% endfor %}", "not iterable"},
    {"{{ {'a': 1}.keys()|tojson }}", "is no JSON"},
    {"{{ \"\xff\" }}", "not UTF-8"},
};

TEST(Template, MistakesAreToldWithTheirLine) {
  for (const Mistake& one : kMistakes) {
    const std::string said = Rendered(one.source, kVariables);
    EXPECT_TRUE(said.starts_with("error: t") && said.find(one.says) != std::string::npos) << one.source << ": " << said;
  }
}

std::string Repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// A stranger's template ends with an error that says which bound it met; nothing else ends.
TEST(Template, BoundsOfTimeMemoryAndDepthHold) {
  const Limits small{.steps = 300'000, .value_bytes = 4 << 20, .output_bytes = 1 << 20};
  const auto met = [&](const std::string& source, const char* bound) {
    const std::string said = Rendered(source, "{}", small);
    EXPECT_TRUE(said.starts_with("error: ") && said.find(bound) != std::string::npos) << source.substr(0, 80) << ": " << said.substr(0, 200);
  };
  met("{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}", "steps");
  met("{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "hold more than");
  met("{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "hold more than");
  met("{{ 'a' * 1000000000000 }}", "hold more than");
  met("{{ 'a'.center(1000000000000) }}", "hold more than");
  met("{% set x = 'a' * 10000 %}{% for i in range(100000) %}{{ x }}{% endfor %}", "writes more than");
  met("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nests deeper");
  met("{% set ns = namespace(v=[]) %}{% for i in range(10000) %}{% set ns.v = [ns.v] %}{% endfor %}", "nest deeper");
  met("{% set ns = namespace(g=[1]) %}{% for i in range(10000) %}{% set ns.g = ns.g|map('string') %}{% endfor %}{{ ns.g|list }}", "nests deeper");
  met("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}", "nests too deep");
  met("{{ " + Repeated("(", 1000) + "1" + Repeated(")", 1000) + " }}", "nest deeper");
  met("{{ 1" + Repeated(" + 1", 1000) + " }}", "nests deeper");
  met(Repeated("{% if true %}", 1000) + Repeated("{% endif %}", 1000), "nest deeper");
  met("{{ '%1000000000d' % 1 }}", "characters");
}

// Values in circles and long chains go when the rendering ends: the sanitizers would tell.
TEST(Template, CirclesAndChainsOfObjectsAreFreed) {
  EXPECT_EQ(Rendered("{% set ns = namespace() %}{% set ns.a = ns %}{% set ns.b = namespace(c=ns) %}x"), "x");
  EXPECT_EQ(Rendered("{% set ns = namespace(v=1) %}{% for i in range(5000) %}{% set ns.v = namespace(v=ns.v) %}{% endfor %}x"), "x");
  EXPECT_EQ(Rendered("{% macro f() %}{% set g = f %}{{ g is callable }}{% endmacro %}{{ f() }}"), "True");
}

TEST(Template, ALoopsFunctionOutlivesItsLoop) {
  EXPECT_EQ(Rendered("{% set ns = namespace() %}{% for x in [1] %}{% set ns.c = loop.cycle %}{% endfor %}{{ ns.c('a', 'b') }}"), "a");
}

// A value of 3 MB, and an output of as much, which is in two places while it grows.
TEST(Template, WhatValuesAndOutputTakeIsAskedForBefore) {
  const auto program = Template::Parse("{% set a = 'x' * 3000000 %}{{ a }}", "t");
  ASSERT_TRUE(program);
  std::uint64_t granted = 0;
  Limits limits;
  limits.hold = [&granted](std::uint64_t bytes) {
    granted += bytes;
    return true;
  };
  ASSERT_TRUE(program->Render(nlohmann::ordered_json::object(), Clock(), limits));
  EXPECT_GE(granted, 9'000'000u);
  EXPECT_LE(granted, 14'000'000u);
  limits.hold = [](std::uint64_t) { return false; };
  const auto refused = program->Render(nlohmann::ordered_json::object(), Clock(), limits);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kUnavailable);
}

}  // namespace
}  // namespace berth::jinja
