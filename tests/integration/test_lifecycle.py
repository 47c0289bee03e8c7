"""Replicas live and die: the real daemon with a fake worker that misbehaves on demand."""

import json
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import SLOWDOWN, Daemon, alive, model, wait_until

FAST = {"beat_ms": 50, "load_ms": 20}
QUICK_HEALTH = {"health": {"stall": "500ms"}}


class Boot(unittest.TestCase):
    def test_replicas_become_ready_and_answer(self):
        with Daemon(model("m", replicas=2, behaviour=FAST)) as berth:
            answer = berth.embed("m", "hello")
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json()["object"], "list")
            self.assertEqual([one["state"] for one in berth.replicas()], ["ready", "ready"])

    def test_manual_model_stays_stopped_until_started(self):
        with Daemon(model("m", behaviour=FAST), model("idle", start="manual", behaviour=FAST)) as berth:
            self.assertEqual(berth.replicas("idle")[0]["state"], "stopped")
            self.assertEqual(berth.embed("idle").status, 503)
            started = berth.berth("start", "idle", "--wait")
            self.assertEqual(started.returncode, 0, started.stderr)
            self.assertEqual(berth.embed("idle").status, 200)

    def test_dependents_start_after_what_they_name(self):
        with Daemon(model("late", after=["early"], behaviour=FAST),
                    model("early", behaviour={**FAST, "load_ms": 300, "load_steps": 5})) as berth:
            events = [json.loads(line) for line in berth.admin("GET", "/v1/events").body.splitlines()]
            states = [(e["model"], e["message"]) for e in events if e["type"] == "state"]
            early_ready = next(i for i, (name, text) in enumerate(states) if name == "early" and "ready" in text)
            late_starts = next(i for i, (name, text) in enumerate(states) if name == "late" and "starting" in text)
            self.assertLess(early_ready, late_starts, states)

    def test_dependent_waits_while_its_dependency_failed(self):
        broken = {"fail_load": {"reason": "no such head", "permanent": True}}
        with Daemon(model("late", after=["early"], behaviour=FAST), model("early", behaviour=broken)).start(
                wait_ready=False) as berth:
            self.assertIn("no such head", berth.wait_state("failed", "early")["reason"])
            self.assertIn("early", berth.wait_state("waiting", "late")["reason"])

    def test_loads_on_one_device_never_overlap(self):
        slow = {**FAST, "load_ms": 200, "load_steps": 4}
        daemon = Daemon(*(model(f"m{i}", behaviour=slow) for i in range(4)))
        with daemon.start(wait_ready=False) as berth:
            most = 0

            def all_ready():
                nonlocal most
                models = berth.admin("GET", "/v1/models").json()["models"]
                states = [one["replicas"][0]["state"] for one in models]
                most = max(most, sum(state in ("starting", "loading") for state in states))
                return all(state == "ready" for state in states)

            wait_until("all four ready", all_ready)
            self.assertEqual(most, 1)


class Failure(unittest.TestCase):
    def test_killed_worker_comes_back_and_says_why(self):
        with Daemon(model("m", behaviour={**FAST, "log_lines": ["last words"]})) as berth:
            before = berth.pid()
            os.kill(before, signal.SIGKILL)
            wait_until("a new worker", lambda: berth.replicas()[0]["state"] == "ready" and berth.pid() != before)
            last = berth.replicas()[0]["last_exit"]
            self.assertEqual(last["cause"], "signal")
            self.assertEqual(last["signal"], 9)
            logs = berth.berth("logs", "m", "--previous")
            self.assertIn("last words", logs.stdout)
            self.assertEqual(berth.metric("berth_replica_exits_total", model="m", cause="signal"), 1)

    def test_permanent_failure_is_not_retried(self):
        behaviour = {"fail_load": {"reason": "bad tensor", "permanent": True}}
        with Daemon(model("m", behaviour=behaviour)).start(wait_ready=False) as berth:
            self.assertIn("bad tensor", berth.wait_state("failed")["reason"])
            self.assertEqual(berth.metric("berth_replica_starts_total", model="m"), 1)
            self.assertEqual(berth.embed().status, 503)

    def test_exit_65_is_permanent(self):
        with Daemon(model("m", behaviour={"exit_code_on_load": 65})).start(wait_ready=False) as berth:
            berth.wait_state("failed")
            self.assertEqual(berth.metric("berth_replica_starts_total", model="m"), 1)

    def test_crash_loop_ends_in_quarantine_and_an_operator_ends_that(self):
        with Daemon(model("m", behaviour={"crash_on_load": True})).start(wait_ready=False) as berth:
            berth.wait_state("quarantined")
            starts = berth.metric("berth_replica_starts_total", model="m")
            self.assertEqual(starts, 5)
            self.assertEqual(berth.metric("berth_replica_quarantined", model="m"), 1)
            answer = berth.embed()
            self.assertEqual(answer.status, 503)
            self.assertIn("retry-after", answer.headers)
            self.assertEqual(berth.admin("POST", "/v1/models/m/start").status, 202)
            wait_until("another start", lambda: berth.metric("berth_replica_starts_total", model="m") > starts)

    def test_stalled_load_fails(self):
        with Daemon(model("m", load={"stall": "300ms"}, behaviour={"stall_load": True})).start(
                wait_ready=False) as berth:
            berth.wait_state("quarantined")
            self.assertIn(berth.replicas()[0]["last_exit"]["cause"], ("hung", "load_failed"))

    def test_slow_load_with_progress_does_not(self):
        with Daemon(model("m", load={"stall": "300ms"}, behaviour={**FAST, "load_ms": 1200, "load_steps": 24})) as berth:
            self.assertEqual(berth.metric("berth_replica_starts_total", model="m"), 1)

    def test_hang_with_work_begun_is_seen_and_ended(self):
        with Daemon(model("m", **QUICK_HEALTH, behaviour={**FAST, "hang_after_requests": 1})) as berth:
            before = berth.pid()
            berth.embed()                     # the first is served, the second hangs
            answer = berth.embed()
            self.assertEqual(answer.status, 502, answer.body)
            self.assertEqual(answer.headers["x-should-retry"], "false")
            wait_until("a new worker", lambda: berth.pid() not in (0, before))
            self.assertEqual(berth.replicas()[0]["last_exit"]["cause"], "hung")

    def test_worker_that_no_longer_begins_anything_is_seen_and_its_requests_go_on_elsewhere(self):
        with Daemon(model("m", **QUICK_HEALTH, behaviour={**FAST, "ignore_after_requests": 1})) as berth:
            before = berth.pid()
            self.assertEqual(berth.embed().status, 200)
            self.assertEqual(berth.embed().status, 200)  # by the worker that replaced the stuck one
            self.assertNotEqual(berth.pid(), before)
            self.assertEqual(berth.replicas()[0]["last_exit"]["cause"], "hung")

    def test_stopped_worker_is_seen_and_replaced(self):
        with Daemon(model("m", **QUICK_HEALTH, behaviour=FAST)) as berth:
            before = berth.pid()
            os.kill(before, signal.SIGSTOP)
            wait_until("a new worker", lambda: berth.pid() not in (0, before))
            self.assertEqual(berth.replicas()[0]["last_exit"]["cause"], "hung")

    def test_long_work_with_steps_is_not_a_hang(self):
        with Daemon(model("m", **QUICK_HEALTH, behaviour={**FAST, "work_ms": 2000})) as berth:
            before = berth.pid()
            self.assertEqual(berth.embed().status, 200)
            self.assertEqual(berth.pid(), before)

    def test_bad_packet_ends_the_worker_alone(self):
        for behaviour in ({"bad_packet": "{\"type\":"}, {"bad_packet": "[" * 60000}, {"oversized_packet": True}):
            with self.subTest(behaviour=str(behaviour)[:40]):
                with Daemon(model("bad", behaviour=behaviour), model("good", behaviour=FAST)).start(
                        wait_ready=False) as berth:
                    berth.wait_state("quarantined", "bad")
                    self.assertEqual(berth.replicas("bad")[0]["last_exit"]["cause"], "protocol")
                    self.assertEqual(berth.embed("good").status, 200)

    def test_log_flood_neither_blocks_nor_fills_the_disk(self):
        daemon = Daemon(model("m", behaviour={**FAST, "flood_log_bytes": 64 << 20}),
                        server={"logs": {"dir": "logs", "max_size": "1MiB", "keep": 2}})
        with daemon as berth:
            wait_until("dropped lines counted", lambda: berth.metric("berth_log_dropped_lines_total", model="m"))
            self.assertEqual(berth.embed().status, 200)
            size = sum(path.stat().st_size for path in berth.dir.rglob("*.log*"))
            self.assertLess(size, 4 << 20)


class Stop(unittest.TestCase):
    def test_stop_start_restart_are_idempotent(self):
        with Daemon(model("m", behaviour=FAST)) as berth:
            for _ in range(2):
                stopped = berth.berth("stop", "m", "--wait")
                self.assertEqual(stopped.returncode, 0, stopped.stderr)
                self.assertEqual(berth.replicas()[0]["state"], "stopped")
            self.assertEqual(berth.worker_pids(), [])
            for _ in range(2):
                self.assertEqual(berth.berth("start", "m", "--wait").returncode, 0)
            before = berth.pid()
            self.assertEqual(berth.berth("restart", "m", "--wait").returncode, 0)
            self.assertNotEqual(berth.pid(), before)
            self.assertEqual(berth.embed().status, 200)

    def test_worker_that_ignores_everything_is_killed_after_its_grace(self):
        stubborn = {**FAST, "ignore_sigterm": True, "ignore_drain": True}
        with Daemon(model("m", stop={"grace": "300ms"}, behaviour=stubborn),
                    model("other", behaviour=FAST)) as berth:
            self.assertEqual(berth.berth("stop", "m", "--wait").returncode, 0)
            self.assertEqual(berth.embed("other").status, 200)

    def test_grandchild_that_holds_the_log_pipe_dies_too(self):
        with Daemon(model("m", behaviour={**FAST, "fork_grandchild_holding_stdout": True})) as berth:
            self.assertEqual(berth.berth("stop", "m", "--wait").returncode, 0)
            wait_until("no descendant", lambda: not berth.worker_pids())

    def test_sigterm_finishes_what_runs_and_exits_zero(self):
        with Daemon(model("m", behaviour={**FAST, "work_ms": 600})) as berth:
            connection = berth.connection()
            connection.request("POST", "/v1/embeddings", json.dumps({"model": "m", "input": "x"}),
                               {"Content-Type": "application/json"})
            wait_until("the request in flight", lambda: berth.replicas()[0]["in_flight"] == 1)
            berth.process.send_signal(signal.SIGTERM)
            self.assertEqual(connection.getresponse().status, 200)
            self.assertEqual(berth.stop(), 0)

    def test_second_sigterm_ends_at_once(self):
        with Daemon(model("m", behaviour={**FAST, "work_ms": 20000})) as berth:
            connection = berth.connection()
            connection.request("POST", "/v1/embeddings", json.dumps({"model": "m", "input": "x"}),
                               {"Content-Type": "application/json"})
            wait_until("the request in flight", lambda: berth.replicas()[0]["in_flight"] == 1)
            berth.process.send_signal(signal.SIGTERM)
            berth.wait_log("drain")
            began = time.monotonic()
            berth.process.send_signal(signal.SIGTERM)
            berth.process.wait(10)
            self.assertLess(time.monotonic() - began, 5)

    def test_nothing_is_left_behind(self):
        berth = Daemon(model("m", replicas=2, behaviour=FAST)).start()
        pids = berth.worker_pids()
        self.assertEqual(len(pids), 2)
        self.assertEqual(berth.stop(), 0)
        self.assertFalse([pid for pid in pids if alive(pid)])
        self.assertEqual([p.name for p in (berth.dir / "run").iterdir() if p.name.endswith(".sock")], [])
        berth.__exit__(None)


class Isolation(unittest.TestCase):
    def test_no_worker_is_left_a_second_after_kill_9(self):
        berth = Daemon(model("m", replicas=3, behaviour=FAST)).start()
        pids = berth.worker_pids()
        self.assertEqual(len(pids), 3)
        os.kill(pids[0], signal.SIGSTOP)
        berth.process.kill()
        berth.process.wait()
        wait_until("no worker", lambda: not [pid for pid in pids if alive(pid)], 1.0)
        # The same runtime folder serves the next daemon: stale sockets and the lock are no obstacle.
        berth.start()
        self.assertEqual(berth.embed().status, 200)
        berth.__exit__(None)

    def test_worker_has_just_its_descriptors_and_a_clean_environment(self):
        env = {**os.environ, "OPENAI_API_KEY": "sk-secret"}
        with Daemon(model("m", behaviour=FAST)).start(env=env) as berth:
            pid = berth.pid()
            fds = sorted(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
            links = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in fds}
            own = [fd for fd in fds if fd > 5 and not links[fd].startswith(("anon_inode:", "socket:"))]
            self.assertEqual(fds[:6], [0, 1, 2, 3, 4, 5], links)
            self.assertEqual(own, [], links)
            self.assertEqual(links[0], "/dev/null")
            self.assertNotIn("sk-secret", Path(f"/proc/{pid}/environ").read_text())
            status = Path(f"/proc/{pid}/status").read_text()
            self.assertIn("NoNewPrivs:\t1", status)
            self.assertRegex(status, r"CapEff:\s+0+\n")
            self.assertRegex(status, r"CapBnd:\s+0+\n") if os.geteuid() == 0 else None


class Endurance(unittest.TestCase):
    CYCLES = int(os.environ.get("BERTH_CYCLES", "50"))

    def test_start_stop_cycles_leave_descriptors_threads_memory_and_zombies_flat(self):
        with Daemon(model("m", behaviour=FAST), threads=2) as berth:
            proc = f"/proc/{berth.process.pid}"

            def measure():
                status = dict(line.split(":", 1) for line in Path(f"{proc}/status").read_text().splitlines())
                zombies = subprocess.run(["ps", "-o", "stat=", "--ppid", str(berth.process.pid)], capture_output=True,
                                         text=True).stdout.count("Z")
                return {"fds": len(os.listdir(f"{proc}/fd")), "threads": int(status["Threads"]),
                        "rss_kib": int(status["VmRSS"].split()[0]), "zombies": zombies}

            def cycle():
                self.assertEqual(berth.admin("POST", "/v1/models/m/stop?wait=30").status, 200)
                self.assertEqual(berth.admin("POST", "/v1/models/m/start?wait=30").status, 200)

            for _ in range(10):
                cycle()
            first = measure()
            for _ in range(self.CYCLES):
                cycle()
            last = measure()
            slope = (last["rss_kib"] - first["rss_kib"]) / self.CYCLES
            print(f"\n{self.CYCLES} start/stop cycles: {first} -> {last}; RSS slope {slope:.2f} KiB per cycle")
            self.assertEqual(last["fds"], first["fds"])
            self.assertEqual(last["threads"], first["threads"])
            self.assertEqual(last["zombies"], 0)
            if SLOWDOWN == 1:  # a sanitizer keeps what was freed
                self.assertLess(slope, 8, "RSS grows")


if __name__ == "__main__":
    unittest.main(verbosity=2)
