"""BERT's tokenizer (normalise, split, WordPiece) and the making of its vocabulary.

Follows the definition in Hugging Face `tokenizers` (BertNormalizer, BertPreTokenizer,
WordPiece): clean, lower-case, strip accents, split at white space and punctuation,
then the longest piece first.
"""

import string
import unicodedata
from collections import Counter

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, UNK, CLS, SEP, MASK = range(5)
MAX_WORD_CHARS = 100
ALPHABET = [c for c in string.printable if c.isprintable() and not c.isspace() and not c.isupper()]
TYPOGRAPHY = list("–—‘’“”…€£°§·×ßæøðþœł¿¡«»")
SUFFIXES = tuple("""s es ed d ing er ers r ly y est ment ness ful less able ion ions tion ning ned ping ped ting ted
ies ied ist ive al ity ish en or ise ize""".split())


def _is_control(char):
    return char not in "\t\n\r" and unicodedata.category(char).startswith("C")


def _is_chinese(char):
    return any(low <= ord(char) <= high for low, high in (
        (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
        (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)))


def _is_punctuation(char):
    return char in string.punctuation or unicodedata.category(char).startswith("P")


def normalize(text):
    """BertNormalizer with clean_text, handle_chinese_chars, lowercase (and so strip_accents)."""
    kept = (c for c in text if c not in "\0\ufffd" and not _is_control(c))
    spaced = "".join(" " if c.isspace() else f" {c} " if _is_chinese(c) else c for c in kept)
    plain = "".join(c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn")
    return plain.lower()


def split_words(text):
    """Normalised words; each punctuation character is a word of its own (BertPreTokenizer)."""
    spaced = "".join(f" {c} " if _is_punctuation(c) else c for c in normalize(text))
    return spaced.split()


class Tokenizer:
    """Text -> ids with [CLS] and [SEP]."""

    def __init__(self, vocabulary):
        self.vocabulary = list(vocabulary)
        self.ids = {piece: i for i, piece in enumerate(self.vocabulary)}
        self.cache = {}

    def word_ids(self, word, rng=None, dropout=0.0):
        """Greedy longest pieces of one word; with dropout, a long piece is sometimes passed over."""
        ids, start = [], 0
        if len(word) > MAX_WORD_CHARS:
            return [UNK]
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids and (end - start == 1 or not dropout or rng.random() >= dropout):
                    break
            else:
                return [UNK]
            ids.append(self.ids[piece])
            start = end
        return ids

    def encode(self, text, max_length, rng=None, dropout=0.0):
        """[CLS] pieces [SEP], cut to max_length."""
        ids = []
        for word in split_words(text):
            if dropout and rng.random() < dropout:
                ids += self.word_ids(word, rng, 0.5)
                continue
            if word not in self.cache:
                self.cache[word] = self.word_ids(word)
            ids += self.cache[word]
        return [CLS] + ids[: max_length - 2] + [SEP]


def _stem_and_suffix(word, words):
    """True where `word` is another word plus a common suffix, so that two pieces spell it."""
    return any(word.endswith(s) and len(word) - len(s) >= 3 and word[: -len(s)] in words for s in SUFFIXES)


def _merged(symbols, left, right, joined):
    result, i = [], 0
    while i < len(symbols):
        hit = i + 1 < len(symbols) and symbols[i] == left and symbols[i + 1] == right
        result.append(joined if hit else symbols[i])
        i += 2 if hit else 1
    return result


def _learn_pieces(words, count):
    """Byte-pair merges over the list of word types: the commonest parts of English words."""
    spelled = [[w[0]] + ["##" + c for c in w[1:]] for w in sorted(words) if w.isalpha()]
    pieces = []
    while len(pieces) < count:
        pairs = Counter(pair for symbols in spelled for pair in zip(symbols, symbols[1:]))
        left, right = max(pairs, key=lambda pair: (pairs[pair], pair))
        joined = left + right[2:]
        pieces.append(joined)
        spelled = [_merged(s, left, right, joined) if left in s else s for s in spelled]
    return pieces


def make_vocabulary(word_counts, keep, merges):
    """Vocabulary: specials, characters, pieces, suffixes, then words by frequency.

    `keep` words are whole entries; inflected forms of them that a suffix spells are not.
    """
    characters = ALPHABET + TYPOGRAPHY
    pieces = _learn_pieces(set(word_counts) | keep, merges)
    whole = [w for w, n in sorted(word_counts.items(), key=lambda item: (-item[1], item[0]))
             if w in keep or (not _stem_and_suffix(w, keep))]
    parts = characters + ["##" + c for c in characters] + pieces + ["##" + s for s in SUFFIXES]
    return list(dict.fromkeys(SPECIALS + parts + whole + sorted(keep)))
