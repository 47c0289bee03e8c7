#!/usr/bin/env python3
"""Holds the structure of the code (STYLE in a machine's hands): `scripts/dev tidy`.

Checks the direction of includes between folders, that decision files stay pure (no asio, no process, no
file, no clock), that torch is included only where the design says, what coroutines take, and the size of files and
functions. Prints every breach as `file:line: what, and what to do`; exit status 1 when there is one.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 500
LONGEST_FUNCTION = 70  # from its name to its closing brace; a table at namespace level is no function

# Which folders a folder may include from, besides itself.
MAY_INCLUDE = {
    "supervisor/base": [],
    "worker/protocol": ["supervisor/base"],
    "worker/checkpoint": ["supervisor/base"],
    "config": ["supervisor/base"],
    "supervisor/observe": ["supervisor/base"],
    "supervisor/gpu": ["supervisor/base"],
    "supervisor/placement": ["supervisor/base", "config", "worker/checkpoint"],
    "supervisor/launch": ["supervisor/base", "config", "supervisor/placement", "supervisor/gpu", "supervisor/observe",
                          "worker/protocol"],
    "supervisor/route": ["supervisor/base", "config", "supervisor/launch", "supervisor/observe", "worker/protocol"],
    "supervisor/admin": ["supervisor/base", "config", "supervisor/placement", "supervisor/launch", "supervisor/route",
                         "supervisor/gpu", "supervisor/observe", "worker/protocol"],
    "supervisor/bench": ["supervisor/base", "worker/protocol"],
    "supervisor/cli": ["supervisor/base", "config", "supervisor/placement", "supervisor/gpu", "supervisor/bench",
                       "worker/protocol"],
    "worker/text": ["supervisor/base", "worker/checkpoint"],
    "worker/jinja": ["supervisor/base", "worker/text"],
    "worker/chat": ["supervisor/base", "worker/checkpoint", "worker/jinja"],
    "worker/metering": ["supervisor/base"],
    "worker/audio": ["supervisor/base", "worker/checkpoint", "worker/kernels"],
    "worker/weights": ["supervisor/base", "worker/checkpoint", "worker/kernels"],
    "worker/kernels": ["supervisor/base"],
    "worker/models": ["supervisor/base", "worker/checkpoint", "worker/weights", "worker/kernels"],
    "worker/decoder": ["supervisor/base", "worker/checkpoint", "worker/kernels", "worker/metering", "worker/engine"],
    "worker/speech": ["supervisor/base", "worker/checkpoint", "worker/kernels", "worker/metering", "worker/engine",
                      "worker/decoder", "worker/text", "worker/generation"],
    "worker/engine": ["supervisor/base", "worker/checkpoint", "worker/text", "worker/weights", "worker/models",
                      "worker/kernels", "worker/metering"],
    # Of the engine only what torch-free code may know: the face of a decoder, how jobs end.
    "worker/generation": ["supervisor/base", "worker/text", "worker/engine", "worker/metering"],
    "worker/serve": ["supervisor/base", "worker/protocol", "worker/checkpoint", "worker/text", "worker/engine",
                     "worker/metering"],
    "worker/embeddings": ["supervisor/base", "worker/protocol", "worker/checkpoint", "worker/text", "worker/engine",
                          "worker/metering", "worker/serve"],
    "worker/transcription": ["supervisor/base", "worker/protocol", "worker/text", "worker/audio", "worker/metering",
                             "worker/engine", "worker/serve", "worker/speech"],
    "worker/completions": ["supervisor/base", "worker/protocol", "worker/checkpoint", "worker/text", "worker/engine",
                           "worker/metering", "worker/generation", "worker/chat", "worker/serve"],
}
MAY_INCLUDE_TORCH = ("worker/weights", "worker/models", "worker/engine", "worker/kernels", "tests/unit/engine")
TORCH = re.compile(r"<(ATen|torch|c10)/")

# Files that decide and do not act.
PURE = ["supervisor/placement/*", "supervisor/gpu/inventory.*", "supervisor/gpu/tenancy.*", "supervisor/gpu/news.*", "supervisor/launch/gpu_place.*", "supervisor/launch/step.*", "supervisor/launch/restart_policy.*",
        "supervisor/launch/exit_cause.*", "supervisor/launch/life*", "supervisor/launch/schedule.*",
        "supervisor/launch/turn.*", "supervisor/launch/vitals.*", "supervisor/launch/gpu_place.*", "supervisor/launch/model_summary.*",
        "supervisor/route/pick.*", "supervisor/route/router.*", "supervisor/route/form_model.*",
        "supervisor/route/retry_budget.*", "supervisor/admin/gpu_devices.*", "worker/engine/batcher.*",
        "worker/generation/block_pool.*", "worker/generation/scheduler.*", "worker/generation/sampler.*",
        "worker/generation/stop_matcher.*", "worker/generation/cache_plan.*", "worker/audio/pieces.*", "worker/audio/mel.*",
        "worker/audio/power_spectrum.*", "worker/speech/decoding/*"]
IMPURE = re.compile(r"<(boost/asio|boost/process|fstream|sys/|unistd|fcntl|thread|mutex)|Clock::now|system_clock")


def sources():
    listed = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split()]


def folder_of(path):
    return next((folder for folder in MAY_INCLUDE if str(path).startswith(folder + "/")), None)


def check_includes(path, lines):
    here = folder_of(path)
    for number, line in enumerate(lines, 1):
        found = re.match(r'#include "([^"]+)"', line)
        there = folder_of(found.group(1)) if found else None
        if here and there and there != here and there not in MAY_INCLUDE[here]:
            yield f"{path}:{number}: {here} may not include {there}; move the code, or reverse the dependency"
        if TORCH.search(line) and not str(path).startswith(MAY_INCLUDE_TORCH):
            yield f"{path}:{number}: torch is for {', '.join(MAY_INCLUDE_TORCH)} alone"


def check_pure(path, lines):
    if not any(path.match(pattern) for pattern in PURE):
        return
    for number, line in enumerate(lines, 1):
        if IMPURE.search(line):
            yield f"{path}:{number}: this file decides and does not act; pass what it needs as an argument"


def check_size(path, lines):
    if len(lines) > LONGEST_FILE:
        yield f"{path}: {len(lines)} lines, {LONGEST_FILE} at most; is there a second idea in it?"


# What braces do not count in: comments, literals, preprocessor lines.
NO_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*\"|"""
                     r"""(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'|^[ \t]*\#(?:\\\n|[^\n])*""", re.S | re.M)
SCOPE = re.compile(r"(template\s*<.*>\s*)?(inline\s+)?(namespace|extern|class|struct|union|enum)\b(?!.*\)\s*$)", re.S)
LAMBDA = re.compile(r"\]\s*\([^;]*$")


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def begins_function(head):
    """Whether the text between the last ; { or } and an opening brace is a function's; not in a function."""
    name = head.split("(", 1)[0]
    if "(" not in head or SCOPE.match(head):
        return False
    return "=" not in name or "operator" in name or LAMBDA.search(head) is not None


def functions(text):
    """First line and number of lines of each function; lambdas and local classes count as part of theirs."""
    code = NO_CODE.sub(blank, text)
    head_at, depth, body_depth, start = 0, 0, None, 0
    for brace in re.finditer(r"[{};]", code):
        at, what = brace.start(), brace.group()
        depth += {"{": 1, "}": -1, ";": 0}[what]
        if body_depth is None:
            head = code[head_at:at]
            if what == "{" and begins_function(head.strip()):
                body_depth, start = depth, at - len(head.lstrip())
            else:
                head_at = at + 1
        elif what == "}" and depth < body_depth:
            body_depth = None
            # Else a member was initialised with braces, and the body is still to come.
            if not re.compile(r"\s*[,{]").match(code, at + 1):
                yield code.count("\n", 0, start) + 1, code.count("\n", start, at) + 1
                head_at = at + 1


def check_functions(path, lines):
    for first, count in functions("\n".join(lines)):
        if count > LONGEST_FUNCTION:
            yield (f"{path}:{first}: a function of {count} lines, {LONGEST_FUNCTION} at most; name its parts, or move "
                   f"its table out")


# A coroutine outlives the expression that calls it, and a temporary does not. So it takes values, T& and T* to what
# outlives it by construction, and const T& of our own types, which nobody makes in passing; none of these:
COROUTINE = re.compile(r"awaitable<[^;{}()]*>\s+[\w:]+\(([^;{}]*?)\)\s*(?:const|override|final|noexcept|=|;|\{)")
BINDS_TEMPORARY = re.compile(r"\b(?:\w*string_view|span<[^()]*>)\s|const std::[\w:]+(?:<[^()]*>)?\s*&|&&")


def check_coroutines(path, lines):
    text = NO_CODE.sub(blank, "\n".join(lines))
    for coroutine in COROUTINE.finditer(text):
        found = BINDS_TEMPORARY.search(coroutine.group(1))
        if found:
            line = text.count("\n", 0, coroutine.start()) + 1
            yield (f"{path}:{line}: \"{found.group().strip()}\" may be gone when the coroutine goes on; take a value, or "
                   f"T& from its owner")


# A table that says which test would notice what: each must be there.
NAMED_TEST = re.compile(r"`(?:(\w+)\.([A-Z]\w+)|(test_\w+\.py): (test_\w+))`")


def check_named_tests():
    table = "tests/README.md"
    unit = "\n".join(path.read_text() for path in (ROOT / "tests/unit").rglob("*_test.cc"))
    for number, line in enumerate((ROOT / table).read_text().splitlines(), 1):
        for suite, case, file, function in NAMED_TEST.findall(line):
            script = ROOT / "tests/integration" / file if file else None
            there = (f"def {function}(" in script.read_text() if script and script.exists() else
                     re.search(rf"TEST(?:_[FP])?\({suite}, {case}\)", unit) is not None)
            if not there:
                yield f"{table}:{number}: there is no test {suite + '.' + case if suite else file + ': ' + function}"


def main():
    breaches = [*check_named_tests()]
    for path in sources():
        if not (ROOT / path).exists():
            continue
        lines = (ROOT / path).read_text().splitlines()
        for check in (check_includes, check_pure, check_size, check_functions, check_coroutines):
            breaches += check(path, lines)
    print("\n".join(breaches) if breaches else "tidy: the structure holds")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
