"""The sentences the model is judged by must not be in the text it learns from."""

from .wordpiece import split_words


def canonical(sentence):
    """A sentence without case and punctuation, to compare it with another."""
    return " ".join(w for w in split_words(sentence) if any(c.isalnum() for c in w))


class HeldOut:
    """A set of sentences; says whether a text contains one of them, whole."""

    def __init__(self, sentences):
        self.sentences = [f" {canonical(s)} " for s in sentences]

    def within(self, text):
        """True where one of the sentences is a part of `text`, whatever case and punctuation."""
        padded = f" {canonical(text)} "
        return any(s in padded for s in self.sentences)

    def refuse(self, texts):
        """Stops where a text contains one of the sentences."""
        for text in texts:
            if self.within(text):
                raise RuntimeError(f"training text contains a held-out sentence: {text!r}")
