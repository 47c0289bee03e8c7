"""Concepts of the synthetic world, read from lexicon/*.txt.

A file is a list of topics; a topic is a list of lines:

    @topic
    kind[/group][*] name, synonym, synonym; name, synonym > targets

kind: n countable noun, m mass noun, q plural noun, p person, b animal, x place,
      v transitive verb, i intransitive verb, a adjective, t time or manner, k number,
      s a sentence family: `s concept concept: sentence | sentence` (all mean the same).
`,` separates synonyms (one concept), `;` concepts of one group. `>` names the groups or
concepts that a verb or adjective goes with, for the concepts before it that have none yet
(`>>`: only for the one before it; default: everything of its topic; `*`: everything).

The similarity of two concepts is the dot product of their feature vectors: half of it
is what they are (shared names), a quarter their group, the rest their topic.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .wordpiece import split_words

FILES = ("computers", "services", "home", "outside", "people", "general")
THINGS = "nmqbpx"
ACTORS = "pb"

# Squared weights of what two concepts can have in common; they sum to 1.
OWN, GROUP, TOPIC = 0.55, 0.22, 0.23

LINE = re.compile(r"^([nmqpbxviatks])(?:/(\w+))?(\*)? (.*)$")


@dataclass
class Concept:
    """One idea and all its names. `index` is its row in the similarity matrix."""

    index: int
    topic: str
    kind: str
    group: str
    names: list
    targets: list
    anywhere: bool = False


@dataclass
class Topic:
    """The concepts of one topic by kind, and its sentence families."""

    name: str
    kinds: dict = field(default_factory=dict)
    families: list = field(default_factory=list)

    def of(self, kinds):
        """All concepts of the given kinds."""
        return [c for kind in kinds for c in self.kinds.get(kind, [])]


class Lexicon:
    """All topics, all concepts, and `similarity` [concepts, concepts]."""

    def __init__(self, folder):
        self.topics, self.concepts = {}, []
        for name in FILES:
            self._read(Path(folder) / (name + ".txt"))
        self.families = [self._resolve(topic, *f) for topic in self.topics.values() for f in topic.families]
        self.similarity = self._similarity()

    def _read(self, path):
        topic = None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("@"):
                topic = self.topics.setdefault(line[1:], Topic(line[1:]))
                continue
            match = LINE.match(line)
            if not match:
                raise ValueError(f"{path}:{number}: not a lexicon line: {line}")
            self._add_line(topic, *match.groups())

    def _add_line(self, topic, kind, group, star, rest):
        if kind == "s":
            tags, _, sentences = rest.partition(":")
            topic.families.append((tags, [s.strip() for s in sentences.split("|")]))
            return
        group, waiting = f"{topic.name}/{kind}/{group or len(self.concepts)}", []
        for part in rest.split(";"):
            names, arrow, targets = part.partition(">")
            names = [n.strip() for n in names.split(",") if n.strip()]
            concept = Concept(len(self.concepts), topic.name, kind, group, names, "", bool(star))
            self.concepts.append(concept)
            topic.kinds.setdefault(kind, []).append(concept)
            waiting.append(concept)
            if arrow:
                own_only = targets.startswith(">")
                for each in waiting[-1:] if own_only else waiting:
                    each.targets = targets.strip("> ")
                waiting = waiting[:-1] if own_only else []

    def named(self, topic, words, kinds):
        """The concepts of `topic` with a name or a group in `words`; long names before short ones."""
        found, rest = self._take(topic.of(kinds), words)
        groups = rest.split()
        return found + [c for c in topic.of(kinds) if c not in found and c.group.split("/")[2] in groups]

    @staticmethod
    def _take(pool, words):
        """(concepts named in `words`, the words that named none)."""
        names = [(-len(name), position > 0, c.kind in "vi", c.index, name)
                 for c in pool for position, name in enumerate(c.names)]
        by_index, found, rest = {c.index: c for c in pool}, [], f" {words} "
        for _, _, _, index, name in sorted(names):
            if f" {name} " in rest:
                rest = rest.replace(f" {name} ", "  ", 1)
                found.append(by_index[index])
        return found, rest

    def _resolve(self, topic, tags, sentences):
        """(topic, concepts, sentences) of a sentence family; tags may name concepts of any topic."""
        found, rest = [], tags
        for place in (topic, self.topics["general"], *self.topics.values()):
            more, rest = self._take(place.of("vianmqpbxt"), rest)
            found += more
        if rest.strip() or not found:
            raise ValueError(f"topic {topic.name}: no concept is called {rest.strip()!r}")
        return (topic, found, sentences)

    def words(self):
        """All words of all names and sentence families."""
        texts = [n for c in self.concepts for n in c.names] + [s for _, _, family in self.families for s in family]
        return {w for text in texts for w in split_words(text.replace("_", " "))}

    def _similarity(self):
        """[C, C]: dot products of the concepts' feature vectors."""
        columns = {}
        rows = np.zeros((len(self.concepts), 4 * len(self.concepts)), np.float32)

        def put(row, key, weight):
            rows[row, columns.setdefault(key, len(columns))] += weight

        for c in self.concepts:
            word_class = "V" if c.kind in "vi" else "N" if c.kind in THINGS else c.kind
            for name in c.names:
                put(c.index, (word_class, name.replace(" _", "")), (OWN / len(c.names)) ** 0.5)
            put(c.index, ("group", c.group), GROUP**0.5)
            if c.topic != "general":
                put(c.index, ("topic", c.topic), TOPIC**0.5)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows @ rows.T
