"""Programs that others wrote, unmodified: the official OpenAI client for Node, Prometheus and promtool."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import SOURCE, Daemon, model, wait_until

NODE_FOLDER = Path(os.environ.get("BERTH_NODE", SOURCE / "build/node"))
DEMO = SOURCE / "examples/quickstart/models/demo-embed"


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.berth = Daemon(model("demo-embed", source=str(DEMO), memory="1GiB", replicas=2,
                                 aliases=["text-embedding-3-small"]), worker="berth-worker").start()

    @classmethod
    def tearDownClass(cls):
        cls.berth.__exit__(None)

    def test_official_openai_client(self):
        if not (NODE_FOLDER / "node_modules/openai").exists():
            self.skipTest("the OpenAI client is not installed (scripts/dev setup)")
        shutil.copy(SOURCE / "tests/integration/node/client.mjs", NODE_FOLDER)
        for name in ("demo-embed", "text-embedding-3-small"):
            done = subprocess.run(["node", "client.mjs", f"http://127.0.0.1:{self.berth.port}/v1", name],
                                  cwd=NODE_FOLDER, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            got = json.loads(done.stdout)
            self.assertIn("demo-embed", got["ids"])
            self.assertEqual(len(got["many"]), 3)
            self.assertEqual(len(got["single"]), len(got["floats"]))
            worst = max(abs(a - b) for a, b in zip(got["single"], got["floats"]))
            self.assertLess(worst, 1e-6)
            self.assertGreater(got["usage"]["prompt_tokens"], 2)
            self.assertEqual(got["refused"], {"name": "NotFoundError", "status": 404, "code": "model_not_found",
                                              "type": "not_found_error"})

    def test_promtool_is_silent(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed (scripts/dev setup)")
        for _ in range(3):
            self.assertEqual(self.berth.embed("demo-embed").status, 200)
        self.berth.embed("no-such-model")
        text = self.berth.get("/metrics").body
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_prometheus_scrapes_it(self):
        if not shutil.which("prometheus"):
            self.skipTest("prometheus is not installed (scripts/dev setup)")
        folder = Path(tempfile.mkdtemp(prefix="berth-prom-"))
        self.addCleanup(shutil.rmtree, folder, True)
        example = (SOURCE / "examples/monitoring/prometheus.yml").read_text()
        self.assertIn("127.0.0.1:8080", example)
        config = example.replace("127.0.0.1:8080", f"127.0.0.1:{self.berth.port}")
        (folder / "prometheus.yml").write_text(config.replace("15s", "1s").replace("10s", "1s"))
        for rules in (SOURCE / "examples/monitoring").glob("*.yml"):
            if rules.name != "prometheus.yml":
                shutil.copy(rules, folder)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/db",
                                   f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (server.kill(), server.wait()))

        def query(expression):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/api/v1/query?query=" + expression)
                return json.loads(connection.getresponse().read())["data"]["result"]
            except (OSError, KeyError, ValueError, http.client.HTTPException):
                return []
            finally:
                connection.close()

        self.berth.embed("demo-embed")
        ready = wait_until("berth_model_ready in Prometheus", lambda: query("berth_model_ready"), 60)
        self.assertEqual(ready[0]["metric"]["model"], "demo-embed")
        up = query("up")
        self.assertEqual([one["value"][1] for one in up], ["1"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
