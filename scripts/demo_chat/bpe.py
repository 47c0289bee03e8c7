"""A byte-level BPE (Sennrich et al. 2016, over bytes as GPT-2 does it): learning, encoding, tokenizer.json."""

import re
from collections import Counter

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
END_OF_TEXT, IM_START, IM_END = range(3)
# Words with the blank before them, numbers digit by digit, runs of signs, blanks. In the file it is written with \p
# classes; on the text that we make, ASCII, the two agree.
PATTERN = r" ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+"
PATTERN_IN_FILE = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_alphabet():
    """{byte: printable character} of GPT-2: visible bytes stand for themselves, the others from U+0100 on."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, beyond = {byte: chr(byte) for byte in visible}, 0x100
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(beyond)
            beyond += 1
    return table


ALPHABET = byte_alphabet()


def spelled(word):
    """A piece of text in the alphabet's characters."""
    return "".join(ALPHABET[byte] for byte in word.encode())


def merge(pieces, pair):
    """`pieces` with every neighbouring `pair` joined."""
    joined, i = [], 0
    while i < len(pieces):
        if i + 1 < len(pieces) and (pieces[i], pieces[i + 1]) == pair:
            joined.append(pieces[i] + pieces[i + 1])
            i += 2
        else:
            joined.append(pieces[i])
            i += 1
    return joined


def learn(texts, size):
    """The merges of a vocabulary of at most `size` entries, the most frequent pair first, ties by spelling."""
    counts = Counter(spelled(word) for text in texts for word in re.findall(PATTERN, text))
    words = {word: list(word) for word in counts}
    merges = []
    while len(SPECIALS) + len(ALPHABET) + len(merges) < size:
        pairs = Counter()
        for word, pieces in words.items():
            for pair in zip(pieces, pieces[1:]):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        words = {word: merge(pieces, best) if best[0] in pieces else pieces for word, pieces in words.items()}
    return merges


class Tokenizer:
    """Text to ids. Special tokens are put in as ids, never found in text."""

    def __init__(self, merges):
        self.merges = merges
        self.pieces = [*SPECIALS, *sorted(ALPHABET.values()), *("".join(pair) for pair in merges)]
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.bytes = {character: byte for byte, character in ALPHABET.items()}
        self.cache = {}

    def encode(self, text):
        return [i for word in re.findall(PATTERN, text) for i in self._word(word)]

    def decode(self, ids):
        raw = bytes(self.bytes[c] for i in ids if i >= len(SPECIALS) for c in self.pieces[i])
        return raw.decode(errors="replace")

    def _word(self, word):
        if word not in self.cache:
            pieces = list(spelled(word))
            while len(pieces) > 1:
                best = min(zip(pieces, pieces[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                pieces = merge(pieces, best)
            self.cache[word] = [self.ids[piece] for piece in pieces]
        return self.cache[word]

    def to_json(self):
        """The complete tokenizer.json."""
        added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": False, "special": True} for i, token in enumerate(SPECIALS)]
        split = {"type": "Split", "pattern": {"Regex": PATTERN_IN_FILE}, "behavior": "Isolated", "invert": False}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
                "post_processor": None, "decoder": byte_level,
                "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                          "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                          "vocab": self.ids, "merges": [" ".join(pair) for pair in self.merges]}}
