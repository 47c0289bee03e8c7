"""GPUs by NVML: the real daemon with a libnvidia-ml.so.1 whose GPUs a test changes (tests/support/fake_nvml)."""

import json
import os
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from harness import BIN, Daemon, model, wait_until

FAKE = Path(os.environ.get("BERTH_BUILD", BIN.parent)) / "fake_nvml/new/libnvidia-ml.so.1"
GIB = 1 << 30
UUID = "GPU-5f1c2a3b-1111-2222-3333-444444444444"


def h100(**more):
    return {"uuid": UUID, "name": "NVIDIA H100 80GB HBM3", "bus": 23, "total": 80 * GIB, "reserved": GIB,
            "used": 0, "temperature": 41, "utilization": 75, "power_mw": 250500, "power_limit_mw": 700000,
            "processes": [], **more}


class GpuDaemon(Daemon):
    """A daemon whose plan has one GPU, `gpu0`, and its world."""

    def __init__(self, *models, gpu=None, world=None, **keys):
        super().__init__(*models, **keys)
        plan = json.loads(self.plan_path.read_text())
        plan["devices"]["gpu0"] = gpu or {"cuda": UUID}
        self.plan_path.write_text(json.dumps(plan, indent=1))
        self.arguments = ["--nvml", str(FAKE)]
        self.more_environment = {}
        self.set(**(world or {"gpus": [h100()]}))

    def set(self, **world):
        following = self.dir / "world.next"
        following.write_text(json.dumps(world))
        following.rename(self.dir / "world.json")

    @property
    def environment(self):
        return {**os.environ, "BERTH_FAKE_NVML": str(self.dir / "world.json"), "CUDA_VISIBLE_DEVICES": "0,1,2,3",
                **self.more_environment}

    def start(self, wait_ready=True, env=None):
        return super().start(wait_ready=wait_ready, env=self.environment)

    def replica(self, name):
        return self.admin("GET", f"/v1/models/{name}").json()["replicas"][0]

    def gpu(self):
        devices = self.admin("GET", "/v1/devices").json()["devices"]
        return next(device["gpu"] for device in devices if device["name"] == "gpu0")

    def wait_event(self, text):
        def told():
            events = map(json.loads, self.admin("GET", "/v1/events").body.splitlines())
            return next((event for event in events if text in event["message"]), None)
        return wait_until(f"an event with {text!r}", told)

    def check(self):
        return subprocess.run([BIN / "berthd", self.plan_path, "--check", *self.arguments], capture_output=True,
                              text=True, env=self.environment, timeout=60)


def on_gpu(name, **keys):
    return model(name, devices=["gpu0"], memory="8GiB", **keys)


class Gpu(unittest.TestCase):
    def test_a_worker_sees_its_gpu_alone_and_one_on_the_cpu_none(self):
        with GpuDaemon(on_gpu("chat"), model("bge", devices=["cpu"])) as daemon:
            def environment(name):
                path = Path(f"/proc/{daemon.replica(name)['pid']}/environ")
                return dict(entry.split("=", 1) for entry in path.read_text().split("\0") if entry)
            chat = environment("chat")
            self.assertEqual((chat["CUDA_VISIBLE_DEVICES"], chat["CUDA_DEVICE_ORDER"]), (UUID, "PCI_BUS_ID"))
            self.assertEqual(environment("bge")["CUDA_VISIBLE_DEVICES"], "")
            self.assertNotIn("CUDA_DEVICE_ORDER", environment("bge"))

    def test_devices_and_metrics_show_it_with_foreign_processes(self):
        stranger = {"pid": os.getpid(), "used": 12 * GIB}
        with GpuDaemon(on_gpu("chat")) as daemon:
            pid = daemon.replica("chat")["pid"]
            daemon.set(gpus=[h100(used=18 * GIB, processes=[stranger, {"pid": pid, "used": 6 * GIB}])])
            event = daemon.wait_event("foreign use of GPU 0")
            self.assertIn(f"pid {os.getpid()}", event["message"])
            self.assertIn("12 GiB", event["message"])
            gpu = daemon.gpu()
            self.assertEqual([process["pid"] for process in gpu["foreign"]], [os.getpid()])
            self.assertEqual((gpu["foreign_bytes"], gpu["total_bytes"]), (12 * GIB, 79 * GIB))
            for value, name, labels in ((1, "nvml_up", {}), (41, "gpu_temperature_celsius", {"gpu": "GPU-5f1c2a3b"}),
                                        (250.5, "gpu_power_watts", {"gpu": "GPU-5f1c2a3b"}),
                                        (12 * GIB, "device_memory_unaccounted_bytes", {"device": "gpu0"}),
                                        (6 * GIB, "device_memory_used_bytes", {"model": "chat", "source": "nvml"}),
                                        (79 * GIB, "device_memory_total_bytes", {"device": "gpu0"})):
                self.assertEqual(daemon.metric(f"berth_{name}", **labels), value, name)
            shown = daemon.berth("devices").stdout
            for part in ("NVIDIA H100", "41 C", "75 %", f"pid {os.getpid()}", "12 GiB"):
                self.assertIn(part, shown)

    def test_a_foreign_process_is_seen_at_admission_and_the_load_waits_for_it(self):
        stranger = {"pid": os.getpid(), "used": 75 * GIB}
        daemon = GpuDaemon(on_gpu("chat"), world={"gpus": [h100(used=75 * GIB, processes=[stranger])]})
        with daemon.start(wait_ready=False):
            def refused():
                replica = daemon.replica("chat")
                return replica if f"pid {os.getpid()}" in replica["reason"] else None
            replica = wait_until("a refusal that names the process", refused)
            self.assertEqual(replica["state"], "waiting")
            self.assertIn("75 GiB", replica["reason"])
            self.assertIn("8 GiB", replica["reason"])
            daemon.set(gpus=[h100()])
            daemon.wait_ready()

    def test_memory_stays_reserved_until_the_device_has_let_go_of_the_process(self):
        with GpuDaemon(on_gpu("chat")) as daemon:
            listed = [{"pid": daemon.replica("chat")["pid"], "used": 6 * GIB}]
            daemon.set(gpus=[h100(used=6 * GIB, processes=listed)])
            wait_until("NVML lists the worker", lambda: daemon.gpu()["used_bytes"])
            daemon.admin("POST", "/v1/models/chat/stop")
            wait_until("the end of the process", lambda: "let go" in daemon.replica("chat")["reason"])
            self.assertEqual(daemon.replica("chat")["state"], "stopping")
            self.assertEqual(len(daemon.admin("GET", "/v1/ledger").json()["reservations"]), 1)
            daemon.set(gpus=[h100()])
            wait_until("it is gone", lambda: daemon.replica("chat")["state"] == "stopped")
            self.assertEqual(daemon.admin("GET", "/v1/ledger").json()["reservations"], [])

    def test_a_lost_gpu_is_an_event_and_starts_no_restart_loop(self):
        with GpuDaemon(on_gpu("chat")) as daemon:
            pid = daemon.replica("chat")["pid"]
            daemon.set(gpus=[h100(lost=True)], xids=[{"gpu": 0, "xid": 79}])
            daemon.wait_event("Xid 79")
            daemon.wait_event("is lost")
            os.kill(pid, 9)
            wait_until("it waits for its GPU", lambda: "fallen off the bus" in daemon.replica("chat")["reason"])
            replica = daemon.replica("chat")
            self.assertEqual((replica["state"], replica["pid"]), ("waiting", None))
            self.assertEqual(replica["incarnation"], 1)
            self.assertIn("fallen off the bus", daemon.gpu()["lost"])

    def test_the_daemon_opens_nvml_and_no_cuda_library(self):
        daemon = GpuDaemon(on_gpu("chat"))
        for name in ("libcuda.so.1", "libcudart.so.12", "libcublas.so.12"):  # there to be found, if it looked
            shutil.copy(FAKE, daemon.dir / name)
        daemon.more_environment = {"LD_LIBRARY_PATH": str(daemon.dir)}
        with daemon.start():
            daemon.berth("devices")
            maps = Path(f"/proc/{daemon.process.pid}/maps").read_text()
            self.assertIn("libnvidia-ml.so.1", maps)
            self.assertNotIn("libcu", maps)

    def test_a_blocked_driver_blocks_nobody(self):
        with GpuDaemon(on_gpu("chat")) as daemon:
            daemon.set(gpus=[h100(delay_ms={"nvmlDeviceGetPowerUsage": 6000})])
            daemon.wait_event("NVML has not answered")
            began = time.monotonic()
            self.assertEqual(daemon.get("/health").status, 200)
            self.assertEqual(len(daemon.admin("GET", "/v1/devices").json()["devices"]), 2)
            self.assertLess(time.monotonic() - began, 2)
            daemon.set(gpus=[h100()])
            daemon.wait_event("NVML answers again")


SECOND = "GPU-6a1c2a3b-1111-2222-3333-444444444444"


class TwoGpus(GpuDaemon):
    """The same with a second GPU, `gpu1`."""

    def __init__(self, *models, worker="fake-worker"):
        super().__init__(*models, world={"gpus": [h100(), h100(uuid=SECOND, bus=24)]}, worker=worker)
        plan = json.loads(self.plan_path.read_text())
        plan["devices"]["gpu1"] = {"cuda": SECOND}
        self.plan_path.write_text(json.dumps(plan, indent=1))


class SeveralDevices(unittest.TestCase):
    def chat(self):
        return model("chat", devices=["gpu0", "gpu1"], memory="8GiB", devices_per_replica=2)

    def test_a_replica_on_two_gpus_holds_its_memory_on_both_and_sees_both(self):
        with TwoGpus(self.chat()) as daemon:
            replica = daemon.replica("chat")
            self.assertEqual(replica["devices"], ["gpu0", "gpu1"])
            ledger = daemon.admin("GET", "/v1/ledger").json()
            self.assertEqual([(one["device"], one["bytes"]) for one in ledger["reservations"]],
                             [("gpu0", 8 * GIB), ("gpu1", 8 * GIB)])
            for device in ("gpu0", "gpu1"):
                self.assertEqual(daemon.metric("berth_device_memory_reserved_bytes", device=device, model="chat"), 8 * GIB)
            environment = Path(f"/proc/{replica['pid']}/environ").read_text().split("\0")
            self.assertIn(f"CUDA_VISIBLE_DEVICES={UUID},{SECOND}", environment)
            self.assertIn("gpu0, gpu1", daemon.berth("ps").stdout)
            self.assertIn(b'"devices_per_replica":2', daemon.admin("GET", "/v1/plan").body.replace(b" ", b""))

    def test_it_is_gone_once_both_gpus_have_let_go(self):
        with TwoGpus(self.chat()) as daemon:
            listed = [{"pid": daemon.replica("chat")["pid"], "used": 6 * GIB}]
            daemon.set(gpus=[h100(used=6 * GIB, processes=listed), h100(uuid=SECOND, bus=24, used=6 * GIB, processes=listed)])
            wait_until("NVML lists the worker", lambda: daemon.gpu()["used_bytes"])
            daemon.admin("POST", "/v1/models/chat/stop")
            wait_until("the end of the process", lambda: "let go" in daemon.replica("chat")["reason"])
            daemon.set(gpus=[h100(), h100(uuid=SECOND, bus=24, used=6 * GIB, processes=listed)])
            wait_until("the first has let go", lambda: not daemon.gpu()["used_bytes"])
            self.assertEqual(len(daemon.admin("GET", "/v1/ledger").json()["reservations"]), 2)
            daemon.set(gpus=[h100(), h100(uuid=SECOND, bus=24)])
            wait_until("it is gone", lambda: daemon.replica("chat")["state"] == "stopped")
            self.assertEqual(daemon.admin("GET", "/v1/ledger").json()["reservations"], [])

    def test_the_real_worker_refuses_several_devices_by_name(self):
        with TwoGpus(self.chat(), worker="berth-worker").start(wait_ready=False) as daemon:
            replica = wait_until("a failed load", lambda: daemon.replica("chat")["state"] == "failed" and daemon.replica("chat"))
            self.assertIn("devices_per_replica", replica["reason"])


class GpuPlan(unittest.TestCase):
    def refusal(self, gpu, world=None, code=65):
        daemon = GpuDaemon(on_gpu("chat"), gpu=gpu, world=world)
        done = daemon.check()
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_a_gpu_that_is_not_there_is_refused_with_what_is(self):
        message = self.refusal({"cuda": "GPU-99"})
        self.assertIn('device "gpu0": no GPU "GPU-99"', message)
        self.assertIn(f"0 = {UUID}", message)

    def test_more_memory_than_it_has_is_refused_with_the_numbers(self):
        message = self.refusal({"cuda": "0", "memory": "80GiB"})
        self.assertIn("80 GiB", message)
        self.assertIn("79 GiB", message)

    def test_without_a_matching_driver_the_reason_is_said_and_the_service_tries_again(self):
        self.assertIn("different versions", self.refusal({"cuda": "0"}, world={"init": 18}, code=75))
        unit = (Path(__file__).parents[2] / "config/berth.service").read_text()
        never = next(line for line in unit.splitlines() if line.startswith("RestartPreventExitStatus="))
        self.assertNotIn("75", never)
        self.assertIn("65", never)

    def test_a_model_by_hand_that_is_larger_than_the_gpu_is_refused_though_the_plan_gives_no_size(self):
        daemon = GpuDaemon(on_gpu("bge"), model("big", devices=["gpu0"], memory="90GiB", start="manual"), gpu={"cuda": "0"})
        done = daemon.check()
        self.assertEqual(done.returncode, 65, done.stderr)
        self.assertIn('"big": it can never be started: each replica needs 90 GiB; gpu0 has 79 GiB in all', done.stderr)

    def offline(self, *arguments, library):
        daemon = GpuDaemon(on_gpu("chat"), gpu={"cuda": "0"})
        environment = {**daemon.environment, "LD_LIBRARY_PATH": str(library)}
        command, *rest = arguments
        return subprocess.run([BIN / "berth", command, daemon.plan_path, *rest], capture_output=True, text=True,
                              env=environment, timeout=60)

    def test_plan_and_validate_ask_nvml_for_the_size_that_the_plan_leaves_out(self):
        done = self.offline("plan", library=FAKE.parent)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("79 GiB", done.stdout)
        self.assertEqual(self.offline("validate", library=FAKE.parent).returncode, 0)
        given = self.offline("plan", "--device", "gpu0=40GiB", library=FAKE.parent)
        self.assertIn("40 GiB", given.stdout)

    def test_without_nvml_plan_says_that_it_could_not_ask(self):
        done = self.offline("plan", library="/nonexistent")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn('device "gpu0": its memory is not known here: cannot look for GPU "0": ', done.stderr)
        self.assertIn("--device gpu0=80GiB", done.stderr)
        given = self.offline("plan", "--device", "gpu0=40GiB", library="/nonexistent")
        self.assertEqual((given.returncode, given.stderr), (0, ""))

    def test_a_good_plan_shows_the_gpus_own_memory(self):
        daemon = GpuDaemon(on_gpu("chat"), gpu={"cuda": "0"})
        done = daemon.check()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("79 GiB", done.stdout)


if __name__ == "__main__":
    unittest.main()
