"""The example plans: each says in its head how to render it, and is rendered so; and each runs."""

import re
import subprocess
import unittest
from pathlib import Path

from harness import BIN, SOURCE

EXAMPLES = SOURCE / "examples"


def rendered(plan):
    """[(replica, device, wave)] as the command in the plan's own head prints them."""
    command = re.search(r"#   berth (plan .*)", plan.read_text()).group(1).split()
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

    def test_every_example_with_a_plan_is_rendered_here(self):
        plans = {path.parent.name for path in EXAMPLES.glob("*/berth.yaml")}
        tested = {name[5:].replace("_", "-") for name in dir(self) if name.startswith("test_")}
        self.assertEqual(plans - tested, {"quickstart"}, "the quickstart has a test of its own")


if __name__ == "__main__":
    unittest.main()
