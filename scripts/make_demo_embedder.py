#!/usr/bin/python3
"""Makes the quickstart's demo embedding model from nothing, or checks the committed one.

    make_demo_embedder.py            train and write examples/quickstart/models/demo-embed
    make_demo_embedder.py --check    rank correlation of the committed model on pairs.tsv
    make_demo_embedder.py --golden   write tests/golden/demo-embed.json from the committed model

Needs Debian's python3-torch and python3-numpy. One thread, fixed seeds: the same machine
and the same torch give the same bytes.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

# Debian's OpenBLAS does not know newer processors and then falls back to kernels several times
# slower; it reads its choice at load, hence the second start.
if "OPENBLAS_CORETYPE" not in os.environ and "avx512f" in Path("/proc/cpuinfo").read_text():
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
    os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import torch

from demo_embedder import bert, checkpoint
from demo_embedder.held_out import HeldOut, canonical
from demo_embedder.lexicon import Lexicon
from demo_embedder.train import train
from demo_embedder.world import World

ROOT = Path(__file__).resolve().parent.parent
LEXICON = ROOT / "scripts/demo_embedder/lexicon"
MODEL = ROOT / "examples/quickstart/models/demo-embed"
PAIRS = ROOT / "examples/quickstart/pairs.tsv"
GOLDEN = ROOT / "tests/golden/demo-embed.json"
SEED = 20

GOLDEN_SENTENCES = [
    "How do I reset my password?",
    "My parcel has not arrived yet.",
    "A man is playing the guitar.",
    "The Wi-Fi is slow, unreliable and keeps dropping!",
    "Café déjà vu: 3.50 € — naïve résumé",
    "antidisestablishmentarianism",
    "",
    "It rained all night; the river rose, the bridge was closed, and we had to wait at the station until the first "
    "train left in the morning.",
]


def read_pairs(path):
    """[(grade, sentence, sentence)] of a file of three columns."""
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(float(grade), first, second) for grade, first, second in rows]


def ranks(values):
    """Ranks from 0, ties sharing their mean."""
    values = np.asarray(values)
    return np.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])


def spearman(a, b):
    """Spearman's rank correlation: Pearson's of the ranks."""
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def vectors(weights, config, tokenizer, sentences):
    """Unit vectors [n, d], each sentence alone (no padding)."""
    with torch.no_grad():
        ids = [tokenizer.encode(s, checkpoint.MAX_SEQUENCE) for s in sentences]
        return torch.cat([bert.embed(weights, config, *bert.pad([i])) for i in ids])


def correlation(weights, config, tokenizer, pairs):
    """Spearman correlation of cosine and grade."""
    first, second = (vectors(weights, config, tokenizer, [p[i] for p in pairs]) for i in (1, 2))
    return spearman((first * second).sum(1).numpy(), [p[0] for p in pairs])


def word_overlap(pairs):
    """What counting shared words would score: the yardstick for the model."""
    def jaccard(a, b):
        a, b = set(canonical(a).split()), set(canonical(b).split())
        return len(a & b) / len(a | b)

    return spearman([jaccard(a, b) for _, a, b in pairs], [p[0] for p in pairs])


def make(folder, steps):
    """Trains, writes the folder, reads it back and reports."""
    held_out = HeldOut(s for pair in read_pairs(PAIRS) for s in pair[1:])
    world = World(Lexicon(LEXICON), (LEXICON / "extra.txt").read_text().split(), held_out, SEED)

    def report(step, seconds, loss):
        print(f"step {step:5d}  {seconds:4.0f} s  loss {loss:.4f}", flush=True)

    began = time.monotonic()
    weights, config, vocabulary = train(world, steps, held_out, SEED, report)
    checkpoint.save(folder, weights, config, vocabulary)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    seconds = time.monotonic() - began
    print(f"made {folder} in {seconds:.0f} s: {len(vocabulary)} pieces, {size / 1e6:.2f} MB")
    check(folder)


def check(folder):
    """Prints the correlation of a checkpoint."""
    pairs = read_pairs(PAIRS)
    print(f"spearman on {len(pairs)} held-out pairs: {correlation(*checkpoint.load(folder), pairs):.4f}"
          f"  (counting shared words: {word_overlap(pairs):.4f})")


def write_golden(folder):
    """Sentences, ids and vectors by this script's own forward pass, for the server's tests."""
    weights, config, tokenizer = checkpoint.load(folder)
    cases = []
    for sentence, vector in zip(GOLDEN_SENTENCES, vectors(weights, config, tokenizer, GOLDEN_SENTENCES)):
        ids = tokenizer.encode(sentence, checkpoint.MAX_SEQUENCE)
        cases.append({"text": sentence, "ids": ids, "embedding": [round(x, 7) for x in vector.tolist()]})
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    GOLDEN.write_text('{"model": "demo-embed", "pooling": "mean", "normalized": true, "cases": [\n' + rows + "\n]}\n")
    print(f"wrote {GOLDEN.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="print the rank correlation of the committed model")
    parser.add_argument("--golden", action="store_true", help="write the golden vectors of the committed model")
    parser.add_argument("--steps", type=int, default=3000, help="training steps")
    parser.add_argument("--model", type=Path, default=MODEL, help="the model folder to write or to check")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        check(options.model)
    elif options.golden:
        write_golden(options.model)
    else:
        make(options.model, options.steps)


if __name__ == "__main__":
    main()
