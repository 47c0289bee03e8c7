"""The quickstart as a newcomer runs it: `scripts/dev demo`, and the promise of its rank correlation."""

import os
import re
import subprocess
import unittest

from harness import BIN, SOURCE

LEAST_CORRELATION = 0.65


class Quickstart(unittest.TestCase):
    def test_demo_answers_and_leaves_nothing_behind(self):
        done = subprocess.run(["python3", SOURCE / "scripts/demo.py", BIN], capture_output=True, text=True, timeout=180,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for words in ("demo-embed/0     ready", "demo-embed/1     ready", "demo-chat/0      ready", "named Mia", "berth_requests_total"):
            self.assertIn(words, done.stdout)
        correlation = float(re.search(r"graded similarity (\S+)", done.stdout).group(1))
        print(f"\nrank correlation {correlation}")
        self.assertGreaterEqual(correlation, LEAST_CORRELATION)
        left = subprocess.run(["pgrep", "-f", "berth-demo-"], capture_output=True, text=True).stdout.split()
        self.assertEqual([pid for pid in left if int(pid) != os.getpid()], [])

    def test_pairs_are_a_hundred_and_spread(self):
        rows = [line.split("\t") for line in (SOURCE / "examples/quickstart/pairs.tsv").read_text().splitlines()
                if line and not line.startswith("#")]
        self.assertEqual(len(rows), 100)
        grades = [float(row[0]) for row in rows]
        self.assertGreater(sum(grade <= 1.5 for grade in grades), 20)
        self.assertGreater(sum(grade >= 3.5 for grade in grades), 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
