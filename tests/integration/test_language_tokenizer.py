"""The tokenizers of language models beside others on generated texts: byte-level ones beside Hugging Face's in JavaScript
(npm @huggingface/tokenizers), SentencePiece's beside Debian's python3-sentencepiece. Ids with and without special tokens,
and both decoded, must be equal.

The first peer is a translation of the original, which is written in Rust; where the two differ, the table DIFFERENCES
has the original's answer, and ours must be that one.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import test_tokenizer as peers
import tokenizer_texts
from harness import BIN, need_data

TEXTS = 2000
SEED = 5
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")

# JavaScript's \s is not Unicode's White_Space: it lacks U+0085, and has U+FEFF; and its decoder of bytes drops U+FEFF.
# Texts that are compared go without them; what the original does with them is below.
OTHER_SPACE = {0x85: 0x2028, 0xFEFF: 0x2060}

# (why, tokenizer, text, the words into which the original cuts it): the peer's ids of the words, each alone, are the
# original's ids of the text, and ours must be those. Oniguruma's \s is the property White_Space (its doc/RE). That under
# (?i: "s" matches U+017F, too, which Unicode's CaseFolding.txt folds to it, shows in no published vocabulary, and U+FEFF in no words
# that the peer leaves whole: cases of pre_tokenizer_test.cc hold them.
DIFFERENCES = [
    ("U+0085 is white space", "gpt2", "x \x85[y", ["x", " ", "\x85", "[", "y"]),
]

SENTENCEPIECE = """
import json, sys, sentencepiece
model = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
for line in sys.stdin:
    ids = model.encode(json.loads(line))
    print(json.dumps([ids, model.decode(ids)]))
"""


def well_formed(text):
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def write_tokenizer_json(data, folder):
    """vocab.json and merges.txt as the tokenizer.json that their tokenizer_class stands for."""
    is_gpt2 = data.name == "gpt2"
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": is_gpt2}
    split = {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
    lines = (data / "merges.txt").read_text("utf-8").split("\n")
    config = data / "tokenizer_config.json"
    added = (json.loads(config.read_text())["added_tokens_decoder"] if config.exists() else
             {"50256": {"content": "<|endoftext|>", "special": True, "normalized": False}})
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": [{"lstrip": False, "rstrip": False, "single_word": False, **token, "id": int(id)}
                         for id, token in added.items()],
        "normalizer": None if is_gpt2 else {"type": "NFC"},
        "pre_tokenizer": byte_level if is_gpt2 else {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
                  "vocab": json.loads((data / "vocab.json").read_text("utf-8")),
                  "merges": [line for line in lines if line and not line.startswith("#version")]}}))


def with_sentencepiece():
    """A Python that has sentencepiece: Debian's package is for Debian's own."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import sentencepiece"], capture_output=True).returncode == 0:
            return python
    raise unittest.SkipTest("python3-sentencepiece is not installed (scripts/dev setup)")


class LanguageTokenizer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        peers.need_peer()
        cls.texts = [well_formed(text) for text in tokenizer_texts.generate(TEXTS, SEED)]

    def compare(self, ours, theirs):
        pairs = [(text.translate(OTHER_SPACE), "") for text in self.texts]
        mine, others = peers.ours(ours, pairs), peers.theirs(theirs, pairs)
        self.assertEqual((len(mine), len(others)), (TEXTS, TEXTS))
        for (text, _), own, other in zip(pairs, mine, others):
            for key in ("ids", "plain", "decoded", "decoded_plain"):
                self.assertEqual(own[key], other[key], f"{key} of {text!a}")
        tokens = sum(len(own["ids"]) for own in mine)
        print(f"\n{ours.name}: {TEXTS} texts equal, {tokens} tokens, with and without special tokens, decoded")

    def in_json(self, name):
        """The peer's form of a tokenizer that has no tokenizer.json."""
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        write_tokenizer_json(need_data("tokenizers", name), Path(parent.name))
        return Path(parent.name)

    def test_gpt2_from_vocab_and_merges(self):
        self.compare(need_data("tokenizers", "gpt2"), self.in_json("gpt2"))

    def test_qwen2_from_vocab_and_merges(self):
        self.compare(need_data("tokenizers", "qwen2"), self.in_json("qwen2"))

    def test_qwen2_from_tokenizer_json(self):
        folder = self.in_json("qwen2")
        self.compare(folder, folder)

    def test_whisper(self):
        for name in ("whisper.tiny", "whisper-large-v3"):
            with self.subTest(name):
                self.compare(need_data("tokenizers", name), need_data("tokenizers", name))

    def test_stories(self):
        self.compare(need_data("models", "stories260K"), need_data("models", "stories260K"))

    def test_llama2(self):
        self.compare(need_data("tokenizers", "llama2"), need_data("tokenizers", "llama2"))

    def test_where_the_peer_differs_from_the_original_ours_does_not(self):
        for why, name, text, words in DIFFERENCES:
            with self.subTest(why=why):
                *alone, whole = [answer["plain"] for answer in
                                 peers.theirs(self.in_json(name), [(one, "") for one in [*words, text]])]
                expected = sum(alone, [])
                self.assertEqual(peers.ours(need_data("tokenizers", name), [(text, "")])[0]["plain"], expected)
                self.assertNotEqual(whole, expected, "the peer has become right: take the row out of the table")


class SentencePiece(unittest.TestCase):
    """LLaMA 2 from each of its files, beside the library that made them."""

    @classmethod
    def setUpClass(cls):
        cls.data = need_data("tokenizers", "llama2")
        cls.texts = [well_formed(text) for text in tokenizer_texts.generate(TEXTS, SEED)]
        done = subprocess.run([with_sentencepiece(), "-c", SENTENCEPIECE, str(cls.data / "tokenizer.model")],
                              input="\n".join(map(json.dumps, cls.texts)), capture_output=True, text=True, timeout=300)
        cls.expected = [json.loads(line) for line in done.stdout.strip("\n").split("\n")]

    def compare(self, folder, what):
        mine = peers.ours(folder, [(text, "") for text in self.texts])
        self.assertEqual((len(mine), len(self.expected)), (TEXTS, TEXTS))
        for text, own, (ids, decoded) in zip(self.texts, mine, self.expected):
            self.assertEqual(own["plain"], ids, f"ids of {text!a}")
            self.assertEqual(own["ids"], [1, *ids], f"ids with <s> of {text!a}")
            self.assertEqual(own["decoded_plain"], decoded, f"decoded {text!a}")
        print(f"\n{what}: {TEXTS} texts equal to SentencePiece's, {sum(len(own['plain']) for own in mine)} tokens, decoded")

    def test_tokenizer_json(self):
        self.compare(self.data, "llama2/tokenizer.json")

    def test_tokenizer_model(self):
        for legacy in (True, False):
            with self.subTest(legacy=legacy), tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "tokenizer.model").symlink_to(self.data / "tokenizer.model")
                config = json.loads((self.data / "tokenizer_config.json").read_text())
                (Path(folder) / "tokenizer_config.json").write_text(json.dumps({**config, "legacy": legacy}))
                self.compare(Path(folder), f"llama2/tokenizer.model, legacy {legacy}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
