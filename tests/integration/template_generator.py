"""Small templates, made by chance from the language's parts, and some written by hand for its corners."""

import random

VARIABLES = {
    "s": "Hello, World", "t": "  padded\ttext \n", "u": "Ünï ß ŒUVRE 日本 👋", "empty": "", "n": 7, "neg": -3, "f": 2.5, "big": 1e21,
    "yes": True, "no": False, "nil": None, "xs": [3, 1, 2, 1], "words": ["pear", "Apple", "fig", "apple"], "nothing": [],
    "d": {"b": 1, "a": "x", "C": None, "n": {"k": [1, {"z": 2}]}}, "rows": [
        {"name": "x", "age": 3, "tag": "A"}, {"name": "Y", "age": 1, "tag": "b"}, {"name": "z", "age": 3, "tag": "a"}],
    "html": "<a href=\"x\">it's & more</a>", "lines": "one\ntwo\n\n  three\r\nfour", "mixed": [1, "a", None, 2.0, True, [1], {"k": 1}],
}

ATOMS = ["s", "t", "u", "empty", "n", "neg", "f", "big", "yes", "no", "nil", "xs", "words", "nothing", "d", "rows", "html", "lines",
         "mixed", "missing", "0", "1", "-2", "10", "3.0", "0.1", "1e5", "1_000", "0x1f", "''", "'a'", "\"it's\"", "'x,y,,z'", "'%s-%d'",
         "'a\\nb\\t\\u00e9\\x41\\q'", "'{} {}'", "[]", "[1, 'b']", "(1, 2)", "()", "(1,)", "{}", "{'k': 1, 2: 'two'}", "true", "none", "range(4)",
         "d.n", "d['a']", "d.keys()", "d.items()", "rows[0]", "rows[1].name", "xs[0]", "words[-1]", "s[0]"]

FILTERS = ["abs", "batch(2)|list", "batch(3, 'x')|list", "capitalize", "center(20)", "count", "d('D')", "default('D', true)",
           "default(value)", "dictsort", "dictsort(by='value')", "dictsort(reverse=true)", "e", "escape", "first", "float", "float(1.5)",
           "forceescape", "format(1, 2)", "groupby('age')", "groupby('tag')", "indent", "indent(2, true)", "indent(first=true, blank=true)",
           "indent('> ')", "int", "int(5)", "int(base=16)", "items|list", "join", "join(', ')", "join('-', attribute='name')", "last", "length",
           "list", "lower", "map('upper')|list", "map(attribute='name')|list", "map(attribute='no', default='-')|join(',')", "map('int')|sum",
           "max", "min", "max(attribute='age')", "min(case_sensitive=true)", "reject('none')|list", "rejectattr('age', 'gt', 2)|list",
           "replace('a', 'b')", "replace('l', 'LL', 1)", "replace('', '.')", "reverse|list", "reverse", "round", "round(1)",
           "round(2, 'floor')", "round(0, 'ceil')", "round(-1)", "safe", "select|list", "select('string')|list", "selectattr('age')|list",
           "selectattr('tag', 'equalto', 'a')|map(attribute='name')|list", "select('divisibleby', 2)|list", "slice(2)|list",
           "slice(3, 0)|list", "sort", "sort(reverse=true)", "sort(case_sensitive=true)", "sort(attribute='age')",
           "sort(attribute='age,name')|map(attribute='name')|join", "string", "sum", "sum(start=10)", "sum(attribute='age')", "title", "tojson",
           "tojson(indent=2)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)", "tojson(ensure_ascii=true)", "trim", "trim('Ha')",
           "truncate(9)", "truncate(5, true)", "truncate(8, end='…', leeway=0)", "unique|list", "unique(true)|list", "unique(attribute='age')|list",
           "upper", "wordcount", "attr('name')", "attr('items')", "urlencode", "filesizeformat", "filesizeformat(true)", "list|length", "list|first",
           "list|last", "string|length", "nosuchfilter", "map('nosuch')|list", "tojson|safe", "length|string", "items", "xmlattr"]

METHODS = ["upper()", "lower()", "title()", "capitalize()", "swapcase()", "strip()", "lstrip()", "rstrip()", "strip('Hd')", "lstrip(' p')", "split()",
           "split(',')", "split(',', 1)", "split('l', 2)", "rsplit(',', 1)", "rsplit()", "rsplit(none, 1)", "split(maxsplit=1)", "splitlines()", "splitlines(true)",
           "startswith('H')", "startswith(('x', 'H'))", "endswith('d')", "endswith('')", "replace('o', '0')", "replace('o', '0', 1)", "find('o')", "rfind('o')",
           "find('o', 5)", "index('zz')", "count('l')", "count('')", "join(['a', 'b'])", "join(xs)", "removeprefix('He')", "removesuffix('ld')",
           "partition(', ')", "rpartition('o')", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "istitle()", "zfill(15)", "ljust(15, '.')",
           "rjust(15)", "center(15, '*')", "center(16)", "expandtabs(4)", "format(1, 'b', k=2)", "items()", "keys()", "values()", "get('a')", "get('q', 'Q')", "get('k')",
           "append(1)", "pop('a')", "copy()", "index(1)", "count(1)", "__class__", "name", "n.k[1].z", "nope", "nope.nope", "casefold()", "isnumeric()", "isdecimal()"]

SLICES = ["[0]", "[-1]", "[1:]", "[:2]", "[::-1]", "[-2:]", "[:-1]", "[1:10:2]", "[10:]", "[3:1]", "[::2]", "[5:0:-2]", "['a']", "['items']", "[n]", "[99]", "[:n]",
          "[::0]", "[1.0]", "[none]", "[true]", "['n']['k']", "[-100:100]", "[:-9:-1]"]

TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false", "odd", "even",
         "divisibleby 3", "divisibleby(2)", "eq 7", "equalto('a')", "ne 1", "lt 5", "le(3)", "gt 1", "ge 2", "in [1, 7, 'a']", "in(d)", "sameas none", "sameas(true)", "callable",
         "upper", "lower", "escaped", "filter", "test", "lessthan 4", "greaterthan(2)", "nosuchtest"]

BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]

FORMATS = ["'%5.2f' % f", "'%s' % s", "'%r' % s", "'%(a)s %(b)d' % d", "'%05d|%-5d|%+d' % (n, n, n)", "'%x %X %o %#x' % (255, 255, 8, 255)", "'%e %g %G' % (f, big, 0.00001)",
           "'%c%c' % (65, 'b')", "'%%' % ()", "'%s %s' % (1,)", "'%s' % (1, 2)", "'%d' % 'x'", "'%.3s|%10s|%-10s|' % (s, s[:3], s[:3])", "'%s' % xs", "'%s' % nil", "'%*d' % (6, n)",
           "'{:>8}|{:<8}|{:^8}|'.format(s[:3], n, f)", "'{:05d} {:+.2f} {:,} {:%}'.format(n, f, 1234567, 0.25)", "'{0}{1}{0}'.format('a', 'b')", "'{a}-{b!r}'.format(a=1, b='x')",
           "'{0[a]} {0.n}'.format(d)", "'{:x} {:#b} {:o}'.format(255, 5, 8)", "'{:*^10}'.format('mid')", "'{{}} {}'.format(1)", "'{'.format()", "'{} {}'.format(1)", "'{:.3}'.format('abcdef')",
           "'{:e} {:g} {}'.format(12345.678, 0.0001, 1e16)", "'{:.3f}'.format(2.0005)", "'{:d}'.format('x')", "'{:10.3g}|'.format(3.14159)", "'{!s:>5}'.format(none)", "'{:>{}}'.format('a', 4)",
           "'%s' % html|safe", "('<b>%s</b>'|safe) % html", "('<i>'|safe) + html", "html + ('<i>'|safe)", "('{}'|safe).format(html)", "['<', ('>'|safe)]|join('&')", "('<'|safe) ~ html", "(html|e)|upper"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, choices):
        return self.random.choice(choices)

    def expression(self, depth=3):
        kind = self.random.random()
        if depth == 0 or kind < 0.12:
            return self.pick(ATOMS)
        inner = self.expression(depth - 1)
        if kind < 0.42:
            return f"({inner})|{self.pick(FILTERS).replace('value', self.pick(ATOMS))}"
        if kind < 0.58:
            return f"({inner}).{self.pick(METHODS)}"
        if kind < 0.68:
            return f"({inner}){self.pick(SLICES)}"
        if kind < 0.76:
            return f"({inner}) is {self.pick(['', '', 'not '])}{self.pick(TESTS)}"
        if kind < 0.92:
            return f"({inner}) {self.pick(BINARY)} ({self.expression(depth - 1)})"
        if kind < 0.94:
            return f"({inner}) if ({self.expression(depth - 1)}) else ({self.expression(depth - 1)})"
        if kind < 0.96:
            return f"[{inner}, {self.expression(depth - 1)}]"
        if kind < 0.98:
            return f"{{'k': {inner}, 'l': {self.expression(depth - 1)}}}"
        return self.pick(["-", "+", "not "]) + f"({inner})"

    def white(self):
        return self.pick(["", "", " ", "\n", "\n  ", "  \n", "text", " a\n b "])

    def sign(self):
        return self.pick(["", "", "", "-", "+"])

    def tag(self, words):
        return f"{self.white()}{{%{self.sign()} {words} {self.pick(['', '', '-', '+'])}%}}{self.white()}"

    def block(self, depth):
        return "".join(self.statement(depth) for _ in range(self.random.randint(1, 3)))

    def statement(self, depth):
        kind = self.random.random()
        if depth == 0 or kind < 0.3:
            return f"{self.white()}{{{{{self.pick(['', '', '-'])} {self.small()} {self.pick(['', '', '-'])}}}}}{self.white()}"
        if kind < 0.45:
            name = self.pick(["a", "b", "s", "n", "x"])
            return self.tag(f"set {name} = {self.small()}")
        if kind < 0.58:
            middle = self.pick(["", self.tag("else") + self.block(depth - 1),
                                self.tag(f"elif {self.small()}") + self.block(depth - 1) + self.tag("else") + self.block(depth - 1)])
            return self.tag(f"if {self.small()}") + self.block(depth - 1) + middle + self.tag("endif")
        if kind < 0.8:
            over = self.pick(["xs", "words", "rows", "d", "nothing", "s", "range(3)", "[[1, [2]], [3]]", "words|map('upper')", "mixed", "missing", "n"])
            only = self.pick(["", "", "", " if x", " if loop", " if x is string", " if x != 1"])
            otherwise = self.pick(["", "", self.tag("else") + self.block(depth - 1)])
            return self.tag(f"for x in {over}{only}") + self.loop_body(depth - 1) + otherwise + self.tag("endfor")
        if kind < 0.84:
            return self.tag("for k, v in d.items()") + "{{ k }}={{ v }};{{ loop.index }}" + self.tag("endfor")
        if kind < 0.88:
            return (self.tag(f"macro m(a, b={self.small()}, *)".replace(", *", "")) + self.block(depth - 1) + "{{ varargs }}{{ kwargs }}" + self.tag("endmacro") +
                    "{{ m(" + self.pick(["", "1", "1, 2", "b=3", "1, 2, 3, q=4", "*xs", "**{'a': 1}"]) + ") }}")
        if kind < 0.91:
            return self.tag(f"with a = {self.small()}, b = a") + self.block(depth - 1) + self.tag("endwith")
        if kind < 0.94:
            return self.tag(f"set a{self.pick(['', ' | upper', ' | trim | length'])}") + self.block(depth - 1) + self.tag("endset")
        if kind < 0.96:
            return self.tag("filter upper") + self.block(depth - 1) + self.tag("endfilter")
        if kind < 0.97:
            return self.tag("generation") + self.block(depth - 1) + self.tag("endgeneration")
        if kind < 0.98:
            return f"{self.white()}{{#{self.sign()} a comment {self.sign()}#}}{self.white()}"
        return (f"{self.white()}{{%{self.sign()} raw {self.pick(['', '-'])}%}} {{{{ no }}}}\n{{%{self.sign()} endraw {self.pick(['', '-', '+'])}%}}{self.white()}")

    def loop_body(self, depth):
        looks = self.pick(["{{ x }}", "{{ loop.index }}/{{ loop.length }}", "{{ loop.first }}{{ loop.last }}", "{{ loop.previtem }}|{{ loop.nextitem }}", "{{ loop.revindex0 }}",
                           "{{ loop.cycle('a', 'b') }}", "{{ loop.changed(x) }}", "{{ loop.depth }}", "{% if loop.index > 2 %}{% break %}{% endif %}", "{% if loop.first %}{% continue %}{% endif %}.",
                           "{% set s = x %}{{ s }}", "{% set ns.v = x %}", "{{ a }}{% set a = loop.index0 %}{{ a }}"])
        return looks + self.block(depth)

    def small(self):
        names = ["a", "b", "x", "ns.v", "loop.index"]
        return self.pick(names) if self.random.random() < 0.35 else self.expression(self.pick([0, 1, 2]))


def expressions(count, seed):
    maker = Maker(seed)
    made = [{"source": "{{ " + one + " }}", "variables": VARIABLES} for one in FORMATS]
    return made + [{"source": "{{ " + maker.expression() + " }}", "variables": VARIABLES} for _ in range(count - len(made))]


def templates(count, seed):
    maker = Maker(seed)
    return [{"source": "{% set ns = namespace(v=0) %}" + maker.block(3) + "{{ ns.v }}\n", "variables": VARIABLES} for _ in range(count)]


# Not among them, since ours differs: attributes of numbers (`n.real`), str.encode, slices of a range (a list here), `self`,
# and strings that are no Unicode ('\\ud800').
WRITTEN = [
    "{% for x in [[1,[2,[3]]],[4]] recursive %}{% if x is iterable %}<{{ loop(x) }}>{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% macro f(x) %}[{{ x }}{% if caller is defined %}{{ caller(x, 2) }}{% endif %}]{% endmacro %}{% call(a, b) f(1) %}{{ a }}+{{ b }}{% endcall %}{{ f(3) }}",
    "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f() }}{{ f(1, 2) }}",
    "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=2) }}{{ f(b=3) }}{{ f.name }}",
    "{% macro f(a) %}{{ a.b }}{% endmacro %}{{ f() }}",
    "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 10 %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set ns = namespace(n=0, **{'q': 2}) %}{% for i in xs %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.q }}{{ ns.z is defined }}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.b }}{{ ns.b.c }}", "{% set d.a = 1 %}", "{% set ns = namespace({'a': 1}) %}{{ ns.a }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, (e, g)) = (1, (2, 3)) %}{{ c }}{{ e }}{{ g }}", "{% set a, b = 1 %}", "{% set a, b = [1] %}", "{% set a = 1, 2 %}{{ a }}",
    "{{ 1 if false }}|{{ (1 if false) is undefined }}", "{{ missing }}|{{ missing is defined }}", "{{ missing.x }}", "{{ d.missing.x }}", "{{ d.missing }}", "{{ missing|length }}{{ missing|list }}",
    "{{ missing == missing2 }}{{ missing in [1] }}{{ 1 in missing }}{{ not missing }}", "{{ missing + 1 }}", "{{ missing ~ 1 }}", "{{ -missing }}", "{{ missing() }}", "{{ missing|tojson }}", "{{ missing|string }}",
    "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for a, b in xs %}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}{{ loop.length }}{{ x }},{% else %}none{% endfor %}", "{% for x in xs if x > 9 %}{% else %}none{% endfor %}",
    "{% for x in xs %}{{ loop.nextitem is defined }}{{ loop.previtem is defined }}{% endfor %}", "{% for x in xs %}{{ loop.changed(x % 2) }}{% endfor %}",
    "{% for x in xs %}{% for y in words %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{{ loop }}", "{{ loop is defined }}", "{% set loop = 1 %}{{ loop }}", "{% for loop in xs %}{% endfor %}",
    "{% for x in xs %}{% set loop = 2 %}{% endfor %}", "{% break %}", "{% for x in xs %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in xs %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
    "{% set ns = namespace(done=false) %}{% for x in xs if not ns.done %}{{ x }}{% if x == 1 %}{% set ns.done = true %}{% endif %}{% endfor %}",
    "  {% if true %}\n    a\n  {% endif %}\n  b", "  {%+ if true %}\n    a\n  {%+ endif +%}\n  b", "a  {%- if true -%}  b  {%- endif -%}  c", "a {{- ' b ' -}} c", "a\n {#- x -#} \n b", "{# x #}\n  {# y #}\nz", "{#+ x +#}\nz",
    "a\n\n  {% set x = 1 %}\n\n  {{ x }}\n", "a\r\nb\rc\n\n", "x{% raw %}\n {{ a }} {% b %}\n{% endraw %}\ny", "  {%- raw -%}  {{ a }}  {%- endraw -%}  y", "{% raw %}a", "{# a", "{{ 'a", "{{ a", "{% if a", "{% if true %}a", "{% endif %}",
    "{{ 'a' 'b' \"c\" }}", "{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 3 > 2 == 2 }}", "{{ 2 ** 3 ** 2 }}{{ -2 ** 2 }}{{ 2 ** -1 }}", "{{ 7 // 2 }}{{ -7 // 2 }}{{ 7 % -3 }}{{ -7.5 % 2 }}{{ 7.5 // -2 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}{{ 1 % 0 }}",
    "{{ 1e16 }}{{ 1e15 }}{{ 123456789012345.678 }}{{ 1e-5 }}{{ 0.0001 }}{{ -0.0 }}{{ 1e22 }}{{ 5e-324 }}", "{{ 0.1 + 0.2 }}{{ 1/3 }}{{ 2/2 }}{{ 10/4 }}", "{{ true + true }}{{ true * 3 }}{{ 'ab' * 3 }}{{ 2 * [1] }}{{ [1] + [2] }}{{ (1,) + (2,) }}",
    "{{ [1] + (2,) }}", "{{ 'a' + 1 }}", "{{ 'a' < 1 }}", "{{ [1, 2] < [1, 3] }}{{ (1, 'a') < (1, 'b') }}", "{{ {'a': 1} == {'a': 1.0} }}{{ {1: 'x', True: 'y', 1.0: 'z'} }}", "{{ {[1]: 2} }}",
    "{{ x is not defined and not y is defined }}", "{{ not 1 in [1] }}{{ 1 not in [1] }}", "{{ 3 is divisibleby 3 is true }}", "{{ n is eq 7 and n is not odd or true }}", "{{ 'abc' is in 'xabcx' }}", "{{ n|string|length }}", "{{ -n|abs }}{{ (-n)|abs }}",
    "{{ [1, 2, 3][1:][::-1][0] }}", "{{ 'héllo'[1] }}{{ 'héllo'[::-1] }}{{ '日本語'[1:] }}", "{{ range(5) }}{{ range(1, 10, 3)|list }}{{ range(3)|length }}", "{{ range(100001) }}", "{{ range(0, 5, 0) }}",
    "{{ d|items }}", "{{ d|items|list }}", "{{ d.items()|list }}{{ d.items() }}{{ d.keys() }}{{ d.values() }}", "{{ d.items()[0] }}", "{{ xs|map('string')|join }}{{ xs|map(attribute='a')|list }}", "{{ xs|map }}", "{{ xs|map|list }}", "{% set g = xs|map('string') %}{{ g|list }}{{ g|list }}",
    "{{ ''.join([]) }}{{ 'a'.join('xyz') }}{{ ', '.join(['a', 1]) }}", "{{ dict(a=1, b=2) }}{{ dict([('x', 1)]) }}{{ dict({'a': 1}, b=3) }}", "{% set j = joiner('|') %}{{ j() }}a{{ j() }}b{{ j() }}", "{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.current }}",
    "{{ raise_exception('no') }}", "{{ strftime_now('%d %B %Y, %H:%M:%S %A %j %y %%') }}", "{{ lipsum() }}", "{% include 'x' %}", "{% if false %}{% include 'x' %}{% endif %}ok", "{% import 'x' as y %}", "{% extends 'x' %}",
    "{{ xs.append(1) }}", "{{ xs.append }}", "{{ d.pop('a') }}", "{{ d.update({}) }}", "{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ d._x }}{{ {'_x': 1}._x }}",
    "{% if x is nosuch %}{% endif %}", "{% if false %}{{ x|nosuch }}{% endif %}ok", "{{ x|nosuch if false }}ok", "{% if false %}{% for i in xs %}{{ x|nosuch }}{% endfor %}{% endif %}ok", "{{ x|nosuch }}", "{{ 'upper' is filter }}{{ 'nosuch' is filter }}{{ 'odd' is test }}",
    "{% filter upper|replace('A', 'b') %}xay{% endfilter %}", "{% set x | upper %}abc{{ n }}{% endset %}{{ x }}", "{% set x %}{% set y = 1 %}{% endset %}{{ y }}", "{% with %}{% set y = 1 %}{{ y }}{% endwith %}{{ y }}", "{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}",
    "{% generation %}{% set y = 1 %}{{ y }}{{ n }}{% endgeneration %}{{ y }}", "{% for x in xs %}{% generation %}{{ x }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% for x in xs %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% print 1, 'a' %}", "{% do x %}", "{% block a %}b{% endblock %}",
    "{{ 'a\\\nb' }}{{ '\\101\\x41\\u0041\\U00000041' }}{{ '\\q\\'' }}", "{{ '\\x4' }}", "{{ 012 }}", "{{ 1__0 }}", "{{ 0b101 }}{{ 0o17 }}{{ 0XfF }}{{ 1_0.5_0 }}{{ 1E3 }}", "{{ d.n.k.1.z }}", "{{ xs.0 }}{{ xs.1 }}", "{{ a.b.c }}", "{{ (1, 2, 3,) }}{{ () }}{{ [1,] }}{{ {'a': 1,} }}",
    "{{ xs[1, 2] }}", "{{ f(1)(2) }}", "{{ n|default(1) + 1 }}", "{{ '%s' % (1,) ~ 'a' }}", "{{ {} }}{{ {'a': [1, {'b': none}]} }}{{ ['it\\'s', '\"', '\\n\\t\\x00\\u200b'] }}", "{{ [missing] }}", "{{ u|upper }}{{ u|lower }}{{ u|title }}{{ u|capitalize }}{{ 'ΑΣ ΣΑΣ'|lower }}{{ 'ǆ ﬁ ŉ ΐ'|upper }}{{ 'ǆ ﬁx'.title() }}",
    "{{ [1, 2.5, 'a', true, none, {'k': 'ü'}]|tojson }}{{ {'b': 1, 'a': {}}|tojson(indent=1) }}{{ []|tojson(indent=2) }}{{ '</script>\\u2028\\x7f'|tojson }}{{ {1: 2, none: 3, true: 4, 1.5: 6}|tojson }}{{ 1e400|tojson }}{{ (1, 2)|tojson }}", "{{ d.keys()|tojson }}", "{{ range(3)|tojson }}", "{{ xs|map('string')|tojson }}",
    "{{ tools|tojson(indent=4) }}", "{{ s|tojson(true) }}{{ d|tojson(indent='--') }}{{ d|tojson(indent=0) }}{{ d|tojson(indent=-1) }}{{ xs|tojson(indent=true) }}", "{% if xs %}{% elif %}{% endif %}", "{%if n%}a{%endif%}", "{%- if n: -%} a {%- endif -%}", "{{ n }}}}", "{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': {'b': {}}}}}", "{{ '}}' }}{{ \"%}\" }}", "a{%- raw %} b {% endraw -%} c",
    "{{ 9223372036854775807 + 1 }}", "{{ 9223372036854775808 }}", "{{ '3.7'|int }}{{ 'x'|int(4) }}{{ '0x1A'|int(base=16) }}{{ ' 12 '|int }}{{ '1_0'|int }}{{ none|int }}{{ 3.99|int }}{{ true|int }}{{ '1e3'|int }}", "{{ 'inf'|float }}{{ '-inf'|float }}{{ 'nan'|float }}{{ ' 1.5 '|float }}{{ 'x'|float }}{{ [] |float }}", "{{ 'inf'|int }}",
    "{{ 2.5|round }}{{ 3.5|round }}{{ 2.675|round(2) }}{{ 5|round }}{{ 15|round(-1) }}{{ 25|round(-1) }}{{ 1234.5|round(-2) }}{{ 2.1|round(method='ceil') }}{{ -2.1|round(0, 'floor') }}{{ 1.55|round(1, 'ceil') }}", "{{ words|sort }}{{ words|sort(true) }}{{ words|sort(case_sensitive=true) }}{{ mixed|sort }}", "{{ rows|groupby('tag')|list }}", "{% for g in rows|groupby('tag') %}{{ g.grouper }}{{ g.list|length }}{{ g[0] }}{% endfor %}{% for k, l in rows|groupby('age') %}{{ k }}{{ l|map(attribute='name')|join }}{% endfor %}",
]


def written():
    return [{"source": source, "variables": VARIABLES} for source in WRITTEN]
