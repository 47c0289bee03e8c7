"""The shells' completions say what the programs' own help says: bash's are run, zsh's are read."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import BIN, SOURCE, Daemon, model

COMPLETION = SOURCE / "config/completion"


def help_of(program, *arguments):
    done = subprocess.run([BIN / program, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def commands():
    """The names in `berth help`."""
    listed = help_of("berth", "help").split("Commands:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines()]


def options_in(text):
    """Every option that begins a line of a help text, letters too."""
    found = set()
    for line in text.splitlines():
        for name in re.findall(r"--?[a-z]+(?:-[a-z]+)*", line.split("  ")[1]) if line.startswith("  -") else ():
            found.add(name)
    return found


def bash(*words, env=None):
    """What bash offers for the last of `words`."""
    file = COMPLETION / f"{words[0]}.bash"
    script = (f'. "{file}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1" 2>/dev/null; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **(env or {})})
    return done.stdout.split()


class Bash(unittest.TestCase):
    def test_offers_every_command_of_the_help(self):
        self.assertEqual(bash("berth", ""), commands())
        self.assertEqual(bash("berth", "help", ""), commands())
        self.assertEqual(bash("berth", "--json", "st"), ["start", "stop", "status"])

    def test_offers_the_options_that_each_command_takes(self):
        for command in commands():
            with self.subTest(command):
                self.assertEqual(set(bash("berth", command, "-")), options_in(help_of("berth", "help", command)))

    def test_offers_the_options_of_berthd(self):
        self.assertEqual(set(bash("berthd", "-")), options_in(help_of("berthd", "--help")))

    def test_offers_files_where_a_plan_is_wanted(self):
        with tempfile.TemporaryDirectory() as folder:
            plan = Path(folder, "plan one.yaml")
            plan.touch()
            for words in (["berth", "validate"], ["berth", "plan"], ["berth", "--socket"], ["berthd"]):
                self.assertEqual(" ".join(bash(*words, f"{folder}/pl")), str(plan), words)

    def test_offers_the_models_of_the_daemon_that_the_line_names(self):
        with Daemon(model("one"), model("two/b", start="manual")) as berth:
            socket = str(berth.dir / "run/admin.sock")
            self.assertEqual(sorted(bash("berth", "--socket", socket, "stop", "")), ["one", "two/b"])
            self.assertEqual(bash("berth", "logs", "tw", env={"BERTH_SOCKET": socket}), ["two/b"])

    def test_offers_no_model_without_a_daemon(self):
        self.assertEqual(bash("berth", "stop", "", env={"BERTH_SOCKET": "/nonexistent/admin.sock"}), [])


class Zsh(unittest.TestCase):
    text = (COMPLETION / "_berth").read_text()

    def group(self, name):
        """The options in the file's array of that name."""
        body = re.search(rf"^{name}=\((.*?)\)$", self.text, re.M | re.S).group(1)
        body = re.sub(r"'\([^)]*\)'|\[.*?\]", "", body)
        return set(re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", body))

    def test_lists_commands_and_their_help(self):
        listed = re.search(r"^commands=\(\n(.*?)^\)", self.text, re.M | re.S).group(1)
        offered = [re.sub(r"'\\''", "'", line.strip()[1:-1]).replace("\\:", "\0") for line in listed.splitlines()]
        described = [[part.replace("\0", ":") for part in line.split(":")] for line in offered]
        self.assertEqual([name for name, _ in described], commands())
        text = help_of("berth", "help")
        for name, sentence in described:
            self.assertRegex(text, rf"(?m)^  {name}\b.*  {re.escape(sentence)}$")

    def test_offers_the_options_that_each_command_takes(self):
        branches = {}
        for names, groups in re.findall(r"^      ([a-z |*]+)\) _arguments ([^'&]*)", self.text, re.M):
            for name in names.split(" | "):
                branches[name] = set().union(*(self.group(group[1:]) for group in groups.split()))
        for command in commands():
            with self.subTest(command):
                offered = branches.get(command, branches["*"])
                self.assertEqual(offered, options_in(help_of("berth", "help", command)))

    def test_offers_the_options_of_berthd(self):
        offered = re.sub(r"'\([^)]*\)'|\[.*?\]", "", (COMPLETION / "_berthd").read_text())
        self.assertEqual(set(re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", offered)), options_in(help_of("berthd", "--help")))

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed: its completions are not parsed by it")
    def test_parses(self):
        for name in ("_berth", "_berthd"):
            subprocess.run(["zsh", "-n", COMPLETION / name], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
