"""What operators and hosts do to a running daemon at a bad moment: nobody who asked for something loses it."""

import concurrent.futures
import os
import pty
import shutil
import signal
import subprocess
import unittest

from harness import BIN, Daemon, model, wait_until

FAST = {"beat_ms": 50, "load_ms": 20}


class Restarting(unittest.TestCase):
    def test_queued_requests_wait_for_the_restarted_replica(self):
        slow = {**FAST, "work_ms": 300, "window": 1}
        with Daemon(model("m", queue={"max": 50, "timeout": "20s"}, behaviour=slow)) as berth:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(berth.embed) for _ in range(8)]
                wait_until("seven waiting", lambda: berth.metric("berth_requests_waiting", model="m") == 7)
                before = berth.pid()
                self.assertEqual(berth.admin("POST", "/v1/models/m/restart").status, 202)
                self.assertEqual([one.result().status for one in asked], [200] * 8)
                self.assertNotEqual(berth.pid(), before, "not restarted")

    def test_stop_during_a_restart_refuses_the_queue_at_once(self):
        stubborn = {**FAST, "work_ms": 300, "window": 1, "ignore_drain": True}
        with Daemon(model("m", queue={"max": 50, "timeout": "20s"}, stop={"grace": "5s"}, behaviour=stubborn)) as berth:
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                asked = [pool.submit(berth.embed) for _ in range(4)]
                wait_until("three waiting", lambda: berth.metric("berth_requests_waiting", model="m") == 3)
                berth.admin("POST", "/v1/models/m/restart")
                berth.wait_state("draining")
                berth.admin("POST", "/v1/models/m/stop")
                wait_until("nobody waiting", lambda: berth.metric("berth_requests_waiting", model="m") == 0, 3)
                self.assertEqual(berth.replicas()[0]["state"], "draining")
                self.assertLessEqual({one.result().status for one in asked}, {200, 503})


class Hangup(unittest.TestCase):
    def test_sighup_without_a_terminal_is_ignored_and_said(self):
        with Daemon(model("m", behaviour=FAST)) as berth:
            berth.process.send_signal(signal.SIGHUP)
            berth.wait_log("SIGHUP is ignored.*restart berthd")
            self.assertEqual(berth.embed().status, 200)

    def test_closing_the_terminal_ends_the_daemon_and_its_workers_cleanly(self):
        berth = Daemon(model("m", behaviour=FAST))  # for its plan and folder: it is started here
        master, terminal = pty.openpty()
        try:
            process = subprocess.Popen([str(BIN / "berthd"), str(berth.plan_path), "--worker", str(berth.worker)],
                                       stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
            os.close(terminal)
            seen = b""
            while b"m/0: ready" not in seen:
                seen += os.read(master, 65536)
            process.send_signal(signal.SIGHUP)
            os.close(master)
            self.assertEqual(process.wait(20), 0)
            self.assertEqual(sorted(path.name for path in (berth.dir / "run").iterdir()), ["lock"])
        finally:
            process.kill()
            process.wait()
            subprocess.run(["rm", "-rf", str(berth.dir)], check=False)


class Uploads(unittest.TestCase):
    def test_client_that_sends_its_whole_body_first_still_reads_413(self):
        with Daemon(model("m", behaviour=FAST)) as berth:
            for mebibytes in (9, 32):
                with self.subTest(mebibytes=mebibytes):
                    answer = berth.embed("m", "x" * (mebibytes << 20))
                    self.assertEqual((answer.status, answer.code), (413, "request_too_large"))


class Folders(unittest.TestCase):
    def test_deleted_log_file_is_there_again_after_the_next_start(self):
        with Daemon(model("m", behaviour={**FAST, "log_lines": ["a line"]})) as berth:
            log = berth.dir / "logs/m.0.log"
            wait_until("the first line", log.exists)
            log.unlink()
            self.assertEqual(berth.admin("POST", "/v1/models/m/restart?wait=10").status, 200)
            self.assertIn("a line", wait_until("the log file", lambda: log.exists() and log.read_text()))

    def test_start_without_the_runtime_folder_says_so(self):
        with Daemon(model("m", behaviour=FAST)) as berth:
            worker = berth.pid()
            shutil.rmtree(berth.dir / "run")
            self.assertEqual(berth.embed().status, 200)
            os.kill(worker, signal.SIGKILL)
            berth.wait_log("the runtime folder is gone; restart berthd")

    def test_ready_replica_serves_on_when_its_socket_file_is_deleted(self):
        with Daemon(model("m", behaviour=FAST)) as berth:
            for path in (berth.dir / "run").glob("[0-9]*.sock"):
                path.unlink()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:  # more than any kept connection serves
                answers = list(pool.map(lambda _: berth.embed(headers={"X-Deadline-Ms": "5000"}).status, range(40)))
            self.assertEqual(set(answers), {200})
            self.assertEqual(berth.admin("POST", "/v1/models/m/restart?wait=10").status, 200)
            self.assertEqual(berth.embed().status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
