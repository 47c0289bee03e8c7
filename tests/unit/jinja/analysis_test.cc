#include "worker/jinja/analysis.h"

#include <gtest/gtest.h>

#include "worker/jinja/template.h"

namespace berth::jinja {
namespace {

bool Loops(const char* source) { return LoopsOver(Template::Parse(source, "t")->ast(), "content"); }

TEST(LoopsOver, DirectlyOrThroughNamesFiltersAndMacros) {
  EXPECT_TRUE(Loops("{% for m in messages %}{% for p in m.content %}{{ p }}{% endfor %}{% endfor %}"));
  EXPECT_TRUE(Loops("{% for p in messages[0]['content'][1:]|sort(attribute='type') %}{% endfor %}"));
  EXPECT_TRUE(Loops("{% set c = m['content'] if m else [] %}{% set b = c %}{% for p in b %}{% endfor %}"));
  EXPECT_TRUE(Loops("{% macro show(x) %}{% for p in x %}{% endfor %}{% endmacro %}{{ show(m.content) }}"));
  EXPECT_TRUE(Loops("{% macro show(a, x=1) %}{% if a %}{% for p in x %}{% endfor %}{% endif %}{% endmacro %}{{ show(1, x=m.content) }}"));
}

TEST(LoopsOver, NotWhereContentIsOnlyPrinted) {
  EXPECT_FALSE(Loops("{% for m in messages %}{{ m.content }}{% for t in m.tool_calls %}{{ t }}{% endfor %}{% endfor %}"));
  EXPECT_FALSE(Loops("{% for m in messages %}{% set c = m.content|trim %}{{ c }}{% endfor %}{% for x in content_parts %}{% endfor %}"));
}

TEST(SpeaksOf, StringsCountAndCommentsDoNot) {
  EXPECT_TRUE(SpeaksOf(Template::Parse("{% if m.role == 'developer' %}{% endif %}", "t")->ast(), "developer"));
  EXPECT_FALSE(SpeaksOf(Template::Parse("{# developer #}developer{{ 'system' }}", "t")->ast(), "developer"));
}

}  // namespace
}  // namespace berth::jinja
