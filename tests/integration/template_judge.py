"""What chat templates mean: Jinja itself, set up as Hugging Face's transformers do it.

A program, for Debian's Python and its python3-jinja2, whatever Python runs the tests: one JSON object a line comes in,
{"source": …, "variables": …}; one a line goes out, {"text": …} or {"error": …}.
"""

import datetime
import json
import sys
import warnings

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

CLOCK = datetime.datetime(2024, 7, 26, 14, 5, 9)


class Generation(Extension):
    """{% generation %}: marks what a model said; in rendering, a call block that prints its body."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_print"), [], [], body).set_lineno(line)

    def _print(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = CLOCK.strftime
    return made


PARSED = {}


def answer(judge, question):
    try:
        source = question["source"]
        if source not in PARSED:
            PARSED[source] = judge.from_string(source)
        return {"text": PARSED[source].render(**question["variables"])}
    except Exception as error:  # whatever Python raises: a template that fails, fails
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    warnings.simplefilter("ignore")
    judge = environment()
    for line in sys.stdin:
        print(json.dumps(answer(judge, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
