#!/usr/bin/env python3
"""Runs clang-tidy over the files that a build folder compiles: `scripts/dev lint [FILE...]`.

A header among the given files stands for the source files that include it. A file without findings is not checked
again until it, a header of the project that it includes, or .clang-tidy changes. Prints each finding once; exit
status 1 when there is one.
"""

import concurrent.futures
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIDY = "clang-tidy-19"
INCLUDE = re.compile(r'(?m)^#include "([^"]+)"')


class Sources:
    """The project's own files that are compiled, and what they include of it."""

    def __init__(self, build):
        self.build = build
        entries = json.loads((build / "compile_commands.json").read_text())
        self.commands = {Path(one["file"]).relative_to(ROOT): one["command"] for one in entries}
        self.closures = {}
        self.clean = build / "lint"
        self.clean.mkdir(exist_ok=True)

    def closure(self, path):
        """`path` and all that it includes, directly or not."""
        if path not in self.closures:
            self.closures[path] = {path}
            for name in INCLUDE.findall((ROOT / path).read_text()):
                included = Path(name)
                if (ROOT / included).is_file():
                    self.closures[path] |= self.closure(included)
        return self.closures[path]

    def meant(self, names):
        """The files that `names` ask for; all when there are none."""
        wanted = {Path(name).resolve().relative_to(ROOT) for name in names}
        return sorted(path for path in self.commands if not names or wanted & self.closure(path))

    def mark(self, path):
        """The file that stands for `path` being clean as it is now."""
        state = hashlib.sha256(self.commands[path].encode() + (ROOT / ".clang-tidy").read_bytes())
        for part in sorted(self.closure(path)):
            state.update((ROOT / part).read_bytes())
        return self.clean / state.hexdigest()


def check(sources, path):
    """What clang-tidy prints about the file; nothing when it is clean."""
    mark = sources.mark(path)
    if mark.exists():
        return ""
    done = subprocess.run([TIDY, "--quiet", "-p", str(sources.build), str(path)], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    if done.returncode == 0:
        mark.touch()
        return ""
    return done.stdout or done.stderr


def findings(output):
    """Each finding with its notes, without the root's path."""
    parts = re.split(r"(?m)^(?=\S+:\d+:\d+: (?:warning|error): )", output.replace(f"{ROOT}/", ""))
    return [part.strip() for part in parts if part.strip()]


def main():
    sources, jobs = Sources(ROOT / sys.argv[1]), int(sys.argv[2])
    files = sources.meant(sys.argv[3:])
    began = time.monotonic()
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for output in pool.map(lambda one: check(sources, one), files):
            for finding in findings(output):
                if finding not in seen:
                    print(finding, flush=True)
                seen.add(finding)
    print(f"lint: {len(seen)} findings in {len(files)} files, {time.monotonic() - began:.0f} s")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
