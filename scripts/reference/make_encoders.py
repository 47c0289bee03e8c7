#!/usr/bin/python3
"""Makes the tiny encoders of tests/golden/encoders with what a reference computes from them.

    make_encoders.py            write them all; the same machine and torch give the same bytes
    make_encoders.py --check    how far the results move when a part of the arithmetic is left out

Each folder is a model as published (config.json, model.safetensors, vocab.txt, tokenizer_config.json), of random
weights, with golden.json (ids, texts, pooled vectors or logits) and hidden.safetensors (the hidden states) beside it.
Needs Debian's python3-torch.
"""

import argparse
import json
import random
import shutil
import string
from pathlib import Path

import torch

import encoders
from checkpoint import random_weights, shapes, write_safetensors

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden/encoders"
LETTERS = string.ascii_lowercase

BERT = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 32, "hidden_act": "gelu", "max_position_embeddings": 40, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0}
DISTILBERT = {"model_type": "distilbert", "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32,
              "activation": "gelu", "max_position_embeddings": 40, "sinusoidal_pos_embds": False, "pad_token_id": 0}
MPNET = {"model_type": "mpnet", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "hidden_act": "gelu", "max_position_embeddings": 514,
         "relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5, "pad_token_id": 1}
ONE_LABEL = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}

# name: (family's config, its class, what differs, dtype, pooling)
MODELS = {
    "bert-embedding": (BERT, "BertModel", {"layer_norm_eps": 0.02}, "F32", "mean"),
    "bert-ranking": (BERT, "BertForSequenceClassification", {"hidden_act": "gelu_new", **ONE_LABEL}, "F32", None),
    "distilbert-embedding": (DISTILBERT, "DistilBertModel", {}, "F32", "cls"),
    "distilbert-embedding-bf16": (DISTILBERT, "DistilBertForMaskedLM", {"activation": "silu"}, "BF16", "mean"),
    "distilbert-ranking": (DISTILBERT, "DistilBertForSequenceClassification", {"activation": "relu", **ONE_LABEL},
                           "F32", None),
    "mpnet-embedding": (MPNET, "MPNetModel", {}, "F32", "mean"),
    "mpnet-ranking": (MPNET, "MPNetForSequenceClassification",
                      {"max_position_embeddings": 202, "layer_norm_eps": 0.02, **ONE_LABEL}, "F32", None),
    "mpnet-ranking-f16": (MPNET, "MPNetForSequenceClassification",
                          {"max_position_embeddings": 102, "hidden_act": "gelu_new", **ONE_LABEL}, "F16", None),
}


class Model:
    """Everything about one of them but its files."""

    def __init__(self, name):
        base, architecture, changes, self.dtype, self.pooling = MODELS[name]
        self.name, self.ranking = name, architecture.endswith("ForSequenceClassification")
        self.family = base["model_type"]
        self.specials = (["<s>", "<pad>", "</s>", "[UNK]", "<mask>"] if self.family == "mpnet" else
                         ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        self.vocabulary = [*self.specials, *LETTERS, *("##" + letter for letter in LETTERS)]
        self.config = {"architectures": [architecture], **base, "vocab_size": len(self.vocabulary), **changes}
        self.padding = base["pad_token_id"]
        self.longest = self.config["max_position_embeddings"] - (2 if self.family == "mpnet" else 0)
        # A bare encoder is published without the prefix, everything else with it.
        self.prefix = "" if architecture.endswith("Model") else self.family + "."
        self.body, head = shapes(self.config, self.ranking)
        self.stored = random_weights({**self.body, **head}, name, self.dtype)
        self.weights = {key: tensor.double() for key, tensor in self.stored.items()}

    def file_tensors(self):
        return {(self.prefix if key in self.body else "") + key: tensor for key, tensor in self.stored.items()}

    def special(self, *names):
        return [self.vocabulary.index(name) for name in names]

    def tokens(self, text):
        """WordPiece where every letter is a piece of its own."""
        return [self.vocabulary.index(letter if i == 0 else "##" + letter)
                for word in text.split() for i, letter in enumerate(word)]

    def encode(self, first, second=None):
        """(ids, where the second text begins or 0)"""
        if self.family == "mpnet":
            begin, end, between = self.special("<s>"), self.special("</s>"), self.special("</s>", "</s>")
        else:
            begin, end, between = self.special("[CLS]"), self.special("[SEP]"), self.special("[SEP]")
        ids = begin + self.tokens(first)
        if second is None:
            return ids + end, 0
        ids += between
        return ids + self.tokens(second) + end, len(ids)


def random_text(source, letters):
    """Words of one to seven letters, `letters` in all."""
    words = []
    while letters > 0:
        size = min(letters, source.randint(1, 7))
        words.append("".join(source.choice(LETTERS) for _ in range(size)))
        letters -= size
    return " ".join(words)


def text_cases(model, source):
    """Single texts, or pairs for a reranker, up to the full context."""
    room = model.longest - (4 if model.family == "mpnet" else 3)
    if not model.ranking:
        for letters in (3, 10, room // 3):
            text = random_text(source, letters)
            yield {"text": text}, model.encode(text)
        return
    for first, second in ((1, 1), (4, 2), (2, 9), (9, 2), (room // 3, room // 2), (room // 4, room - room // 4)):
        pair = random_text(source, first), random_text(source, second)
        yield {"text": pair[0], "second_text": pair[1]}, model.encode(*pair)


def id_cases(model, source):
    """Ids without texts: the shortest, an odd length, the longest, padding inside of a text."""
    for length in (1, 2, 7, model.longest // 2 + 1, *(() if model.ranking else (model.longest,))):
        ids = [source.randrange(5, len(model.vocabulary)) for _ in range(length)]
        yield {}, (ids, length // 2 if model.ranking else 0)
    ids = [source.randrange(5, len(model.vocabulary)) for _ in range(9)]
    ids[3] = ids[4] = model.padding
    yield {}, (ids, 0)


def cases_of(model):
    source = random.Random("cases of " + model.name)
    return [*text_cases(model, source), *id_cases(model, source)]


def results(model, sequences, weights=None, config=None):
    """(hidden states, pooled vectors or logits), a list each."""
    weights, config = weights or model.weights, config or model.config
    with torch.no_grad():
        hidden = encoders.hidden_states(weights, config, sequences, model.padding)
        if model.ranking:
            return hidden, [encoders.ranking_logit(weights, config, h) for h in hidden]
        return hidden, [encoders.pooled(h, model.pooling) for h in hidden]


def write_side_files(model, folder):
    (folder / "config.json").write_text(json.dumps(model.config, indent=1) + "\n")
    (folder / "vocab.txt").write_text("\n".join(model.vocabulary) + "\n")
    tokenizer = {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "mpnet": "MPNetTokenizer"}[model.family]
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer, "do_lower_case": True}) + "\n")
    if model.pooling == "cls":
        (folder / "1_Pooling").mkdir()
        modes = {"word_embedding_dimension": 16, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
        (folder / "1_Pooling/config.json").write_text(json.dumps(modes) + "\n")


def write(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_side_files(model, folder)
    write_safetensors(folder / "model.safetensors", model.file_tensors())
    cases = cases_of(model)
    hidden, outputs = results(model, [sequence for _, sequence in cases])
    write_safetensors(folder / "hidden.safetensors", {str(i): h.float() for i, h in enumerate(hidden)})
    key = "logit" if model.ranking else "pooled"
    rows = [json.dumps({**texts, "ids": ids, "second": second,
                        key: output.item() if model.ranking else [float(f"{x:.9g}") for x in output.tolist()]})
            for (texts, (ids, second)), output in zip(cases, outputs)]
    (folder / "golden.json").write_text('{"cases": [\n' + ",\n".join(rows) + "\n]}\n")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"wrote {folder.name}: {len(cases)} cases of up to {max(len(s[0]) for _, s in cases)} tokens, {size / 1e3:.0f} kB")


def write_buckets():
    """MPNet's bucket for every distance that can occur."""
    offsets = torch.arange(-600, 601)
    table = {"least_offset": -600, "buckets": encoders.relative_bucket(offsets).tolist()}
    (GOLDEN / "relative-buckets.json").write_text(json.dumps(table) + "\n")


def faults(model):
    """(what is left out or done otherwise, weights, config)"""
    def with_weight(key, change):
        return {**model.weights, key: change(model.weights[key])}

    same = model.config
    positions = "embeddings.position_embeddings.weight"
    yield "positions begin one row later", with_weight(positions, lambda t: t.roll(-1, 0)), same
    if model.family == "bert":
        types = "embeddings.token_type_embeddings.weight"
        yield "no token type", with_weight(types, torch.zeros_like), same
        yield "token type 0 alone", with_weight(types, lambda t: t[:1].expand_as(t)), same
    if model.family == "mpnet":
        bias = "encoder.relative_attention_bias.weight"
        yield "no relative bias", with_weight(bias, torch.zeros_like), same
        yield "the directions exchanged", with_weight(bias, lambda t: t.roll(16, 0)), same
        yield "the largest distances as the next smaller", with_weight(
            bias, lambda t: torch.cat([t[:15], t[14:31], t[30:31]])), same
    activation = "activation" if model.family == "distilbert" else "hidden_act"
    for other in encoders.ACTIVATIONS:
        if other != same[activation]:
            yield f"activation {other}", model.weights, {**same, activation: other}
    if same.get("layer_norm_eps", 0) > 1e-3:
        yield "layer_norm_eps 1e-12", model.weights, {**same, "layer_norm_eps": 1e-12}


def check(model):
    """Prints, for every fault, the largest difference over the cases as a share of max|b|, the tests' measure."""
    sequences = [sequence for _, sequence in cases_of(model)]
    right = results(model, sequences)
    for name, weights, config in faults(model):
        wrong = results(model, sequences, weights, config)
        shares = [max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(wrong[k], right[k])) for k in (0, 1)]
        print(f"{model.name:26} {name:42} hidden {shares[0]:.1e}  output {shares[1]:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="measure what the cases can tell; writes nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in MODELS:
        if options.check:
            check(Model(name))
        else:
            write(Model(name), GOLDEN / name)
    if not options.check:
        write_buckets()


if __name__ == "__main__":
    main()
