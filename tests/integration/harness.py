"""Runs the real daemon for the integration tests.

`Daemon` writes a plan into a folder of its own, starts `berthd` on a free port with its own runtime folder,
and talks to it the way operators and clients do: over the admin socket and over TCP. Every wait has a
deadline and watches for the thing itself (a log line, an event, an answer), never for time to pass.

Environment: BERTH_BIN (folder of berthd, berth, berth-worker, fake-worker), BERTH_TEST_DATA, BERTH_TEST_SLOWDOWN
(of programs under a sanitizer: that many times the deadlines, and only that part of a load).
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BERTH_BIN", SOURCE / "build/release/bin"))
DATA = Path(os.environ.get("BERTH_TEST_DATA", SOURCE / "../shared/data"))
SLOWDOWN = int(os.environ.get("BERTH_TEST_SLOWDOWN", "1"))
DEADLINE_S = 30.0 * SLOWDOWN


def need_data(*parts):
    """The path of a file of the test data; skips the test, saying so, when it isn't there."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        raise unittest.SkipTest(f"test data {path} is not there (set BERTH_TEST_DATA)")
    return path.resolve()


def wait_until(what, condition, deadline_s=DEADLINE_S):
    """The first true value of `condition()`; fails with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:g} s in vain for: {what}")
        time.sleep(0.01)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    """Status, headers (lower-case names) and body of one reply."""

    def __init__(self, reply):
        self.status = reply.status
        self.headers = {name.lower(): value for name, value in reply.getheaders()}
        self.body = reply.read()

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """error.code of the OpenAI envelope."""
        return self.json()["error"]["code"]


def alive(pid):
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def model(name, **keys):
    """One model of a plan, with small limits that suit tests; `behaviour` is for the fake worker. None: no such key."""
    base = {"kind": "embedding", "memory": "64MiB", "restart": {"backoff": ["50ms", "200ms"], "give_up": "5 in 1m"}}
    base.update(keys)
    return {name: {key: value for key, value in base.items() if value is not None}}


class Daemon:
    """One berthd. Use as a context manager; leaving it stops the daemon and shows its log after a failure."""

    def __init__(self, *models, server=None, rules=None, worker="fake-worker", threads=2, memory="16GiB"):
        self.dir = Path(tempfile.mkdtemp(prefix="berth-it-"))
        self.worker = BIN / worker
        plan = {
            "version": 1,
            "server": {"listen": "127.0.0.1:0", "admin": str(self.dir / "run/admin.sock"),
                       "logs": {"dir": str(self.dir / "logs")}, **(server or {})},
            "devices": {"cpu": {"memory": memory, "threads": threads}},
            "models": {},
        }
        if rules:
            plan["rules"] = rules
        for one in models:
            for name, keys in one.items():
                behaviour = keys.pop("behaviour", None)
                if behaviour is not None or "source" not in keys:
                    path = self.dir / (name.replace("/", "_") + ".behaviour.json")
                    path.write_text(json.dumps(behaviour or {}))
                    keys["source"] = str(path)
                plan["models"][name] = keys
        self.plan_path = self.dir / "berth.yaml"
        self.plan_path.write_text(json.dumps(plan, indent=1))  # JSON is YAML
        self.arguments = []  # more of berthd's
        self.process = None
        self.port = None
        self.log = []
        self._log_grew = threading.Condition()

    # --- life ---

    def start(self, wait_ready=True, env=None):
        self.log = []
        self.process = subprocess.Popen(
            [str(BIN / "berthd"), str(self.plan_path), "--worker", str(self.worker), *self.arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        line = self.wait_log(r"listening on http://[^ ]*:(\d+)")
        self.port = int(re.search(r"listening on http://[^ ]*:(\d+)", line).group(1))
        wait_until("the admin socket", lambda: (self.dir / "run/admin.sock").exists())
        if wait_ready:
            self.wait_ready()
        return self

    def _read_log(self):
        log, stderr = self.log, self.process.stderr
        for line in stderr:
            with self._log_grew:
                log.append(line.rstrip("\n"))
                self._log_grew.notify_all()
        with self._log_grew:
            log.append("<end of log>")
            self._log_grew.notify_all()

    def wait_log(self, pattern, deadline_s=DEADLINE_S):
        """The first log line that matches; fails when the daemon ends without having written it."""
        end = time.monotonic() + deadline_s
        seen = 0
        with self._log_grew:
            while True:
                for line in self.log[seen:]:
                    if re.search(pattern, line):
                        return line
                seen = len(self.log)
                if self.log and self.log[-1] == "<end of log>":
                    raise AssertionError(f"berthd ended without logging {pattern!r}:\n" + "\n".join(self.log))
                if not self._log_grew.wait(end - time.monotonic()) and time.monotonic() > end:
                    raise AssertionError(f"no log line {pattern!r} in {deadline_s:g} s:\n" + "\n".join(self.log))

    def wait_ready(self, deadline_s=DEADLINE_S):
        """Until /health/ready says so and every replica of the required models is ready."""
        wait_until("every required model ready", lambda: self.get("/health/ready").status == 200, deadline_s)
        wait_until("every replica ready", lambda: all(
            one["state"] == "ready" for model in self.admin("GET", "/v1/models").json()["models"] if model["required"]
            for one in model["replicas"]), deadline_s)

    def stop(self, sig=signal.SIGTERM, deadline_s=DEADLINE_S):
        """Ends the daemon and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(deadline_s)

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        if kind is not None and kind is not unittest.SkipTest:
            print(textwrap.indent("\n".join(self.log[-60:]), "  berthd| "))
        self.process.stderr.close()
        subprocess.run(["rm", "-rf", str(self.dir)], check=False)

    # --- clients ---

    def connection(self, timeout=DEADLINE_S):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=DEADLINE_S):
        connection = self.connection(timeout)
        try:
            payload = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            every = {"Content-Type": "application/json"} if payload is not None else {}
            connection.request(method, path, payload, {**every, **(headers or {})})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def embed(self, name="m", text="hello", headers=None, timeout=DEADLINE_S, **more):
        return self.request("POST", "/v1/embeddings", {"model": name, "input": text, **more}, headers, timeout)

    def raw(self, data, timeout=DEADLINE_S):
        """A TCP connection on which `data` was sent."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout)
        sock.sendall(data)
        return sock

    def admin(self, method, path, timeout=DEADLINE_S):
        connection = UnixConnection(self.dir / "run/admin.sock", timeout)
        try:
            connection.request(method, path, b"" if method == "POST" else None)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def berth(self, *arguments, timeout=DEADLINE_S):
        """The command line against this daemon."""
        return subprocess.run([str(BIN / "berth"), "--socket", str(self.dir / "run/admin.sock"), *arguments],
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)

    # --- what is going on ---

    def replicas(self, name="m"):
        return self.admin("GET", f"/v1/models/{name}").json()["replicas"]

    def wait_state(self, state, name="m", replica=0, deadline_s=DEADLINE_S):
        return wait_until(f"{name}/{replica} {state}", lambda: next(
            (one for one in self.replicas(name) if one["replica"] == replica and one["state"] == state), None),
            deadline_s)

    def pid(self, name="m", replica=0):
        return self.replicas(name)[replica]["pid"]

    def worker_pids(self):
        """The daemon's children as the kernel lists them."""
        children = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            children += [int(pid) for pid in (task / "children").read_text().split()]
        return children

    def metric(self, name, **labels):
        """The sum of the series of `name` that carry `labels`; None when there are none."""
        values = []
        for line in self.get("/metrics").body.decode().splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match.group(1) == name:
                have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
                if all(have.get(key) == value for key, value in labels.items()):
                    values.append(float(match.group(3)))
        return sum(values) if values else None


def run_berthd(*arguments, env=None, timeout=DEADLINE_S):
    """berthd until it ends by itself (bad input)."""
    return subprocess.run([str(BIN / "berthd"), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, env=env)
