"""Our tokenizer beside Hugging Face's own in JavaScript (npm @huggingface/tokenizers) on generated texts.

The peer is a translation of the original, which is written in Rust; where the two differ, the table DIFFERENCES
has the original's answer, and ours must be that one.
"""

import json
import os
import shutil
import subprocess
import tempfile
import unicodedata
import unittest
from pathlib import Path

import tokenizer_texts
from harness import BIN, SOURCE, need_data

NODE_FOLDER = Path(os.environ.get("BERTH_NODE", SOURCE / "build/node"))
TEXTS = 1000
SEED = 3
DEMO = SOURCE / "examples/quickstart/models/demo-embed"

# (why, text, the original's normal form of it): what the peer makes of the normal form is what the original makes of
# the text, and what ours must make of it.
DIFFERENCES = [
    # char::to_lowercase of Rust's standard library knows no context ("unconditional, without tailoring"), so that the
    # original never makes a final sigma; the peer lowers whole strings, as JavaScript does. Python, character by
    # character, agrees with the original: "".join(c.lower() for c in text).
    ("final sigma", "ΟΔΟΣ", "οδοσ"),
    ("final sigma", "ΣΑΣ ΣΟΦΟΣ, ΤΕΛΟΣ.", "σασ σοφοσ, τελοσ."),
    # is_chinese_char of the original's normalizers/bert.rs has the blocks beyond U+FFFF; the peer looks at UTF-16
    # units, and so never sees them.
    ("ideographs beyond U+FFFF", "a\U00020000\U00020001b", "a \U00020000  \U00020001 b"),
    ("ideographs beyond U+FFFF", "x\U0002A700y\U0002F800", "x \U0002A700 y \u4E3D"),
]


def write_character_model(folder, texts, normalizer, processor="BertProcessing"):
    """A tokenizer.json with every character of the texts and of their normal forms for a token."""
    every = "".join(texts)
    every += unicodedata.normalize("NFD", every) + every.lower() + unicodedata.normalize("NFD", every).lower()
    characters = sorted({one for one in every if not one.isspace() and not 0xD800 <= ord(one) <= 0xDFFF})
    tokens = ["[UNK]", "[CLS]", "[SEP]", *characters, *("##" + one for one in characters)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": [], "pre_tokenizer": {"type": "BertPreTokenizer"},
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True, **normalizer},
        "post_processor": {"type": processor, "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {token: id for id, token in enumerate(tokens)}}}))


def run(command, questions):
    done = subprocess.run(command, input="\n".join(map(json.dumps, questions)), capture_output=True, text=True,
                          cwd=NODE_FOLDER, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr[-2000:]}")
    # Not splitlines(): JSON may hold U+2028 as it is.
    return [json.loads(line) for line in done.stdout.strip("\n").split("\n")]


def ours(folder, pairs):
    hexadecimal = lambda text: text.encode("utf-8", "surrogatepass").hex()
    return run([str(BIN / "tokenizer-probe"), str(folder)],
               [{"text": hexadecimal(text), "pair": hexadecimal(pair)} for text, pair in pairs])


def theirs(folder, pairs):
    # A lone surrogate is no character: it reads as U+FFFD, as bytes that are no UTF-8 do with ours.
    well_formed = lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return run(["node", "tokenize.mjs", str(folder)],
               [{"text": well_formed(text), "pair": well_formed(pair)} for text, pair in pairs])


def need_peer():
    if not (NODE_FOLDER / "node_modules/@huggingface/tokenizers").exists():
        raise unittest.SkipTest("npm @huggingface/tokenizers is not installed (scripts/dev setup)")
    shutil.copy(SOURCE / "tests/integration/node/tokenize.mjs", NODE_FOLDER)


class Tokenizer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_peer()
        texts = list(tokenizer_texts.generate(TEXTS, SEED))
        cls.pairs = list(zip(texts, texts[1:] + texts[:1]))

    def compare(self, folder, roberta=False):
        """`roberta`: pairs have two separators between the texts, and the original marks nothing as a second segment."""
        mine, peer = ours(folder, self.pairs), theirs(folder, self.pairs)
        self.assertEqual((len(mine), len(peer)), (TEXTS, TEXTS))
        tokens = 0
        for (text, pair), own, other in zip(self.pairs, mine, peer):
            if pair == "":  # the peer takes an empty second text for none; to the original it is a text
                other["pair"], other["second"] = other["ids"] + other["ids"][-1:] * (2 if roberta else 1), len(other["ids"])
            if roberta:  # the peer gives the second text type 1
                other["second"] = len(other["pair"])
            for key, value in own.items():
                self.assertEqual(value, other[key], f"{key} of {text!a}" + (f" and {pair!a}" if key == "pair" else ""))
            tokens += len(own["ids"])
        print(f"\n{folder.name}: {TEXTS} texts equal, {tokens} tokens, with and without special tokens, in pairs, decoded")

    def differences(self, folder):
        """The peer on texts and on their normal forms, ours on the texts: all token ids without special ones."""
        as_pairs = lambda texts: [(text, "x") for text in texts]
        _, texts, forms = zip(*DIFFERENCES)
        answers = (theirs(folder, as_pairs(texts)), theirs(folder, as_pairs(forms)), ours(folder, as_pairs(texts)))
        return [[one["plain"] for one in answer] for answer in answers]

    def test_demo_model(self):
        self.compare(DEMO)

    def test_minilm(self):
        self.compare(need_data("tokenizers", "all-MiniLM-L6-v2"))

    def test_bert_of_the_test_data(self):
        self.compare(need_data("models", "bert-mini-sts"))

    def test_characters(self):
        """With a token for every character no [UNK] hides a difference."""
        texts = [text for text, _ in self.pairs]
        for name, *stages in [("uncased", {}), ("cased", {"lowercase": False}),
                              ("cased without accents", {"lowercase": False, "strip_accents": True}),
                              ("as MPNet joins pairs", {}, "RobertaProcessing")]:
            with self.subTest(name), tempfile.TemporaryDirectory() as parent:
                folder = Path(parent) / name
                folder.mkdir()
                write_character_model(folder, texts, *stages)
                self.compare(folder, roberta="RobertaProcessing" in stages)

    def test_where_the_peer_differs_from_the_original_ours_does_not(self):
        peer, original, own = self.differences(need_data("tokenizers", "all-MiniLM-L6-v2"))
        for (why, text, _), other, expected, mine in zip(DIFFERENCES, peer, original, own):
            with self.subTest(why=why, text=text):
                self.assertEqual(mine, expected)
                self.assertNotEqual(other, expected, "the peer has become right: take the row out of the table")


if __name__ == "__main__":
    unittest.main(verbosity=2)
