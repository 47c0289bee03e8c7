#!/usr/bin/env python3
"""Serves examples/quickstart and shows it at work: `scripts/dev demo [--keep]`.

Starts berthd with the quickstart's plan, prints a progress line per model until all are ready, sends each a
real request, shows `berth ps` and a few metrics, and stops it again; with --keep it goes on serving.
Runtime files live in a temporary folder: nothing is left behind.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

QUICKSTART = Path(__file__).resolve().parents[1] / "examples/quickstart"
READY_WITHIN_S = 120
METRICS = ("berth_requests_total", "berth_prompt_tokens_total", "berth_model_ready", "berth_device_memory_reserved_bytes")


def say(text):
    print(f"\033[1m==>\033[0m {text}" if sys.stdout.isatty() else f"==> {text}", flush=True)


def main():
    keep = "--keep" in sys.argv[2:]
    unknown = [argument for argument in sys.argv[2:] if argument != "--keep"]
    if unknown:
        sys.exit(f"scripts/dev demo: unknown argument {unknown[0]}; it takes --keep")
    demo = Demo(Path(sys.argv[1]))
    # A stop of the demo is a stop of the daemon, whoever asks.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        demo.start()
        demo.wait_ready()
        demo.ask()
        demo.correlation()
        demo.chat()
        demo.show()
        if keep:
            demo.keep()
    except KeyboardInterrupt:
        print()
    finally:
        demo.stop()


class Demo:
    def __init__(self, bin_folder):
        self.bin = bin_folder.resolve()
        self.runtime = Path(tempfile.mkdtemp(prefix="berth-demo-"))
        self.socket = self.runtime / "run/admin.sock"
        self.log = self.runtime / "berthd.log"
        self.daemon = None
        self.address = None

    def start(self):
        """berthd on the quickstart's plan; on a free port when 8080 is taken, with sockets of its own."""
        plan = (QUICKSTART / "berth.yaml").read_text()
        source = f"source: {QUICKSTART}/models/"
        plan = plan.replace("source: models/", source)
        plan = plan.replace("server:\n", f"server:\n  admin: {self.socket}\n  logs: {{ dir: {self.runtime}/logs }}\n", 1)
        if taken("127.0.0.1", 8080):
            say("port 8080 is in use: serving on a free one")
            plan = plan.replace("127.0.0.1:8080", "127.0.0.1:0")
        (self.runtime / "berth.yaml").write_text(plan)
        say(f"berthd {QUICKSTART.relative_to(QUICKSTART.parents[1])}/berth.yaml")
        with self.log.open("w") as log:
            self.daemon = subprocess.Popen([str(self.bin / "berthd"), str(self.runtime / "berth.yaml")], stderr=log,
                                           stdin=subprocess.DEVNULL, start_new_session=True)

    def wait_ready(self):
        """Prints a line for every change of a replica's state or stage until every model is ready."""
        shown, end = {}, time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                sys.exit(f"berthd ended with status {self.daemon.returncode}:\n{self.log.read_text()}")
            models = self.models()
            for model in models:
                for replica in model["replicas"]:
                    key = f"{model['name']}/{replica['replica']}"
                    stage = f" {replica['stage']}" if replica["state"] == "loading" and replica.get("stage") else ""
                    text = f"{replica['state']}{stage}"
                    if shown.get(key) != text:
                        shown[key] = text
                        print(f"    {key:<16} {text}", flush=True)
                    if replica["state"] in ("failed", "quarantined"):
                        sys.exit(f"{key} {replica['state']}: {replica['reason']}")
            if models and all(one["state"] == "ready" for model in models for one in model["replicas"]):
                return
            time.sleep(0.05)
        sys.exit(f"the models were not ready within {READY_WITHIN_S} s:\n{self.log.read_text()}")

    def models(self):
        done = subprocess.run([str(self.bin / "berth"), "--socket", str(self.socket), "ps", "--json"],
                              capture_output=True, text=True)
        return json.loads(done.stdout)["models"] if done.returncode == 0 else []

    def listening(self):
        """host, port as the daemon's log says."""
        if not self.address:
            line = next(line for line in self.log.read_text().splitlines() if "listening on http://" in line)
            host, port = line.split("listening on http://")[1].split()[0].rstrip(",;").rsplit(":", 1)
            self.address = host, int(port)
        return self.address

    def post(self, path, body):
        connection = http.client.HTTPConnection(*self.listening(), timeout=60)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        payload = json.loads(reply.read())
        if reply.status != 200:
            sys.exit(f"POST {path}: {reply.status} {payload}")
        return payload

    def embed(self, texts):
        data = self.post("/v1/embeddings", {"model": "demo-embed", "input": texts, "encoding_format": "base64"})["data"]
        raw = [base64.b64decode(one["embedding"]) for one in data]
        return [struct.unpack(f"<{len(one) // 4}f", one) for one in raw]

    def ask(self):
        """One real request to the embedding model, with its answer in words."""
        query = "I forgot my password and cannot log in"
        texts = ["How do I reset my login credentials?", "The parcel has not arrived yet",
                 "Bake the bread for forty minutes"]
        say(f"POST /v1/embeddings: what is near “{query}”?")
        first, *others = self.embed([query, *texts])
        for score, text in sorted(((cosine(first, other), text) for other, text in zip(others, texts)), reverse=True):
            print(f"    {score:6.3f}  {text}")

    def correlation(self):
        """Rank correlation of the served model with 100 graded pairs that it was not made from."""
        rows = [line.split("\t") for line in (QUICKSTART / "pairs.tsv").read_text().splitlines()
                if line and not line.startswith("#")]
        grades = [float(row[0]) for row in rows]
        left, right = self.embed([row[1] for row in rows]), self.embed([row[2] for row in rows])
        scores = [cosine(a, b) for a, b in zip(left, right)]
        say(f"{len(rows)} held-out sentence pairs: rank correlation (Spearman) with their graded similarity "
            f"{spearman(grades, scores):.3f}")

    def chat(self):
        """A story from the chat model, greedily: the same for everybody."""
        question = "Tell me a story about a girl named Mia and a red ball."
        say(f"POST /v1/chat/completions: “{question}”")
        reply = self.post("/v1/chat/completions", {"model": "demo-chat", "temperature": 0, "max_tokens": 160,
                                                   "messages": [{"role": "user", "content": question}]})
        print(textwrap.fill(reply["choices"][0]["message"]["content"], 100, initial_indent="    ", subsequent_indent="    "))

    def show(self):
        say("berth ps")
        subprocess.run([str(self.bin / "berth"), "--socket", str(self.socket), "ps"], check=True)
        say("GET /metrics, some of it")
        connection = http.client.HTTPConnection(*self.listening(), timeout=60)
        connection.request("GET", "/metrics")
        for line in connection.getresponse().read().decode().splitlines():
            if line.startswith(METRICS):
                print(f"    {line}")

    def keep(self):
        host, port = self.listening()
        say(f"serving on http://{host}:{port}/v1 until Ctrl-C; in another terminal:")
        print(f"    curl -s http://{host}:{port}/v1/embeddings -H 'Content-Type: application/json' "
              "-d '{\"model\":\"demo-embed\",\"input\":\"hello\"}'")
        print(f"    curl -sN http://{host}:{port}/v1/chat/completions -H 'Content-Type: application/json' "
              "-d '{\"model\":\"demo-chat\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a story.\"}]}'")
        print(f"    {os.path.relpath(self.bin / 'berth')} --socket {self.socket} ps", flush=True)
        self.daemon.wait()

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            say("stopping")
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(60)
        shutil.rmtree(self.runtime, ignore_errors=True)


def taken(host, port):
    import socket
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


def ranks(values):
    """Average ranks, ties sharing theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    result = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start:end + 1]:
            result[place] = (start + end) / 2
        start = end + 1
    return result


def spearman(a, b):
    """Spearman's rho: Pearson's correlation of the ranks."""
    x, y = ranks(a), ranks(b)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    cov = sum((p - mx) * (q - my) for p, q in zip(x, y))
    return cov / (sum((p - mx) ** 2 for p in x) * sum((q - my) ** 2 for q in y)) ** 0.5


if __name__ == "__main__":
    main()
