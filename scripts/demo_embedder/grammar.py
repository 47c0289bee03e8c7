"""Says a clause in English, in one of many ways.

Everything here takes `rng` (a random.Random); the same clause said twice comes out in
different words, voice, tense and order, with the same meaning.
"""

from dataclasses import dataclass, field
from typing import Optional

from . import frames
from .lexicon import Concept
from .morphology import comparative, gerund, participle, past, plural, third_person, with_article

@dataclass
class Clause:
    """What is meant. `form` is transitive, intransitive, copula, noun or family."""

    form: str
    verb: Optional[Concept] = None
    agent: Optional[Concept] = None
    obj: Optional[Concept] = None
    tail: Optional[Concept] = None
    adjective: Optional[Concept] = None
    time: Optional[Concept] = None
    place: Optional[Concept] = None
    number: Optional[Concept] = None
    negated: bool = False
    family: tuple = field(default=None)


def _name(rng, concept):
    """A name of the concept, its first one most often."""
    return concept.names[0] if rng.random() < 0.3 else rng.choice(concept.names)


def _quality(rng, adjective):
    """The adjective plain, compared or strengthened; that is no other meaning here."""
    word, pick = _name(rng, adjective), rng.random()
    if pick < 0.08:
        return comparative(word)
    if pick < 0.12:
        return "the " * (pick > 0.1) + comparative(word, "est")
    return rng.choice(["very ", "really ", "too ", "so ", "quite "]) + word if pick < 0.3 else word


def noun_phrase(rng, concept, adjective=None, number=None):
    """(text, is_plural) of a noun with determiner, adjective and number."""
    name = _name(rng, concept)
    if concept.kind == "o" or concept.topic == "countries":
        return name, False
    if adjective:
        words = _quality(rng, adjective).replace("the ", "")
        name = words + " " + name if len(words.split()) < 3 else name + " that is " + words
    return _determined(rng, concept, name, number)


def _determined(rng, concept, name, number):
    """(text, is_plural) of a name with the determiner that its kind of noun can have."""
    if concept.kind == "m":
        return _join(rng.choice(frames.MASS_DETERMINERS), name), False
    if concept.kind == "q":
        return _join(rng.choice(frames.PLURAL_DETERMINERS), name), True
    if number:
        count = _name(rng, number)
        single = count in ("one", "1", "a single", "every")
        return _join(count, name if single else plural(name)), not single
    if concept.names[0] in ("people", "everyone", "someone", "crowd"):
        return ("the crowd" if name == "crowd" else name), concept.names[0] == "people"
    if rng.random() < 0.25 and " that is " not in name:
        return _join(rng.choice(frames.PLURAL_DETERMINERS), plural(name)), True
    if rng.random() < 0.45:
        return with_article(name), False
    return _join(rng.choice(frames.SINGULAR_DETERMINERS), name), False


def _join(*parts):
    return " ".join(p for p in parts if p)


def _agent(rng, clause, adjective=None):
    """(text, is_plural) of who does it; a pronoun where nobody is meant in particular."""
    if clause.agent is None:
        pronoun = rng.choice(["i", "i", "you", "we", "they", "he", "she"])
        return pronoun, pronoun not in ("he", "she")
    first = clause.agent.names[0]
    if first in frames.HE | frames.SHE and rng.random() < 0.15:
        return ("he" if first in frames.HE else "she"), False
    number = clause.number if clause.form == "intransitive" else None
    return noun_phrase(rng, clause.agent, adjective, number)


def _place(rng, place):
    name = _name(rng, place)
    if name in ("abroad", "downtown") or place.topic == "countries":
        return name if name == "abroad" else "in " + name
    determiners = ["the", "the", "the", "a", "my", "our"]
    return _join(rng.choice(frames.PLACE_PREPOSITIONS), rng.choice(determiners), name)


PLURAL_FORMS = {
    "is": "are", "was": "were", "has": "have", "does": "do", "doesn't": "don't", "seems": "seem",
    "looks": "look", "feels": "feel", "wants": "want", "needs": "need", "tries": "try", "plans": "plan",
    "hopes": "hope", "helps": "help", "likes": "like", "refuses": "refuse",
}
FORMS_WITH_I = {**PLURAL_FORMS, "is": "am", "was": "was"}


def _agree(auxiliary, subject, is_plural):
    """Makes "is", "has", "was", "does" fit the subject."""
    if not is_plural:
        return auxiliary
    head, space, rest = auxiliary.partition(" ")
    return (FORMS_WITH_I if subject == "i" else PLURAL_FORMS).get(head, head) + space + rest


def _with_object(phrase, obj):
    """Puts the object at its place: "put _ on" + "hat" -> "put hat on"."""
    return phrase.replace("_", obj).strip() if "_" in phrase else _join(phrase, obj)


def _active(rng, verb, subject, is_plural, obj, negated):
    """"he will open the door" in a random tense; also without an object."""
    if negated:
        auxiliary = _agree(rng.choice(frames.NEGATED), subject, is_plural)
        return _join(subject, auxiliary, _with_object(verb, obj))
    tense = rng.random()
    if tense < 0.26:
        return _join(subject, _with_object(past(verb), obj))
    if tense < 0.42:
        return _join(subject, _with_object(verb if is_plural else third_person(verb), obj))
    if tense < 0.66:
        auxiliary = _agree(rng.choice(["is", "is", "was"]), subject, is_plural)
        return _join(subject, auxiliary, _with_object(gerund(verb), obj))
    if tense < 0.78:
        auxiliary = _join(_agree("has", subject, is_plural), rng.choice(["", "", "just", "already"]))
        return _join(subject, auxiliary, _with_object(participle(verb), obj))
    if tense < 0.84:
        someone = "someone" if subject in ("i", "he", "she", "we", "they") else subject
        return _join(rng.choice(["there is", "i see", "look at"]), someone, _with_object(gerund(verb), obj))
    return _join(subject, _agree(rng.choice(frames.MODALS), subject, is_plural), _with_object(verb, obj))


def _passive(rng, verb, agent, obj, is_plural, negated):
    """"the door was opened by him"."""
    auxiliary = rng.choice(frames.PASSIVES)
    auxiliary = _agree(auxiliary, obj, is_plural)
    if negated:
        auxiliary = _agree(rng.choice(frames.PASSIVES_NEGATED), obj, is_plural)
    done = _with_object(participle(verb), "").replace("  ", " ").strip()
    return _join(obj, auxiliary, done, "by " + agent if agent else "")


def _transitive(rng, clause):
    obj, obj_plural = noun_phrase(rng, clause.obj, clause.adjective, clause.number)
    if clause.tail:
        tail, _ = noun_phrase(rng, clause.tail)
        obj += " " + rng.choice(frames.TAIL_PREPOSITIONS) + " " + tail
    verb = _name(rng, clause.verb)
    style = rng.random()
    if clause.agent is None and style < 0.62:
        return _ask(rng, verb, obj, clause.negated)
    if style > 0.86 and not verb.startswith(("have", "can't", "not ", "be ", "get", "need")):
        agent = _agent(rng, clause)[0] if clause.agent else None
        return _passive(rng, verb, agent, obj, obj_plural, clause.negated)
    subject, is_plural = _agent(rng, clause)
    return _active(rng, verb, subject, is_plural, obj, clause.negated)


def _ask(rng, verb, obj, negated):
    """Questions, wishes and commands: how a knowledge base is asked."""
    if negated:
        frame = rng.choice(frames.CANNOT)
    elif rng.random() < 0.5:
        frame = rng.choice(frames.HOW_TO)
    else:
        frame = rng.choice(frames.HOW_TO_GERUND if rng.random() < 0.5 else frames.COMMANDS)
    action = _with_object(gerund(verb) if "G O" in frame else verb, obj)
    return frame.replace("G O", action).replace("V O", action)


def _intransitive(rng, clause):
    subject, is_plural = _agent(rng, clause, clause.adjective)
    verb = _name(rng, clause.verb)
    if clause.agent is None and rng.random() < 0.4:
        return _ask(rng, verb, "", clause.negated)
    if clause.agent and rng.random() < 0.12:
        frame = rng.choice(frames.EVENT_QUESTIONS_NEGATED if clause.negated else frames.EVENT_QUESTIONS)
        return frame.replace("S", subject).replace("V", verb)
    return _active(rng, verb, subject, is_plural, "", clause.negated)


def _copula(rng, clause):
    subject, is_plural = noun_phrase(rng, clause.obj, None, clause.number)
    quality = _quality(rng, clause.adjective)
    style = rng.random()
    if style < 0.12 and not clause.negated:
        return _join(rng.choice(frames.HAVING), noun_phrase(rng, clause.obj, clause.adjective)[0])
    if style < 0.24:
        be = _agree("is", subject, is_plural) + (" not" if clause.negated else "")
        return rng.choice(frames.STATE_QUESTIONS).replace("B", be).replace("Q", quality).replace("S", subject)
    verb = rng.choice(frames.STATE_VERBS_NEGATED if clause.negated else frames.STATE_VERBS)
    return _join(subject, _agree(verb, subject, is_plural), quality)


def _noun(rng, clause):
    text, _ = noun_phrase(rng, clause.obj, clause.adjective, clause.number)
    if clause.tail:
        text += rng.choice(frames.NOUN_JOINS) + noun_phrase(rng, clause.tail)[0]
    return _join(rng.choice(frames.NOUN_FRAMES), text)


SAY = {"transitive": _transitive, "intransitive": _intransitive, "copula": _copula, "noun": _noun,
       "family": lambda rng, clause: rng.choice(clause.family[2]).lower()}


def say(rng, clause):
    """One English sentence for the clause, lower case, without its full stop."""
    text = SAY[clause.form](rng, clause)
    if clause.place:
        text = _join(text, _place(rng, clause.place))
    if clause.time:
        time = _name(rng, clause.time)
        text = f"{time}{rng.choice([' ', ', '])}{text}" if rng.random() < 0.2 else _join(text, time)
    return text
