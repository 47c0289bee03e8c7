"""What operators do to the installed service, under the systemd of the machine that machine.py boots.

Each test finds the package installed, its plan as it came, and the service stopped.
"""

import contextlib
import http.client
import json
import os
import pwd
import re
import subprocess
import time
import unittest
from pathlib import Path

PACKAGE = "/berth.deb"
PLAN = Path("/etc/berth/berth.yaml")
DEADLINE_S = 240.0


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def show(name):
    """A property of the unit."""
    return run("systemctl", "show", "--value", "-p", name, "berth").stdout.strip()


def wait_until(what, condition):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {DEADLINE_S:g} s in vain for: {what}\n{journal()}")
        time.sleep(0.1)
    return value


def journal():
    return run("journalctl", "-u", "berth", "--no-pager", "-n", "60", "-o", "cat").stdout


def ask(method, path, body=None):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", 8080, timeout=DEADLINE_S)) as connection:
        connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()


def embedding():
    status, body = ask("POST", "/v1/embeddings", {"model": "demo-embed", "input": "a berth for every model"})
    return status, len(json.loads(body)["data"][0]["embedding"]) if status == 200 else body


def workers():
    return [int(pid) for pid in run("pgrep", "-x", "berth-worker", check=False).stdout.split()]


def of_user(name):
    return run("pgrep", "-u", name, check=False).stdout.split()


def status_of(pid):
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def mounts_of(pid):
    """Mount point → options of what the process sees; of several at one place the last, which is the one on top."""
    fields = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    return {field[4]: field[5].split(",") for field in fields}


class ServiceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        run("dpkg", "-i", PACKAGE)
        cls.plan = PLAN.read_text()

    def setUp(self):
        self.addCleanup(self.rest)

    def rest(self):
        run("systemctl", "disable", "--now", "berth", check=False)
        run("systemctl", "reset-failed", "berth", check=False)
        if PLAN.exists():
            PLAN.write_text(self.plan)

    def start(self):
        run("systemctl", "start", "berth")

    def ready(self):
        self.start()
        self.await_model()

    def await_model(self):
        wait_until("the model is ready", lambda: ask("GET", "/health/ready")[0] == 200)


class Installed(ServiceTest):
    def test_nothing_is_started_or_enabled(self):
        self.assertEqual(run("systemctl", "is-enabled", "berth", check=False).stdout.strip(), "disabled")
        self.assertEqual(show("ActiveState"), "inactive")

    def test_its_user_has_no_shell(self):
        self.assertIn(pwd.getpwnam("berth").pw_shell, ("/usr/sbin/nologin", "/sbin/nologin"))

    def test_systemd_calls_the_unit_protected(self):
        said = run("systemd-analyze", "security", "--no-pager", "berth").stdout
        found = re.search(r"Overall exposure level for berth\.service: ([0-9.]+)", said)
        print(found.group(0), flush=True)
        self.assertLess(float(found.group(1)), 2.5, said)


class Started(ServiceTest):
    def test_start_returns_when_the_api_and_the_admin_socket_answer(self):
        self.start()
        self.assertEqual(ask("GET", "/health/live")[0], 200)
        self.assertIn("demo-embed", run("berth", "ps").stdout)

    def test_the_plan_below_etc_is_served(self):
        self.ready()
        self.assertEqual(embedding(), (200, 128))

    def test_enabled_it_comes_with_the_machine(self):
        run("systemctl", "enable", "berth")
        self.assertIn("berth.service", run("systemctl", "list-dependencies", "--plain", "multi-user.target").stdout)

    def test_daemon_and_workers_have_no_rights_and_cannot_write(self):
        self.ready()
        for pid in (int(show("MainPID")), *workers()):
            status, mounts = status_of(pid), mounts_of(pid)
            self.assertEqual(status["Uid"].split()[0], str(pwd.getpwnam("berth").pw_uid))
            self.assertEqual((int(status["CapEff"], 16), int(status["CapBnd"], 16)), (0, 0))
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            self.assertIn("ro", mounts["/"])
            for place in ("/run/berth", "/var/log/berth"):
                self.assertIn("rw", mounts[place], place)

    def test_others_may_not_operate_it(self):
        self.ready()
        refused = run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                      "berth", "--socket", "/run/berth/admin.sock", "ps", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("no permission to use /run/berth/admin.sock", refused.stderr)

    def test_logs_of_workers_are_in_var_log(self):
        self.ready()
        folder = Path("/var/log/berth")
        self.assertEqual((folder.owner(), folder.stat().st_mode & 0o777), ("berth", 0o750))
        self.assertTrue(any(folder.rglob("*")), "no log")


class Ended(ServiceTest):
    def test_stop_is_a_success_and_leaves_no_process(self):
        self.ready()
        run("systemctl", "stop", "berth")
        self.assertEqual((show("Result"), show("ExecMainStatus"), of_user("berth")), ("success", "0", []))
        self.assertFalse(Path("/run/berth").exists())

    def test_a_killed_worker_is_replaced_by_the_daemon_alone(self):
        self.ready()
        daemon, [worker] = show("MainPID"), workers()
        os.kill(worker, 9)
        wait_until("another worker is ready", lambda: workers() not in ([], [worker]) and embedding()[0] == 200)
        self.assertEqual((show("MainPID"), show("NRestarts")), (daemon, "0"))

    def test_a_killed_daemon_is_started_again_and_no_worker_of_it_lives(self):
        self.ready()
        before, daemon = workers(), int(show("MainPID"))
        os.kill(daemon, 9)
        wait_until("the service is up again", lambda: show("NRestarts") == "1" and show("ActiveState") == "active")
        self.await_model()
        self.assertEqual(set(workers()) & set(before), set())
        self.assertEqual(embedding()[0], 200)

    def test_a_wrong_plan_fails_once_and_says_where(self):
        PLAN.write_text(self.plan.replace("memory: 512MiB", "memory: plenty"))
        self.assertNotEqual(run("systemctl", "start", "berth", check=False).returncode, 0)
        wait_until("the service has failed", lambda: show("ActiveState") == "failed")
        self.assertEqual((show("ExecMainStatus"), show("NRestarts")), ("65", "0"))
        self.assertRegex(journal(), r"/etc/berth/berth\.yaml:\d+:\d+: ")


class Packaged(ServiceTest):
    def setUp(self):
        run("dpkg", "-i", PACKAGE)
        super().setUp()
        self.addCleanup(run, "dpkg", "-i", PACKAGE)

    def test_an_upgrade_restarts_what_runs_and_keeps_the_plan(self):
        PLAN.write_text(self.plan + "# ours\n")
        self.ready()
        daemon = show("MainPID")
        run("dpkg", "-i", PACKAGE)
        wait_until("the service is up", lambda: show("ActiveState") == "active")
        self.assertNotEqual(show("MainPID"), daemon)
        self.assertIn("# ours", PLAN.read_text())

    def test_removal_ends_the_service_and_a_purge_takes_plan_and_logs(self):
        self.ready()
        run("dpkg", "-r", "berth")
        self.assertEqual(of_user("berth"), [])
        self.assertTrue(PLAN.exists())
        run("dpkg", "-P", "berth")
        self.assertEqual((PLAN.exists(), Path("/var/log/berth").exists()), (False, False))


if __name__ == "__main__":
    unittest.main(verbosity=2)
