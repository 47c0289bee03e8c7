"""Measures a language model behind berthd beside llama.cpp on the same weights: `scripts/dev bench llm`.

The model has the shape of Qwen2-0.5B and random weights in bfloat16 (`llm/make_model.py`). berthd and one berth-worker
with two compute threads are asked over HTTP, /v1/completions with token ids; llama.cpp runs by node-llama-cpp, prebuilt,
also with two threads, as a library: no HTTP, no JSON, nobody else waits for it.

- prefill: tokens per second of a prompt, up to its first token.
- decode k: tokens per second of k sequences together, from the difference between many tokens and one, so that prefill
  does not count.

The rounds are interleaved (berth, llama.cpp, berth, …) and what is compared is the ratio within a round; medians are
shown. The share of the floor is what decoding one sequence reads (every weight once a token) over what this machine
reads from memory with two threads in the same round. Exits with 1 when a target is missed.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from harness import BIN, Daemon, model  # noqa: E402, F401

HERE = Path(__file__).resolve().parent
THREADS = 2
CONTEXT = 512
MOST_SEQUENCES = 16
PROMPT = 256
SHORT_PROMPT = 16  # of the sequences that decode: what came before hardly counts
MOST_RATIO = 1.5   # llama.cpp's decode rate over ours


class Peer:
    """The peer's process."""

    def __init__(self, node, gguf):
        self.process = subprocess.Popen(
            ["node", str(node / "peer.js"), str(gguf), str(THREADS), str(CONTEXT), str(MOST_SEQUENCES)], cwd=node,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("llama.cpp ended")
        return json.loads(line)

    def seconds(self, prompts, tokens):
        self.process.stdin.write(json.dumps({"prompts": prompts, "tokens": tokens}) + "\n")
        self.process.stdin.flush()
        return self.answer()["seconds"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)


class Berth:
    def __init__(self, daemon):
        self.daemon = daemon

    def seconds(self, prompts, tokens):
        body = {"model": "m", "prompt": prompts, "max_tokens": tokens, "temperature": 0, "ignore_eos": True}
        began = time.monotonic()
        answer = self.daemon.request("POST", "/v1/completions", body, timeout=600)
        took = time.monotonic() - began
        if answer.status != 200:
            sys.exit(f"berth refused: {answer.body}")
        made = answer.json()["usage"]["completion_tokens"]
        if made != tokens * len(prompts):
            sys.exit(f"berth made {made} tokens of {tokens * len(prompts)}")
        return took


class Prompts:
    """Prompts that nobody has seen: a prefix cache is of no use."""

    def __init__(self, vocabulary):
        self.random, self.vocabulary = random.Random(1), vocabulary

    def make(self, count, length):
        return [[self.random.randrange(300, self.vocabulary - 1) for _ in range(length)] for _ in range(count)]


def memory_rate(size=1 << 29, times=5):
    """Bytes per second that two threads read from memory: the best of some sums over more than any cache holds."""
    halves = [numpy.ones(size // 4 // THREADS, numpy.float32) for _ in range(THREADS)]
    best = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(times):
            began = time.monotonic()
            list(pool.map(lambda half: numpy.dot(half, half), halves))
            best = max(best, size / (time.monotonic() - began))
    return best


def prefill(side, prompts):
    return PROMPT / side.seconds(prompts.make(1, PROMPT), 1)


def decode(side, prompts, sequences, tokens):
    one = side.seconds(prompts.make(sequences, SHORT_PROMPT), 1)
    many = side.seconds(prompts.make(sequences, SHORT_PROMPT), tokens + 1)
    return sequences * tokens / (many - one)


def measure(berth, peer, prompts, weights_bytes, options):
    kinds = {"prefill 256": prefill}
    for sequences in (1, 4, 16):
        kinds[f"decode {sequences}"] = lambda side, p, k=sequences: decode(side, p, k, options.tokens)
    rounds = []
    for number in range(options.rounds + 1):
        one = {name: (measure(berth, prompts), measure(peer, prompts)) for name, measure in kinds.items()}
        one["floor"] = one["decode 1"][0] * weights_bytes / memory_rate()
        if number > 0:  # the first warms both
            rounds.append(one)
    return list(kinds), rounds


def report(kinds, rounds):
    print("| | berth, tokens/s | llama.cpp, tokens/s | ratio |\n|---|---|---|---|")
    ratios = {}
    for name in kinds:
        ours, theirs = (statistics.median(one[name][side] for one in rounds) for side in (0, 1))
        ratios[name] = statistics.median(one[name][0] / one[name][1] for one in rounds)
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {ratios[name]:.2f} |", flush=True)
    print(f"\ndecode 1 reads at {statistics.median(one['floor'] for one in rounds):.0%} of what this machine reads from memory")
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder that llm/make_model.py has written")
    parser.add_argument("--node", type=Path, required=True, help="folder with peer.js and node-llama-cpp in node_modules")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=48, help="decoded in each measurement")
    options = parser.parse_args()
    source = options.model.resolve()
    config = json.loads((source / "config.json").read_text())
    plan = model("m", kind="llm", source=str(source), memory="3GiB", threads=THREADS, context=CONTEXT,
                 max_sequences=MOST_SEQUENCES)
    prompts = Prompts(config["vocab_size"])
    weights = (source / "model.safetensors").stat().st_size
    with Daemon(plan, worker="berth-worker") as daemon, Peer(options.node.resolve(), source / "model.gguf") as peer:
        ratios = report(*measure(Berth(daemon), peer, prompts, weights, options))
    least = 1 / MOST_RATIO
    met = ratios["decode 1"] >= least
    print(f"{'met   ' if met else 'MISSED'}  decode 1: {ratios['decode 1']:.2f} of llama.cpp's rate (at least {least:.2f})")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
