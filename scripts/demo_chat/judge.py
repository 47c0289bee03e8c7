"""Is a story grammatical? Every sentence must be one that the grammar can say, with one hero all the way."""

import re

from . import stories

WORDS = {"hero": stories.GIRLS + stories.BOYS, "he": ["he", "she"], "him": ["him", "her"],
         "sort": ["girl", "boy", *stories.ANIMALS], "friend": stories.ANIMALS, "kind": stories.KINDS,
         "a_friend": [stories.article(animal) for animal in stories.ANIMALS],
         "where": [f"{preposition} {place}" for preposition, place in stories.PLACES],
         "thing": stories.THINGS, "colour": stories.COLOURS}
WORDS["Hero"], WORDS["He"] = WORDS["hero"], ["He", "She"]


def pattern(sentence):
    """A regular expression for all that a sentence with gaps can say; `an` may stand for `a`."""
    parts = re.split(r"\{(\w+)\}", sentence)
    text = "".join(f"({'|'.join(WORDS[part])})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return text.replace(r"\ a\ ", r"\ an?\ ")


def story_pattern():
    def any_of(sentences):
        return f"({'|'.join(pattern(sentence) for sentence in sentences)})"

    troubles = any_of([" ".join(trouble) for trouble in stories.TROUBLES])
    return re.compile(f"{any_of(stories.OPENINGS)} {any_of(stories.WALKS)}( {any_of(stories.WEATHER)})? "
                      f"{any_of(stories.FINDS)} {any_of(stories.MEETINGS)} {troubles} {any_of(stories.MORALS)}")


STORY = story_pattern()


def grammatical(text):
    return STORY.fullmatch(text) is not None


def faithful(text, cast):
    """The story is about the hero who was asked for, and about nobody else with a name."""
    named = {name for name in WORDS["hero"] if re.search(rf"\b{name}\b", text)}
    return named == {cast.gaps["hero"]} and cast.gaps["sort"] in text
