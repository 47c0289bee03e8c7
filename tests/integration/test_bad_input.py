"""Bad files, bad plans, bad surroundings: one clear message, the right exit code, nothing half started."""

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BIN, SOURCE, Daemon, model, run_berthd

DEMO = SOURCE / "examples/quickstart/models/demo-embed"


def set_header(path, header, data=b""):
    """Writes a safetensors file with this header (an object, or raw bytes)."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)


def edit_json(name, change):
    def apply(folder):
        path = folder / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    return apply


def edit_header(change):
    """Changes the header of model.safetensors and keeps its data."""
    def apply(folder):
        path = folder / "model.safetensors"
        raw = path.read_bytes()
        length = struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:8 + length])
        change(header)
        set_header(path, header, raw[8 + length:])
    return apply


def first_tensor(header):
    return next(value for key, value in header.items() if key != "__metadata__")


def second_overlaps_first(header):
    names = [key for key in header if key != "__metadata__"]
    one, two = sorted(names, key=lambda name: header[name]["data_offsets"][0])[:2]
    start, end = header[two]["data_offsets"]
    header[two]["data_offsets"] = [start - 4, end - 4]


def drop(name):
    return lambda folder: (folder / name).unlink()


def write(name, content):
    return lambda folder: (folder / name).write_bytes(content)


# What is done to a copy of the demo model, and what the message must name.
MODELS = {
    "weights missing": (drop("model.safetensors"), ["model.safetensors"]),
    "tokenizer missing": (lambda f: (drop("tokenizer.json")(f), drop("vocab.txt")(f)), ["tokenizer.json"]),
    "weights empty": (write("model.safetensors", b""), ["model.safetensors"]),
    "weights truncated": (lambda f: os.truncate(f / "model.safetensors", 100_000), ["model.safetensors"]),
    "header of 2^60 bytes": (write("model.safetensors", struct.pack("<Q", 1 << 60) + b"{}"), ["model.safetensors"]),
    "header is no JSON": (lambda f: set_header(f / "model.safetensors", b"hello"), ["model.safetensors"]),
    "header nested deeply": (lambda f: set_header(f / "model.safetensors", b"[" * 2_000_000), ["model.safetensors"]),
    "tensors overlap": (edit_header(second_overlaps_first), ["model.safetensors"]),
    "tensor out of range": (edit_header(lambda h: first_tensor(h).update(data_offsets=[1 << 40, (1 << 40) + 4])),
                            ["model.safetensors"]),
    "shape overflows": (edit_header(lambda h: first_tensor(h).update(shape=[1 << 40, 1 << 40])), ["model.safetensors"]),
    "unknown dtype": (edit_header(lambda h: first_tensor(h).update(dtype="Q4")), ["Q4"]),
    "tensor missing": (edit_header(lambda h: h.update({"renamed": h.pop("embeddings.LayerNorm.weight")})),
                       ["embeddings.LayerNorm.weight"]),
    "config is no JSON": (write("config.json", b"{"), ["config.json"]),
    "unknown architecture": (edit_json("config.json", lambda c: c.update(model_type="roberta",
                                                                      architectures=["RobertaModel"])), ["oberta"]),
    "hidden size lies": (edit_json("config.json", lambda c: c.update(hidden_size=64)), ["64"]),
    "hidden size huge": (edit_json("config.json", lambda c: c.update(hidden_size=1 << 50)), ["hidden_size"]),
    "heads do not divide": (edit_json("config.json", lambda c: c.update(num_attention_heads=7)), ["num_attention_heads"]),
    "arithmetic unknown": (edit_json("config.json", lambda c: c.update(position_embedding_type="relative_key")),
                           ["position_embedding_type"]),
    "activation unknown": (edit_json("config.json", lambda c: c.update(hidden_act="wobble")), ["wobble"]),
    "tokenizer without model": (edit_json("tokenizer.json", lambda c: c.pop("model")), ["tokenizer.json"]),
    "tokenizer without vocab": (edit_json("tokenizer.json", lambda c: c["model"].pop("vocab")), ["vocab"]),
    "tokenizer nested deeply": (write("tokenizer.json", b'{"model":' + b"[" * 500_000), ["tokenizer.json"]),
    "tokenizer of another kind": (edit_json("tokenizer.json", lambda c: c["model"].update(type="Unigram")), ["Unigram"]),
    "pooling unknown": (edit_json("1_Pooling/config.json",
                                  lambda c: (c.update({k: False for k in c if k.startswith("pooling_mode")}),
                                             c.update(pooling_mode_weightedmean_tokens=True))), ["weightedmean"]),
}


class Models(unittest.TestCase):
    """All broken models in one daemon, beside a whole one that goes on serving."""

    def test_each_is_refused_by_name_and_the_good_one_serves(self):
        if not DEMO.exists():
            self.skipTest("the demo model is not there")
        if not (BIN / "berth-worker").exists():
            self.skipTest("berth-worker is not built (BERTH_WORKER=OFF)")
        folder = Path(tempfile.mkdtemp(prefix="berth-bad-"))
        plan = [model("good", source=str(DEMO), memory="256MiB")]
        for index, (name, (spoil, _)) in enumerate(MODELS.items()):
            copy = folder / f"m{index}"
            shutil.copytree(DEMO, copy)
            spoil(copy)
            plan.append(model(f"m{index}", source=str(copy), memory="256MiB", required=False))
        with Daemon(*plan, worker="berth-worker").start(wait_ready=False) as berth:
            for index, (name, (_, names)) in enumerate(MODELS.items()):
                with self.subTest(name):
                    replica = berth.wait_state("failed", f"m{index}", deadline_s=120)
                    for word in names:
                        self.assertIn(word, replica["reason"])
                    self.assertEqual(berth.embed(f"m{index}").status, 503)
                    self.assertEqual(replica["last_exit"]["cause"], "load_failed")
                    print(f"\n  {name}: {replica['reason'].replace(str(folder), '')[:150]}", end="")
            berth.wait_ready()
            self.assertEqual(berth.embed("good").status, 200)
        shutil.rmtree(folder)


class Plans(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="berth-plan-"))
        self.addCleanup(shutil.rmtree, self.dir)

    def plan(self, text):
        path = self.dir / "berth.yaml"
        path.write_text(text)
        return path

    def good(self, **server):
        (self.dir / "m.json").write_text("{}")
        keys = {"listen": "127.0.0.1:0", "admin": str(self.dir / "run/admin.sock"), **server}
        return self.plan(json.dumps({"version": 1, "server": keys, "devices": {"cpu": {"memory": "1GiB", "threads": 1}},
                                     "models": {"m": {"kind": "embedding", "source": "m.json", "memory": "64MiB"}}}))

    def refused(self, path, code, *words):
        done = run_berthd(path, "--worker", BIN / "fake-worker")
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        return done.stderr

    def test_every_mistake_at_once_with_its_place(self):
        text = ("version: 1\nserver:\n  lisen: 127.0.0.1:0\nmodels:\n  m:\n    kind: embeding\n    source: x\n"
                "    memory: 2\n    replicas: 0\n    afer: [y]\n")
        path = self.plan(text)
        message = self.refused(path, 65, ":3:3:", "listen", ":6:11:", "embedding", ":8:13:", ":9:15:", ":10:5:", "after")
        self.assertGreaterEqual(message.count("berth.yaml:"), 5)
        checked = subprocess.run([BIN / "berth", "validate", path], capture_output=True, text=True)
        self.assertEqual(checked.returncode, 65)

    def test_no_plan_not_yaml_and_a_folder(self):
        self.refused(self.dir / "none.yaml", 65, "none.yaml")
        self.refused(self.plan("a: [b\n"), 65, "berth.yaml:")
        self.refused(self.dir, 65, str(self.dir))

    def test_usage(self):
        self.assertEqual(run_berthd().returncode, 64)
        self.assertEqual(run_berthd("--frobnicate").returncode, 64)

    def test_model_that_does_not_fit_is_refused_with_the_numbers(self):
        path = self.good()
        path.write_text(path.read_text().replace("64MiB", "900MiB").replace('"kind"', '"replicas": 2, "kind"'))
        self.refused(path, 65, "900 MiB", "1 GiB")
        planned = subprocess.run([BIN / "berth", "plan", path], capture_output=True, text=True)
        self.assertEqual(planned.returncode, 1)

    def test_source_that_is_not_there(self):
        path = self.good()
        (self.dir / "m.json").unlink()
        self.refused(path, 65, "m.json")

    def test_source_without_a_config(self):
        path = self.good()
        (self.dir / "m.json").unlink()
        (self.dir / "m.json").mkdir()
        self.refused(path, 65, "config.json")

    def test_socket_path_too_long(self):
        self.refused(self.good(admin="/tmp/" + "x" * 120 + "/admin.sock"), 65, "107")

    def test_port_in_use_starts_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            message = self.refused(self.good(listen=f"127.0.0.1:{port}"), 73, str(port))
            self.assertNotIn("starting", message)

    def test_no_permission(self):
        if os.geteuid() == 0:
            plan = self.good(admin="/proc/1/berth/admin.sock")   # nobody may create folders there
            self.assertIn(run_berthd(plan, "--worker", BIN / "fake-worker").returncode, (73, 77))
            return
        self.refused(self.good(admin="/root/berth/admin.sock"), 77, "/root/berth")

    def test_worker_program_missing(self):
        done = run_berthd(self.good(), "--worker", "/nowhere/worker")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nowhere/worker", done.stderr)

    def test_second_daemon_on_the_same_runtime_folder(self):
        with Daemon(model("m", behaviour={})) as berth:
            second = run_berthd(berth.plan_path, "--worker", BIN / "fake-worker")
            self.assertEqual(second.returncode, 73, second.stderr)
            self.assertIn(str(berth.process.pid), second.stderr)
            self.assertEqual(berth.embed().status, 200)

    def test_no_daemon(self):
        done = subprocess.run([BIN / "berth", "--socket", self.dir / "none.sock", "ps"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 69)
        self.assertIn("none.sock", done.stderr)


class Admin(unittest.TestCase):
    def test_nonsense_on_the_admin_socket_is_answered_and_harms_nothing(self):
        with Daemon(model("m", behaviour={})) as berth:
            for data in (b"\0" * 100, b"GET\r\n\r\n", b"POST /v1/models/m/start HTTP/1.1\r\n\r\n", b"A" * 100_000):
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(10)
                    sock.connect(str(berth.dir / "run/admin.sock"))
                    try:
                        sock.sendall(data)
                        answer = sock.recv(100)
                    except (BrokenPipeError, ConnectionResetError):
                        continue
                    self.assertTrue(answer.startswith(b"HTTP/1.1 4"), answer)
            self.assertEqual(berth.admin("POST", "/v1/models/nope/start").status, 404)
            self.assertEqual(berth.admin("GET", "/v1/nope").status, 404)
            self.assertEqual(berth.admin("GET", "/v1/models/m/start").status, 405)
            self.assertEqual(berth.embed().status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
