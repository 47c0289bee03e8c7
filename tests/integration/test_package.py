"""The Debian package: made by cpack from the build folder, unpacked into a folder, and served from there.

Nothing is installed, so no root is needed: the plan's paths are moved below that folder, systemd is a datagram
socket of the test, and the worker is the fake one, at the place where the package has the real one.

Environment, besides that of harness.py: BERTH_BUILD (the build folder; default: the one that holds BERTH_BIN).
"""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BIN, DEADLINE_S, SOURCE

BUILD = Path(os.environ.get("BERTH_BUILD", BIN.parent))
PACKAGE_DEADLINE_S = 300.0
UNIT = "usr/lib/systemd/system/berth.service"
PLAN = "etc/berth/berth.yaml"


def run(*arguments, **more):
    return subprocess.run([str(one) for one in arguments], capture_output=True, text=True,
                          timeout=PACKAGE_DEADLINE_S, stdin=subprocess.DEVNULL, **more)


class Unpacked:
    """The package, its control files and its content."""

    def __init__(self, folder):
        made = run("cpack", "-G", "DEB", "--config", BUILD / "CPackConfig.cmake", "-B", folder / "made", cwd=folder)
        if made.returncode != 0:
            raise AssertionError(f"cpack failed:\n{made.stdout}{made.stderr}")
        [self.file] = (folder / "made").glob("*.deb")
        self.root = folder / "root"
        self.control = folder / "control"
        run("dpkg", "-x", self.file, self.root, check=True)
        run("dpkg-deb", "-e", self.file, self.control, check=True)
        self.modes = {line.split(None, 5)[5]: line.split()[:2]
                      for line in run("dpkg-deb", "-c", self.file, check=True).stdout.splitlines()}

    def field(self, name):
        return run("dpkg-deb", "-f", self.file, name, check=True).stdout.strip()

    def unit(self):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(self.root / UNIT)
        return unit["Service"]


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        missing = [tool for tool in ("cpack", "dpkg", "dpkg-deb", "dpkg-shlibdeps") if not shutil.which(tool)]
        if missing:
            raise unittest.SkipTest(f"not installed: {', '.join(missing)}")
        cls.folder = Path(tempfile.mkdtemp(prefix="berth-pkg-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.package = Unpacked(cls.folder)


class Content(PackageTest):
    def test_control_names_package_and_computed_dependencies(self):
        self.assertEqual(self.package.field("Package"), "berth")
        for library in ("libc6", "libyaml-cpp", "libprometheus-cpp-core"):
            self.assertIn(library, self.package.field("Depends"))
        self.assertEqual("libtorch" in self.package.field("Depends"), (BIN / "berth-worker").exists())

    def test_plan_is_a_configuration_file(self):
        self.assertEqual((self.package.control / "conffiles").read_text(), f"/{PLAN}\n")

    def test_maintainer_scripts_are_shell_and_executable(self):
        for name in ("postinst", "prerm", "postrm"):
            script = self.package.control / name
            self.assertTrue(os.access(script, os.X_OK), name)
            self.assertEqual(run("sh", "-n", script).stderr, "", name)

    def test_everything_belongs_to_root_and_to_nobody_else_to_write(self):
        for name, (mode, owner) in self.package.modes.items():
            self.assertEqual((owner, mode[5], mode[8]), ("root/root", "-", "-"), name)

    def test_documents_examples_and_completions_are_there(self):
        for name in ("usr/bin/berth", "usr/share/doc/berth/README.md", "usr/share/doc/berth/LICENSE",
                     "usr/share/doc/berth/copyright", "usr/share/doc/berth/reference.md",
                     "usr/share/berth/examples/full.yaml", "usr/share/berth/examples/monitoring/prometheus.yml",
                     "usr/share/bash-completion/completions/berth", "usr/share/bash-completion/completions/berthd",
                     "usr/share/zsh/vendor-completions/_berth", "usr/share/zsh/vendor-completions/_berthd",
                     "usr/lib/sysusers.d/berth.conf"):
            self.assertTrue((self.package.root / name).is_file(), name)


class Service(PackageTest):
    def test_unit_starts_what_the_package_has(self):
        program, plan = self.package.unit()["ExecStart"].split()
        self.assertTrue(os.access(f"{self.package.root}{program}", os.X_OK))
        self.assertEqual(plan, f"/{PLAN}")

    def test_folders_of_plan_and_unit_are_the_same(self):
        unit, plan = self.package.unit(), (self.package.root / PLAN).read_text()
        self.assertIn(f"admin: /run/{unit['RuntimeDirectory']}/admin.sock ", plan)
        self.assertIn(f"dir: /var/log/{unit['LogsDirectory']} ", plan)
        self.assertEqual(unit["RuntimeDirectoryMode"], "0700")

    def test_user_of_the_unit_is_made(self):
        user = self.package.unit()["User"]
        self.assertRegex((self.package.root / "usr/lib/sysusers.d/berth.conf").read_text(), rf"(?m)^u {user} ")

    def test_timeout_covers_the_default_drain_and_grace(self):
        text = (SOURCE / "config/full.yaml").read_text()
        defaults = [int(re.search(rf"\b{key}: (\d+)s", text).group(1)) for key in ("drain", "grace")]
        self.assertGreaterEqual(int(self.package.unit()["TimeoutStopSec"]), sum(defaults) + 10)

    def test_systemd_finds_no_mistake_in_the_unit(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        text = (self.package.root / UNIT).read_text()
        unit = self.folder / "berth.service"
        unit.write_text(text.replace("ExecStart=/", f"ExecStart={self.package.root}/"))
        found = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
        self.assertEqual((found.returncode, found.stderr), (0, ""))


class Served(PackageTest):
    def setUp(self):
        root = self.package.root
        self.plan = self.folder / "berth.yaml"
        self.socket = self.folder / "run/admin.sock"
        text = (root / PLAN).read_text()
        for place, moved in {"/run/berth": self.folder / "run", "/var/log/berth": self.folder / "logs",
                             "/usr/share/berth": root / "usr/share/berth", "127.0.0.1:8080": "127.0.0.1:0"}.items():
            self.assertIn(place, text)
            text = text.replace(place, str(moved))
        self.plan.write_text(text)

    def berth(self, *arguments):
        return run(self.package.root / "usr/bin/berth", "--socket", self.socket, *arguments)

    def test_plan_of_the_package_is_valid(self):
        found = run(self.package.root / "usr/bin/berth", "validate", self.plan)
        self.assertEqual((found.returncode, found.stderr), (0, ""))

    def test_daemon_tells_systemd_and_serves_until_it_is_ended(self):
        self.use_fake_worker()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, open(self.folder / "log", "wb") as log:
            systemd.bind(str(self.folder / "notify"))
            systemd.settimeout(DEADLINE_S)
            daemon = subprocess.Popen(
                [self.package.root / "usr/bin/berthd", self.plan], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")})
            try:
                self.assertEqual(systemd.recv(4096), b"READY=1")
                started = self.berth("start", "demo-embed", "--wait=30s")
                self.assertEqual(started.returncode, 0, started.stdout + started.stderr)
                self.assertRegex(self.berth("ps").stdout, r"(?m)^demo-embed\b.* ready ")
                daemon.send_signal(signal.SIGTERM)
                self.assertEqual(systemd.recv(4096), b"STOPPING=1")
                self.assertEqual(daemon.wait(DEADLINE_S), 0)
            except BaseException:
                print((self.folder / "log").read_text())
                raise
            finally:
                if daemon.poll() is None:
                    daemon.kill()
                    daemon.wait(DEADLINE_S)

    def use_fake_worker(self):
        """At the real worker's place; it reads its behaviour where the real one reads the model."""
        worker = self.package.root / "usr/libexec/berth/berth-worker"
        worker.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BIN / "fake-worker", worker)
        behaviour = self.folder / "behaviour.json"
        behaviour.write_text(json.dumps({"load_ms": 20}))
        text, count = re.subn(r"source: /.*demo-embed\n", f"source: {behaviour}\n", self.plan.read_text())
        self.assertEqual(count, 1)
        self.plan.write_text(text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
