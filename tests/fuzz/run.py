#!/usr/bin/env python3
"""Runs the fuzzers and says what they found: `scripts/dev fuzz [NAME...] [--seconds N]`.

Each fuzzer starts from its corpus (tests/fuzz/corpus/NAME), the seeds made from the tests' tables, and what earlier
runs left in build/fuzz/work/NAME. Seconds are the processor's: on a busy machine a fuzzer takes longer, and tries as
much. A finding is written below build/fuzz/findings, with how to repeat it. `--keep` adds what was learned to the corpus,
minimised. Exit status 1 when something was found, or when a fuzzer could not have its seconds.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
LONGEST_INPUT = 65536
LONGEST_KEPT = 2048  # of an input that becomes part of the corpus
# What one input may allocate.
MOST_MIB = 1024
MOST_MIB_AT_ONCE = 256
PROGRESS_EVERY = 10
LOOK_EVERY = 0.2
# A second of the processor may take so many of the clock before a fuzzer is ended without having had its own.
SLOWEST = 30
# By the clock, for what hangs; libfuzzer.cc allows ten seconds of the processor.
CLOCK_SECONDS_PER_INPUT = 10 * SLOWEST
SANITIZERS = {
    # The quarantine of freed memory would count against the limit.
    "ASAN_OPTIONS": "quarantine_size_mb=16:detect_stack_use_after_return=1:allow_addr2line=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:allow_addr2line=1",
}


@dataclass
class Run:
    name: str
    executions: int = 0
    coverage: int = 0
    inputs: int = 0
    seconds: float = 0  # of the processor
    findings: list = field(default_factory=list)
    said: str = ""


def processor_seconds(pid):
    """What a process that nobody has reaped yet has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Fuzzers:
    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds
        self.findings = build / "findings"
        self.findings.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.environment = {**os.environ, **SANITIZERS}
        subprocess.run([build / "bin/fuzz-seeds", HERE.parents[1], build / "seeds"], check=True)

    def names(self):
        return sorted(path.name.removesuffix("_fuzz.cc") for path in HERE.glob("*_fuzz.cc"))

    def program(self, name):
        return self.build / "bin" / f"fuzz_{name}"

    def folders(self, name):
        """Where a fuzzer writes what it learns, and what it reads besides."""
        work = self.build / "work" / name
        work.mkdir(parents=True, exist_ok=True)
        others = [HERE / "corpus" / name, self.build / "seeds" / name]
        return [str(folder) for folder in [work, *others] if folder.is_dir()]

    def say(self, line):
        with self.lock:
            print(line, flush=True)

    def command(self, name):
        command = [str(self.program(name)), f"-max_total_time={self.seconds * SLOWEST}", f"-max_len={LONGEST_INPUT}",
                   f"-timeout={CLOCK_SECONDS_PER_INPUT}", f"-rss_limit_mb={MOST_MIB}", f"-malloc_limit_mb={MOST_MIB_AT_ONCE}",
                   f"-artifact_prefix={self.findings}/{name}-", "-print_final_stats=1"]
        dictionary = HERE / "dictionaries" / f"{name}.dict"
        if dictionary.exists():
            command.append(f"-dict={dictionary}")
        return command + self.folders(name)

    def run(self, name):
        run = Run(name)
        process = subprocess.Popen(self.command(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=self.environment, cwd=self.findings)
        ended = threading.Event()
        watch = threading.Thread(target=self.watch, args=(run, process.pid, ended))
        watch.start()
        kept = []  # from the first sign of a finding on
        for line in process.stdout:
            self.take(run, line)
            if kept or re.search(r"ERROR:|property broken|runtime error|WARNING:.*leak", line):
                kept.append(line)
        ended.set()  # before it is reaped: until then its pid is its own
        watch.join()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        run.seconds = used.ru_utime + used.ru_stime
        if process.returncode != 0:
            run.said = "".join(kept[:80]) or f"exit status {process.returncode}\n"
            run.findings = run.findings or ["(no input was written)"]
        return run

    def watch(self, run, pid, ended):
        """Tells how far a fuzzer is, and asks it to end once it has had its seconds."""
        began = told = time.monotonic()
        while not ended.wait(LOOK_EVERY):
            used = processor_seconds(pid)
            if used >= self.seconds:
                os.kill(pid, signal.SIGUSR1)  # libFuzzer finishes the input at hand and exits with 0
                return
            if time.monotonic() - told >= PROGRESS_EVERY:
                told = time.monotonic()
                self.say(f"{run.name:<14} {used:4.0f} s in {told - began:4.0f}  {run.executions:>9} executions, "
                         f"coverage {run.coverage}")

    def take(self, run, line):
        if found := re.match(r"#(\d+)\t", line):
            run.executions = int(found.group(1))
        if found := re.search(r" cov: (\d+) ", line):
            run.coverage = int(found.group(1))
        if found := re.search(r" corp: (\d+)/", line):
            run.inputs = int(found.group(1))
        if found := re.match(r"stat::number_of_executed_units: (\d+)", line):
            run.executions = int(found.group(1))
        if found := re.search(r"Test unit written to (\S+)", line):
            run.findings.append(found.group(1))

    def report(self, run):
        if not run.findings:
            return
        self.say(f"\n{run.name}: FOUND\n{run.said}")
        for finding in run.findings:
            self.say(f"  repeat it with: {self.program(run.name)} {finding}")

    def keep(self, name):
        corpus = HERE / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        merged = self.build / "merged" / name
        subprocess.run(["rm", "-rf", merged], check=True)
        merged.mkdir(parents=True)
        # By what is reached, not how often: a corpus of some hundred short files.
        command = [self.program(name), "-set_cover_merge=1", "-use_counters=0", f"-max_len={LONGEST_KEPT}", merged,
                   *self.folders(name)]
        merge = subprocess.run(command, env=self.environment, capture_output=True, text=True, errors="replace")
        if merge.returncode != 0:
            sys.exit(f"{name}: cannot merge what was learned:\n{merge.stderr[-2000:]}")
        for old in corpus.iterdir():
            old.unlink()
        for new in merged.iterdir():
            (corpus / new.name).write_bytes(new.read_bytes())
        self.say(f"{name:<14} {len(list(corpus.iterdir()))} inputs kept in {corpus}")


def table(runs):
    print(f"\n{'FUZZER':<14}  {'SECONDS':>7}  {'EXECUTIONS':>10}  {'PER SECOND':>10}  {'COVERAGE':>8}  {'CORPUS':>6}  FINDINGS")
    for run in runs:
        rate = run.executions / run.seconds if run.seconds else 0
        print(f"{run.name:<14}  {run.seconds:>7.0f}  {run.executions:>10}  {rate:>10.0f}  {run.coverage:>8}  "
              f"{run.inputs:>6}  {len(run.findings)}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/dev fuzz", description="Runs the fuzzers.")
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these fuzzers; all of them without")
    parser.add_argument("--seconds", type=int, default=20, help="of the processor's time for each (20)")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time (2)")
    parser.add_argument("--keep", action="store_true", help="afterwards add what was learned to the corpora, minimised")
    arguments = parser.parse_args()
    fuzzers = Fuzzers(arguments.build.resolve(), arguments.seconds)
    names = arguments.names or fuzzers.names()
    unknown = sorted(set(names) - set(fuzzers.names()))
    if unknown:
        sys.exit(f"no fuzzer {', '.join(unknown)}; there are: {', '.join(fuzzers.names())}")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(fuzzers.run, names))
    for run in runs:
        fuzzers.report(run)
    table(runs)
    if arguments.keep:
        for name in names:
            fuzzers.keep(name)
    starved = [run.name for run in runs if not run.findings and run.seconds < arguments.seconds]
    if starved:
        print(f"without their {arguments.seconds} s of the processor: {', '.join(starved)}")
    return 1 if starved or any(run.findings for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
