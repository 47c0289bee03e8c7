"""Measures berthd as a proxy beside nginx and haproxy: `scripts/dev bench proxy`.

All three stand in front of the same Unix socket, on which `bench-responder` (a worker started by berthd) answers
with as many bytes as it was sent. Each has one thread and speaks keep-alive on both sides; berthd checks the JSON,
claims, and counts its metrics as always; the others write no access log. The rounds are interleaved (berthd,
nginx, haproxy, berthd, …), and what is compared is the ratio within a round, so that a machine that is busy with
other things disturbs all alike. Of ratios and figures the medians over the rounds are shown.

- CPU: what the kernel charged the proxy's process, per request, with 16 connections in a closed loop.
- added latency: the median with one connection, less the median of one connection straight to the responder.
- idle: growth of the resident set by connections that have made one request each and stay.
- spawn: Spawner::Spawn() in a process as small as a daemon with few connections. fork() copies page tables, so it
  costs about 14 µs more for each MiB of private memory (`bench-spawn TIMES MIB`).

Exits with 1 when a target of the project is missed. Standard library only.
"""

import argparse
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from harness import BIN, Daemon, model, wait_until  # noqa: E402

SIZES = {"1 KB": 1024, "20 KB": 20 * 1024}
CONNECTIONS = 16
MOST_CPU_RATIO = 1.2  # of nginx
MOST_IDLE_BYTES = 40_000_000
IDLE_CONNECTIONS = 10_000
MOST_SPAWN_US = 150

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.log warn;
events {{ worker_connections 12000; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path {dir}/n1; proxy_temp_path {dir}/n2; fastcgi_temp_path {dir}/n3; uwsgi_temp_path {dir}/n4;
  scgi_temp_path {dir}/n5;
  upstream worker {{ server unix:{socket}; keepalive 64; keepalive_requests 1000000000; keepalive_timeout 600s; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://worker; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Request-Id $request_id;
    }}
  }}
}}
"""

HAPROXY = """
global
  nbthread 1
  maxconn 10500
  no strict-limits
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  unique-id-format %{{+X}}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend worker
backend worker
  server one unix@{socket} pool-max-conn 64
"""


class Proxy:
    """A proxy that runs: where it listens and what it has cost."""

    def __init__(self, name, pid, port):
        self.name, self.pid, self.address = name, pid, f"127.0.0.1:{port}"

    def cpu_seconds(self):
        return time.clock_gettime((~self.pid << 3) | 2)  # the kernel's clock of another process's CPU time

    def rss_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_other(name, arguments, configuration, folder, upstream):
    port = free_port()
    path = Path(folder) / f"{name}.conf"
    path.write_text(configuration.format(dir=folder, socket=upstream, port=port))
    log = open(Path(folder) / f"{name}.out", "wb")
    process = subprocess.Popen([*arguments, str(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(f"{name} accepts (see {log.name})", lambda: process.poll() is not None or accepts(port))
    if process.poll() is not None:
        sys.exit(f"{name} ended: " + Path(log.name).read_text())
    return process, Proxy(name, process.pid, port)


def load(address, size, connections, seconds):
    out = subprocess.run([str(BIN / "bench-load"), address, "m", str(size), str(connections), str(seconds)],
                         check=True, capture_output=True, text=True, timeout=seconds + 60).stdout
    result = json.loads(out)
    if result["failed"] or not result["requests"]:
        sys.exit(f"requests to {address} failed: {out}")
    return result


def measure_cpu(proxies, size, rounds, seconds):
    """µs of CPU per request: one dict of proxies per round."""
    measured = []
    for _ in range(rounds):
        costs = {}
        for proxy in proxies:
            before = proxy.cpu_seconds()
            result = load(proxy.address, size, CONNECTIONS, seconds)
            costs[proxy.name] = 1e6 * (proxy.cpu_seconds() - before) / result["requests"]
        measured.append(costs)
    return measured


def measure_latency(proxies, upstream, size, rounds, seconds):
    """µs added to the median of one connection: one dict of proxies per round."""
    measured = []
    for _ in range(rounds):
        direct = load(upstream, size, 1, seconds)["median_us"]
        measured.append({p.name: load(p.address, size, 1, seconds)["median_us"] - direct for p in proxies})
    return measured


def measure_idle(proxy):
    """Bytes of resident set that the idle connections cost."""
    host, port = proxy.address.split(":")
    request = (b"POST /v1/embeddings HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
               b"Content-Length: 26\r\n\r\n" + b'{"model":"m", "input":"x"}')
    before = proxy.rss_bytes()
    clients = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            client = socket.create_connection((host, int(port)), 30)
            clients.append(client)
            client.sendall(request)
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit(f"{proxy.name} refused a request")
        return proxy.rss_bytes() - before
    finally:
        for client in clients:
            client.close()


def measure_spawn():
    out = subprocess.run([str(BIN / "bench-spawn"), "300"], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def medians(measured):
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


def ratio(measured, other):
    return statistics.median(one["berthd"] / one[other] for one in measured)


def row(what, measured, unit):
    middle = medians(measured)
    cells = [f"{middle[name]:.1f} {unit}" for name in middle]
    cells += [f"{ratio(measured, other):.2f}" for other in middle if other != "berthd"]
    print(f"| {what} | " + " | ".join(cells) + " |", flush=True)


def verdict(what, value, most, unit):
    good = value <= most
    print(f"{'met   ' if good else 'MISSED'}  {what}: {value:.2f} {unit}(at most {most})".replace(" )", ")"))
    return good


@contextlib.contextmanager
def running():
    """The three proxies, just started, and the path of their upstream."""
    daemon = Daemon(model("m"), worker="bench-responder",
                    server={"threads": 1, "idle_timeout": "10m", "max_connections": 20000})
    others = []
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder, daemon:
        upstream = next(str(path) for path in (daemon.dir / "run").glob("*.sock") if path.name != "admin.sock")
        try:
            for name, arguments, configuration in (("nginx", ["nginx", "-p", folder, "-c"], NGINX),
                                                   ("haproxy", ["haproxy", "-db", "-f"], HAPROXY)):
                others.append(start_other(name, arguments, configuration, folder, upstream))
            yield [Proxy("berthd", daemon.process.pid, daemon.port), *(proxy for _, proxy in others)], upstream
        finally:
            for process, _ in others:
                process.kill()
                process.wait()


def compare_idle(proxies):
    idle = {proxy.name: measure_idle(proxy) for proxy in proxies}
    row(f"{IDLE_CONNECTIONS:,} idle connections", [{name: b / 1e6 for name, b in idle.items()}], "MB")
    return [(f"{IDLE_CONNECTIONS:,} idle connections", idle["berthd"] / 1e6, MOST_IDLE_BYTES / 1e6, "MB ")]


def compare_load(proxies, upstream, options):
    names = [proxy.name for proxy in proxies]
    print("| | " + " | ".join(names) + " | " + " | ".join(f"berthd / {name}" for name in names[1:]) + " |")
    print("|" + "---|" * (2 * len(names)))
    verdicts = []
    for label, size in SIZES.items():
        cpu = measure_cpu(proxies, size, options.rounds, options.seconds)
        row(f"CPU per request, {label}", cpu, "µs")
        verdicts.append((f"CPU per request at {label}", ratio(cpu, "nginx"), MOST_CPU_RATIO, "times nginx's "))
    for label, size in SIZES.items():
        row(f"added latency, {label}", measure_latency(proxies, upstream, size, options.rounds, options.seconds / 2), "µs")
    return verdicts


def compare_spawn():
    spawn = measure_spawn()
    print(f"\nspawn: {spawn['wall_us']:.0f} µs until the program runs, of which {spawn['cpu_us']:.0f} µs of the supervisor's CPU\n")
    return [("spawn, the supervisor's CPU", spawn["cpu_us"], MOST_SPAWN_US, "µs ")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each load")
    parser.add_argument("--no-idle", action="store_true", help="leave the idle connections out")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < IDLE_CONNECTIONS + 1000 and not options.no_idle:
        sys.exit(f"needs {IDLE_CONNECTIONS + 1000} descriptors, may have {most}: raise `ulimit -Hn`, or give --no-idle")

    with running() as (proxies, upstream):
        verdicts = compare_load(proxies, upstream, options)
    if not options.no_idle:
        with running() as (proxies, _):  # others: memory that a load has left would hide growth
            verdicts += compare_idle(proxies)
    verdicts += compare_spawn()
    return 0 if all([verdict(*one) for one in verdicts]) else 1


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    sys.exit(main())
