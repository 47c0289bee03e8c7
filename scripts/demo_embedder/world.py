"""Draws meanings from the lexicon, alters them, says them, and grades what they share.

A meaning is a list of clauses. Its vector over the concepts (a weight per role) is what
the similarity of two meanings is computed from: the cosine under the concepts' own
similarity (lexicon.py). So the grade of any two sentences is known exactly.
"""

import random
from dataclasses import replace

import numpy as np

from .frames import JOINS
from .grammar import Clause, say
from .lexicon import ACTORS, THINGS, Concept

ROLE_WEIGHTS = dict(verb=0.95, obj=1.0, agent=0.6, tail=0.6, adjective=0.6, time=0.35, place=0.5, number=0.3)
SUBJECT_WEIGHT = 0.95  # the agent of an intransitive verb
NEGATION_WEIGHT = 0.75
INVENTED = 64  # columns for words that exist in one batch only

ONSETS = """b bl br c ch cl cr d dr f fl fr g gl gr h j k kl l m n p pl pr qu r s sh sk sl sm sn sp st str t th tr
v w wh y z""".split()
CORES = "a e i o u ai ea ee oa oo ou er ar or al en in on an el".split()
ENDINGS = ["", ""] + "n t ck ll s ra ton ler ing ed ment er ic ber ley son ia y tion able".split()


class World:
    """Meanings, sentences and grades; all randomness from one seed."""

    def __init__(self, lexicon, extra_words, held_out, seed):
        held_out.refuse(s for _, _, family in lexicon.families for s in family)
        self.held_out = held_out
        self.rng = random.Random(seed)
        self.lexicon = lexicon
        self.extra_words = extra_words
        count = len(lexicon.concepts)
        self.negation, self.first_invented = count, count + 1
        self.similarity = np.eye(count + 1 + INVENTED, dtype=np.float32)
        self.similarity[:count, :count] = lexicon.similarity
        self.topics = [t for t in lexicon.topics.values() if t.name != "general"]
        self.general = lexicon.topics["general"]
        self.targets, self.invented = {}, []

    # ---- drawing ----

    def new_invented_words(self):
        """Fresh words that mean only themselves, so that unknown words keep their identity."""
        self.invented = []
        for index in range(self.first_invented, self.first_invented + INVENTED):
            kind = self.rng.choice("nnnpo")
            self.invented.append(Concept(index, "invented", kind, "invented", [self._invent()], ""))

    def _invent(self):
        if self.rng.random() < 0.5:
            return self.rng.choice(self.extra_words)
        syllables = range(self.rng.choice((1, 1, 2)))
        body = "".join(self.rng.choice(ONSETS) + self.rng.choice(CORES) for _ in syllables)
        return body + self.rng.choice(ENDINGS)

    def _targets(self, concept, topic, kinds):
        """What a verb or adjective can go with."""
        key = (concept.index, topic.name)
        if key not in self.targets:
            named = self.lexicon.named(topic, concept.targets, THINGS) if concept.targets else []
            self.targets[key] = named or topic.of(kinds)
        return self.targets[key]

    def _verb(self, topic, kind):
        own = topic.of(kind)
        return self.rng.choice(own if own and self.rng.random() < 0.72 else self.general.of(kind))

    def _agent(self, topic):
        people = topic.of(ACTORS)
        pick = self.rng.random()
        if pick < 0.35 or not people:
            return self.rng.choice(self.general.of("p"))
        return self.rng.choice(people if pick < 0.9 else self.lexicon.topics["family"].of("p"))

    def _object(self, verb, topic):
        if self.rng.random() < 0.08:
            return self.rng.choice(self.invented)
        return self.rng.choice(self._targets(verb, topic, "nnmqbx" if self.rng.random() < 0.7 else "nmqb"))

    def _subject(self, verb, topic):
        if verb.targets == "p" or not verb.targets:
            return self._agent(topic)
        return self.rng.choice(self._targets(verb, topic, ACTORS))

    def _adjective(self, topic):
        own = topic.of("a")
        return self.rng.choice(own if own and self.rng.random() < 0.6 else self.general.of("a"))

    def _place(self, topic):
        pool = topic.of("x")
        if not pool or self.rng.random() >= 0.6:
            pool = self.rng.choice([t for t in self.topics if t.of("x")]).of("x")
        return self.rng.choice(pool if self.rng.random() < 0.9 else self.lexicon.topics["countries"].of("m"))

    def clause(self, topic):
        """A random clause of one topic."""
        pick = self.rng.random()
        families = [f for f in self.lexicon.families if f[0] is topic]
        if families and pick < 0.07:
            return Clause("family", family=self.rng.choice(families))
        if pick < 0.5:
            clause = self._transitive(topic)
        elif pick < 0.72:
            clause = self._intransitive(topic)
        elif pick < 0.9:
            clause = Clause("copula", obj=self.rng.choice(topic.of("nnmqbp")), adjective=self._adjective(topic))
        else:
            clause = self._noun(topic)
        return self._circumstances(clause, topic)

    def _intransitive(self, topic):
        verb = self._verb(topic, "i")
        clause = Clause("intransitive", verb=verb, agent=self._subject(verb, topic))
        clause.adjective = self._adjective(topic) if self.rng.random() < 0.2 else None
        return clause

    def _noun(self, topic):
        clause = Clause("noun", obj=self.rng.choice(topic.of(THINGS)))
        clause.adjective = self._adjective(topic) if self.rng.random() < 0.4 else None
        clause.tail = self.rng.choice(topic.of("nmb")) if self.rng.random() < 0.5 and topic.of("nmb") else None
        return clause

    def _transitive(self, topic):
        verb = self._verb(topic, "v")
        clause = Clause("transitive", verb=verb, obj=self._object(verb, topic))
        clause.agent = self._agent(topic) if self.rng.random() < 0.5 else None
        clause.adjective = self._adjective(topic) if self.rng.random() < 0.18 else None
        clause.tail = self.rng.choice(topic.of("nmqbpx")) if self.rng.random() < 0.2 else None
        return clause

    def _circumstances(self, clause, topic):
        rng = self.rng
        if clause.form != "noun":
            clause.time = rng.choice(self.general.of("t")) if rng.random() < 0.2 else None
            clause.place = self._place(topic) if rng.random() < 0.16 else None
            clause.negated = rng.random() < 0.1
        clause.number = rng.choice(self.general.of("k")) if rng.random() < 0.08 else None
        return clause

    # ---- altering ----

    def alter(self, clause):
        """A clause that shares some of the meaning: one to three roles changed or dropped."""
        if clause.form == "family":
            plain = self._plain(clause.family[1])
            if plain is None or self.rng.random() < 0.2:
                return self.clause(clause.family[0])
            return plain if self.rng.random() < 0.4 else self._alter_once(plain)
        for _ in range(self.rng.choice((1, 1, 1, 2, 2, 3))):
            clause = self._alter_once(clause)
        return clause

    @staticmethod
    def _plain(concepts):
        """The clause that says what a sentence family is about, or None."""
        first = {}
        for concept in concepts:
            first.setdefault("thing" if concept.kind in THINGS else concept.kind, concept)
        thing = first.get("thing")
        if thing and "v" in first:
            return Clause("transitive", verb=first["v"], obj=thing, adjective=first.get("a"))
        if thing and "i" in first:
            return Clause("intransitive", verb=first["i"], agent=thing)
        if thing and "a" in first:
            return Clause("copula", obj=thing, adjective=first["a"])
        return Clause("noun", obj=thing) if thing else None

    def _alter_once(self, clause):
        present = [role for role in ROLE_WEIGHTS if getattr(clause, role) is not None]
        role = self.rng.choice(present)
        optional = role in ("time", "place", "number", "tail")
        optional |= role == "adjective" and clause.form != "copula"
        optional |= role == "agent" and clause.form == "transitive"
        pick = self.rng.random()
        if pick < 0.08 and clause.form != "noun":
            return replace(clause, negated=not clause.negated)
        if optional and pick < 0.45:
            return replace(clause, **{role: None})
        return replace(clause, **{role: self._relative(getattr(clause, role))})

    def _relative(self, concept):
        """Another concept of the same group (half the time) or of the same topic and kind."""
        if concept.topic == "invented":
            return self.rng.choice(self.invented)
        pool = self.lexicon.topics[concept.topic].kinds[concept.kind]
        group = [c for c in pool if c.group == concept.group]
        return self.rng.choice(group if self.rng.random() < 0.5 else pool)

    # ---- grading ----

    def weights(self, clauses):
        """{concept index: weight} of a meaning."""
        total = {}
        for clause in clauses:
            for index, weight in self._roles(clause):
                total[index] = max(weight, total.get(index, 0.0))
            if clause.negated:
                total[self.negation] = NEGATION_WEIGHT
        return total

    def _roles(self, clause):
        if clause.form == "family":
            return [(c.index, 1.0) for c in clause.family[1]]
        found = [(role, getattr(clause, role)) for role in ROLE_WEIGHTS]
        return [(c.index, self._weight(clause, role, c)) for role, c in found if c is not None]

    def _weight(self, clause, role, concept):
        if role == "agent" and clause.form == "intransitive":
            return SUBJECT_WEIGHT
        if role == "adjective" and clause.form == "copula":
            return 0.85
        return ROLE_WEIGHTS[role] * (0.8 if role == "verb" and concept.topic == "general" else 1.0)

    def grades(self, meanings):
        """[n, n]: similarity of each two meanings, about 0 (nothing shared) to 1 (the same)."""
        weights = [self.weights(m) for m in meanings]
        used = sorted({i for w in weights for i in w})
        column = {index: position for position, index in enumerate(used)}
        matrix = np.zeros((len(meanings), len(used)), np.float32)
        for row, w in enumerate(weights):
            for index, weight in w.items():
                matrix[row, column[index]] = weight
        gram = matrix @ self.similarity[np.ix_(used, used)] @ matrix.T
        norm = np.sqrt(np.diag(gram))
        return gram / norm[:, None] / norm[None, :]

    # ---- batches ----

    def sentence(self, meaning):
        """The meaning in words; said differently where a held-out sentence came out."""
        while True:
            text = self._words(meaning)
            if not self.held_out.within(text):
                return text

    def _words(self, meaning):
        """Clauses joined, sometimes punctuated."""
        text = say(self.rng, meaning[0])
        for clause in meaning[1:]:
            text += self.rng.choice(JOINS) + say(self.rng, clause)
        return text + self.rng.choice(["", "", ".", ".", "?", "!"])

    def batch(self, size, family_size=8):
        """(sentences, grades): families of related meanings, from a few topics."""
        self.new_invented_words()
        topics = self.rng.sample(self.topics, 6)
        meanings = []
        while len(meanings) < size:
            meanings += self._relations(self.rng.choice(topics), family_size)
        meanings = meanings[:size]
        return [self.sentence(m) for m in meanings], self.grades(meanings)

    def _relations(self, topic, count):
        """One meaning, said twice, and `count - 2` others that share some of it."""
        base = [self.clause(topic)]
        if self.rng.random() < 0.12:
            base.append(self.clause(topic))
        group = [base, base]
        while len(group) < count:
            changed = [self.alter(c) for c in base]
            if self.rng.random() < 0.1:
                changed = changed[:1] + [self.clause(topic)]
            elif self.rng.random() < 0.12:
                changed = base
            group.append(changed)
        return group
