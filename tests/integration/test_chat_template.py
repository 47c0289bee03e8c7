"""Our chat templates beside Jinja itself: real templates on many conversations, and generated templates.

Equal means equal text, or an error on both sides.
"""

import json
import re
import subprocess
import unittest
from pathlib import Path

import template_conversations
import template_generator
from harness import BIN, DATA, need_data

PYTHON = "/usr/bin/python3"  # the one that Debian's python3-jinja2 is for
JUDGE = [PYTHON, str(Path(__file__).with_name("template_judge.py"))]
OURS = [str(BIN / "template-probe")]
SEED = 5
GENERATED = 3000

# What ours refuses and says so, where Jinja goes on. Slicing what has no slices is an error in Jinja, too, unless it is a
# constant, which its optimiser takes for undefined.
REFUSALS = re.compile(r"not supported|cannot be sliced|64 bits|out of reach|is not iterable; put|more than 100000 characters")
# What Jinja prints differs from run to run.
ADDRESS = re.compile(r" object .*at 0x|<function|<built-in|<bound method|iterator at")


def ask(command, questions):
    done = subprocess.run(command, input="\n".join(map(json.dumps, questions)) + "\n", capture_output=True, text=True,
                          timeout=600)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(answers) != len(questions):
        at = questions[len(answers)] if len(answers) < len(questions) else None
        raise AssertionError(f"{command[-1]} ended with {done.returncode} at {at}: {done.stderr[-2000:]}")
    return answers


def agree(mine, judge):
    if "error" in judge:
        return "error" in mine
    if "error" in mine:
        return bool(REFUSALS.search(mine["error"])) or bool(ADDRESS.search(judge["text"]))
    return mine["text"] == judge["text"] or bool(ADDRESS.search(judge["text"]))


class ChatTemplate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if subprocess.run([PYTHON, "-c", "import jinja2"], capture_output=True).returncode != 0:
            raise unittest.SkipTest("python3-jinja2 is not installed (scripts/dev setup)")

    def compare(self, name, questions, says=lambda question: question["source"]):
        differences = []
        mine, judge = ask(OURS, questions), ask(JUDGE, questions)
        for question, own, other in zip(questions, mine, judge):
            if not agree(own, other):
                differences.append(f"{says(question)}\n   ours: {own}\n  judge: {other}")
        texts = sum("text" in one for one in judge)
        print(f"\n{name}: {len(questions)} renderings, {texts} texts, {len(questions) - texts} errors on the judge's side, "
              f"{sum('error' in own and 'text' in other for own, other in zip(mine, judge))} refused by ours alone, "
              f"{len(differences)} differences")
        self.assertEqual(len(differences), 0, "\n".join(differences[:20]))

    def test_real_templates(self):
        folder = need_data("chat-templates")
        for file in sorted(folder.glob("*.jinja")):
            with self.subTest(file.name):
                source = file.read_text()
                names, variables = zip(*template_conversations.all_variables())
                questions = [{"source": source, "variables": one, "name": name} for name, one in zip(names, variables)]
                self.compare(file.name, questions, lambda question: question["name"])

    def test_generated_expressions(self):
        self.compare("expressions", template_generator.expressions(GENERATED, SEED))

    def test_generated_templates(self):
        self.compare("templates", template_generator.templates(GENERATED // 2, SEED))

    def test_written_templates(self):
        self.compare("written", template_generator.written())


if __name__ == "__main__":
    unittest.main(verbosity=2)
