"""The example plans: each says in its head how to render it, and is rendered so; and each runs."""

import json
import os
import re
import subprocess
import unittest
from pathlib import Path

from harness import BIN, SOURCE, Daemon

EXAMPLES = SOURCE / "examples"
NVML = Path(os.environ.get("BERTH_BUILD", BIN.parent)) / "fake_nvml/new/libnvidia-ml.so.1"


def command_of(plan):
    """The words after `berth` of the command in the plan's own head."""
    return re.search(r"#   berth (plan .*)", plan.read_text()).group(1).split()


def rendered(plan):
    """[(replica, device, wave)] as that command prints them."""
    command = command_of(plan)
    done = subprocess.run([str(BIN / "berth"), *command], cwd=SOURCE, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(done.stderr)
    rows = [line.split() for line in done.stdout.split("\n\n")[0].splitlines()[1:]]
    return [(row[1], row[2], int(row[0])) for row in rows]


class Rendered(unittest.TestCase):
    def test_one_card_each(self):
        # bge loads first; chat is exclusive, so it gets the other card; coder joins bge, for chat's card is closed.
        self.assertEqual(rendered(EXAMPLES / "one-card-each/berth.yaml"),
                         [("bge/0", "gpu0", 0), ("chat/0", "gpu1", 1), ("coder/0", "gpu0", 1)])

    def test_replicas_dedicated(self):
        self.assertEqual(rendered(EXAMPLES / "replicas-dedicated/berth.yaml"),
                         [("arctic-embed/0", "gpu0", 0), ("arctic-embed/1", "gpu1", 0), ("arctic-embed/2", "gpu2", 0)])

    def test_replicas_shared(self):
        # 3 x (4 + 3) GiB on one card of 24 GiB.
        self.assertEqual(rendered(EXAMPLES / "replicas-shared/berth.yaml"),
                         [(f"{model}/{i}", "gpu0", 0) for i in range(3) for model in ("arctic-embed", "reranker")])

    def test_swap_groups(self):
        self.assertEqual(rendered(EXAMPLES / "swap-groups/berth.yaml"),
                         [("bge/0", "gpu0", 0), ("reranker/0", "gpu1", 0), ("coder/0", "gpu0", 1), ("reviewer/0", "gpu0", 1),
                          ("chat/0", "gpu1", 1), ("large/0", "gpu1", 1)])

    def test_every_example_with_a_plan_is_rendered_here(self):
        plans = {path.parent.name for path in EXAMPLES.glob("*/berth.yaml")}
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(plans - tested, {"quickstart"}, "the quickstart has a test of its own")


class Example(Daemon):
    """An example's plan with fake workers, on the GPUs of its own command (of a fake NVML)."""

    def __init__(self, name):
        super().__init__()
        plan = EXAMPLES / name / "berth.yaml"
        sizes = [int(size) for size in re.findall(r"=(\d+)GiB", " ".join(command_of(plan)))]
        world = {"gpus": [{"uuid": f"GPU-0000000{i}-1111-2222-3333-444444444444", "name": "a GPU", "bus": 16 + i,
                           "total": gib << 30, "reserved": 0, "used": 0, "processes": []}
                          for i, gib in enumerate(sizes)]}
        (self.dir / "world.json").write_text(json.dumps(world))
        behaviour = self.dir / "behaviour.json"
        behaviour.write_text("{}")
        server = {"listen": "127.0.0.1:0", "admin": str(self.dir / "run/admin.sock"),
                  "logs": {"dir": str(self.dir / "logs")}}
        text = re.sub(r"source: models/\S+", f"source: {behaviour}", plan.read_text())
        self.plan_path.write_text(text.replace("version: 1\n", f"version: 1\nserver: {json.dumps(server)}\n"))
        self.arguments = ["--nvml", str(NVML)]

    def start(self, wait_ready=True, env=None):
        return super().start(wait_ready, {**os.environ, "BERTH_FAKE_NVML": str(self.dir / "world.json")})

    def where(self):
        """[(replica, device)] of the replicas that are ready."""
        return sorted((f"{model['name']}/{one['replica']}", one["devices"])
                      for model in self.admin("GET", "/v1/models").json()["models"]
                      for one in model["replicas"] if one["state"] == "ready")


class Run(unittest.TestCase):
    def test_each_serves_where_it_was_rendered(self):
        for name in ("one-card-each", "replicas-dedicated", "replicas-shared"):
            with self.subTest(name), Example(name) as daemon:
                expected = [(replica, [device]) for replica, device, _ in rendered(EXAMPLES / name / "berth.yaml")]
                self.assertEqual(daemon.where(), sorted(expected))

    def test_swap_groups_take_turns_stay_together_and_are_alone(self):
        with Example("swap-groups") as daemon:
            def after(*models):
                for name in models:
                    self.assertEqual(daemon.embed(name).status, 200, name)
                return [replica.split("/")[0] for replica, _ in daemon.where()]

            self.assertEqual(after(), ["bge"])
            self.assertEqual(after("coder"), ["bge", "coder"])
            self.assertEqual(after("reviewer"), ["bge", "reviewer"], "swap: one at a time, though both would fit")
            self.assertEqual(after("chat", "reranker"), ["bge", "chat", "reranker", "reviewer"], "who fits beside stays")
            self.assertEqual(after("large"), ["bge", "large", "reviewer"], "exclusive: alone on its card")
            self.assertEqual(after("coder"), ["bge", "coder", "large"])
            self.assertEqual(after("chat"), ["bge", "chat", "coder"], "and it gives way like any other")

    def test_embedding_loads_before_language_models(self):
        with Example("one-card-each") as daemon:
            events = [json.loads(line) for line in daemon.admin("GET", "/v1/events").body.splitlines()]
            ready = [event["model"] for event in events if event.get("model") and "ready" in event["message"]]
            self.assertEqual(ready[0], "bge", ready)


if __name__ == "__main__":
    unittest.main()
