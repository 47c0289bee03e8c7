#!/usr/bin/env python3
"""The package on a machine of its own: `scripts/dev service`.

A Debian 12 of nothing but the package's dependencies is made once (build/service/root), booted by systemd-nspawn with
its own systemd, users and loopback network, and thrown away: what happens there is kept in memory. Inside,
service_test.py installs the package and plays what operators do. Exit status 1 when a test failed, 2 when the machine
did not come so far.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What the tests want besides the package, and what makes it fast.
ALSO = ["systemd", "systemd-sysv", "dbus", "python3", "procps", "libopenblas0-pthread"]
BOOT_AND_TESTS_S = 1800
SHUTDOWN_S = 120


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, **more)


def make_package(build, folder):
    made = folder / "package"
    shutil.rmtree(made, ignore_errors=True)
    run("cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", made, stdout=subprocess.DEVNULL)
    [package] = made.glob("*.deb")
    return package


def make_root(folder, package):
    """A Debian with what the package depends on, made again only when that changes."""
    root, stamp = folder / "root", folder / "root.made"
    depends = run("dpkg-deb", "-f", package, "Depends", capture_output=True, text=True).stdout.strip()
    wanted = "\n".join([depends, *ALSO])
    if stamp.exists() and stamp.read_text() == wanted:
        return root
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    run("debootstrap", "--variant=minbase", f"--include={','.join(ALSO[:4])}", "bookworm", root)
    apt = [*container(root), "--pipe", "--setenv=DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq"]
    run(*apt, "update")
    run(*apt, "satisfy", "--no-install-recommends", ", ".join([depends, *ALSO]))
    stamp.write_text(wanted)
    return root


def container(root):
    """systemd-nspawn, also where no systemd is in charge of this machine."""
    command = ["systemd-nspawn", "--quiet", "--directory", root, "--machine=berth-service"]
    return command if Path("/run/systemd/system").exists() else [*command, "--register=no", "--keep-unit"]


def boot(root, package, report):
    """Boots, runs the tests, ends; the exit status is that of berth-check.service."""
    shutil.copy(HERE / "berth-check.service", root / "etc/systemd/system/berth-check.service")
    command = [*container(root), "--volatile=overlay", "--private-network", "--console=pipe",
               f"--bind-ro={HERE}:/check", f"--bind-ro={package}:/berth.deb", f"--bind={report}:/report",
               "--boot", "systemd.wants=berth-check.service"]
    with open(report / "boot.log", "wb") as log:
        machine = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            return machine.wait(BOOT_AND_TESTS_S)
        except subprocess.TimeoutExpired:
            print(f"the machine did not end within {BOOT_AND_TESTS_S} s", file=sys.stderr)
            return 2
        finally:
            end(machine)


def end(machine):
    if machine.poll() is None:
        machine.send_signal(signal.SIGTERM)  # an orderly shutdown
        try:
            machine.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            machine.kill()
            machine.wait(SHUTDOWN_S)


def main():
    parser = argparse.ArgumentParser(prog="scripts/dev service", description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    build = parser.parse_args().build.resolve()
    if os.geteuid() != 0:
        sys.exit("scripts/dev service: only root may boot a machine")
    folder = build.parent / "service"
    report = folder / "report"
    shutil.rmtree(report, ignore_errors=True)
    report.mkdir(parents=True)
    package = make_package(build, folder)
    status = boot(make_root(folder, package), package, report)
    said = report / "tests.log"
    if not said.exists():
        print((report / "boot.log").read_text(errors="replace")[-4000:])
        return 2
    print(said.read_text(errors="replace"))
    return status


if __name__ == "__main__":
    sys.exit(main())
