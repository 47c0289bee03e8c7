"""Measures a worker behind berthd beside onnxruntime on the same weights: `scripts/dev bench embedding`.

The model has the shape of bge-small and random weights (`onnx/make_model.py`). berthd and one berth-worker with two
compute threads are asked over HTTP with texts that are exactly 32, 128 or 512 tokens; onnxruntime runs in a process
of its own, also with two threads, and is given the ids of the same texts. It is a library call: no HTTP, no JSON, no
tokenizer, no queue, no pooling, no normalising; nobody waits for it but its one caller. What is compared are whole
tokens per second, so all that berth does beside computing counts against berth.

- one client: one text per request, one request at a time, beside batches of one in onnxruntime.
- 64 clients: 64 requests at a time, beside onnxruntime's batches of 1,024 tokens, which is what the worker packs from
  them.

The rounds are interleaved (berth, onnxruntime, berth, …) and what is compared is the ratio within a round; medians are
shown. Where berth's time goes comes from the same rounds:

- outside: of the time that a client waits, what was not inference, by the worker's own histograms; with one client,
  since with many the waiting for others counts as inference of none.
- not compute: of the CPU time of berthd and berth-worker, what the two busiest threads of the worker, which compute,
  did not use: reading, checking, tokenising, queueing, writing.

Both must make the same vectors, else nothing is measured. Exits with 1 when a target is missed. Standard library only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from harness import BIN, Daemon, model  # noqa: E402

HERE = Path(__file__).resolve().parent
LENGTHS = [32, 128, 512]
PACKED_TOKENS = 1024  # what the worker computes at once
CLIENTS = 64
THREADS = 2
TEXTS = 256  # of each length
MOST_DIFFERENCE = 1e-4
LEAST_RATIO = {1: 0.8, CLIENTS: 0.8}  # of onnxruntime's tokens per second
CLS, SEP, FIRST_WORD = 2, 3, 5


class Onnxruntime:
    """The peer's process."""

    def __init__(self, node, model_path):
        self.process = subprocess.Popen(
            ["node", str(HERE / "onnx/serve.js"), str(model_path), str(THREADS)], cwd=node,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("onnxruntime ended")
        return json.loads(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)


class Texts:
    """Texts of a length, as ids and as requests."""

    def __init__(self, words, length, folder):
        count = len(words) - FIRST_WORD
        self.ids = [[CLS, *(FIRST_WORD + (i * 7919 + j * 104729) % count for j in range(length - 2)), SEP]
                    for i in range(TEXTS)]
        self.lines = [" ".join(words[id] for id in ids[1:-1]) for ids in self.ids]
        self.file = folder / f"requests-{length}.jsonl"
        self.file.write_text("".join(json.dumps({"model": "m", "input": line, "encoding_format": "base64"}) + "\n"
                                     for line in self.lines))


def cpu_by_thread(pid):
    """CPU seconds of each thread of a process."""
    tick = os.sysconf("SC_CLK_TCK")
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        found[task.name] = (int(fields[11]) + int(fields[12])) / tick
    return found


class Usage:
    """What the daemon and its worker have used between two moments."""

    def __init__(self, daemon):
        self.daemon, self.worker = daemon, daemon.pid()
        self.before = self.now()

    def now(self):
        return {"daemon": cpu_by_thread(self.daemon.process.pid), "worker": cpu_by_thread(self.worker),
                "inference": self.daemon.metric("berth_request_inference_seconds_sum", model="m") or 0.0}

    def since(self):
        now = self.now()
        spent = {part: [cpu - self.before[part].get(thread, 0.0) for thread, cpu in now[part].items()]
                 for part in ("daemon", "worker")}
        computing = sum(sorted(spent["worker"])[-THREADS:])
        everything = sum(spent["daemon"]) + sum(spent["worker"])
        return {"not_compute": 1 - computing / everything if everything else 0.0,
                "inference": now["inference"] - self.before["inference"]}


def check_same(daemon, peer, texts):
    """Both compute the same: mean of the hidden states, of unit length."""
    answer = daemon.embed(text=texts.lines[0])
    if answer.status != 200:
        sys.exit(f"berth refused a text: {answer.body}")
    answer = answer.json()
    if answer["usage"]["prompt_tokens"] != len(texts.ids[0]):
        sys.exit(f"a text of {len(texts.ids[0])} tokens has {answer['usage']['prompt_tokens']}")
    ours = answer["data"][0]["embedding"]
    hidden = peer.ask(ids=texts.ids[:1])["hidden"]
    mean = [sum(hidden[k::len(ours)]) for k in range(len(ours))]
    size = sum(x * x for x in mean) ** 0.5
    worst = max(abs(a - b / size) for a, b in zip(ours, mean))
    if worst > MOST_DIFFERENCE:
        sys.exit(f"the vectors differ by {worst:.2e} (at most {MOST_DIFFERENCE:g})")
    return worst


def load(daemon, texts, clients, seconds):
    out = subprocess.run([str(BIN / "bench-load"), f"127.0.0.1:{daemon.port}", "m", f"@{texts.file}", str(clients),
                          str(seconds)], check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    result = json.loads(out)
    if result["failed"] or not result["requests"]:
        sys.exit(f"requests failed: {out}")
    return result


def measure(daemon, peer, texts, clients, options):
    """Tokens per second of both and where berth's time went: one dict per round."""
    length = len(texts.ids[0])
    batch = 1 if clients == 1 else PACKED_TOKENS // length
    measured = []
    for _ in range(options.rounds):
        usage = Usage(daemon)
        result = load(daemon, texts, clients, options.seconds)
        used = usage.since()
        other = peer.ask(ids=texts.ids[:batch], seconds=options.seconds)
        waited = result["requests"] * result["mean_us"] / 1e6
        measured.append({
            "berth": result["requests"] * length / result["seconds"],
            "onnxruntime": other["runs"] * batch * length / other["seconds"],
            "outside": 1 - used["inference"] / waited, "not_compute": used["not_compute"],
        })
    return measured


def row(length, clients, measured):
    middle = {key: statistics.median(one[key] for one in measured) for key in measured[0]}
    ratio = statistics.median(one["berth"] / one["onnxruntime"] for one in measured)
    outside = f"{middle['outside']:.0%}" if clients == 1 else "–"
    print(f"| {length} | {clients} | {middle['berth'] / length:.1f} | {middle['onnxruntime'] / length:.1f} | "
          f"{middle['berth']:,.0f} | {middle['onnxruntime']:,.0f} | {ratio:.2f} | {outside} | "
          f"{middle['not_compute']:.1%} |", flush=True)
    return f"{length} tokens, {clients} client{'s' * (clients > 1)}", ratio, LEAST_RATIO[clients]


def compare(daemon, peer, every_text, options):
    print("| tokens | clients | sentences/s | onnxruntime's | tokens/s | onnxruntime's | ratio | outside | not compute |")
    print("|" + "---|" * 9)
    return [row(length, clients, measure(daemon, peer, texts, clients, options))
            for length, texts in every_text.items() for clients in (1, CLIENTS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="folder that onnx/make_model.py has written")
    parser.add_argument("--node", type=Path, required=True, help="folder with onnxruntime-node in node_modules")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options = parser.parse_args()
    source = options.model.resolve()
    words = (source / "vocab.txt").read_text().split()
    every_text = {length: Texts(words, length, source) for length in LENGTHS}
    plan = model("m", source=str(source), memory="2GiB", threads=THREADS)
    with Daemon(plan, worker="berth-worker") as daemon, Onnxruntime(options.node, source / "model.onnx") as peer:
        worst = max(check_same(daemon, peer, texts) for texts in every_text.values())
        print(f"the same vectors within {worst:.1e}\n")
        verdicts = compare(daemon, peer, every_text, options)
    print()
    for what, ratio, least in verdicts:
        print(f"{'met   ' if ratio >= least else 'MISSED'}  {what}: {ratio:.2f} times onnxruntime's tokens per second (at least {least})")
    return 0 if all(ratio >= least for _, ratio, least in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
