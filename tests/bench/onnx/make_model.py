#!/usr/bin/python3
"""Makes the model of the embedding benchmark: make_model.py FOLDER.

The shape is that of bge-small (12 layers of 384, 12 heads, 30,522 words, 512 positions), the weights are random.
FOLDER gets what berth-worker reads (config.json, model.safetensors, vocab.txt, tokenizer_config.json) and
model.onnx, the same arithmetic on the same weights as PyTorch's exporter writes it. Every word of the vocabulary is
one token, so texts of any number of tokens can be written. Needs Debian's python3-torch.
"""

import json
import math
import random
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts/reference"))
from checkpoint import shapes, write_safetensors  # noqa: E402

CONFIG = {
    "architectures": ["BertModel"], "model_type": "bert", "hidden_size": 384, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 1536, "hidden_act": "gelu", "max_position_embeddings": 512,
    "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0, "vocab_size": 30522,
}
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
HEAD_SIZE = CONFIG["hidden_size"] // CONFIG["num_attention_heads"]
OPSET = 14


def make_weights():
    torch.manual_seed(20)
    weights = {}
    for name, shape in shapes(CONFIG, False)[0].items():
        spread = 0.02 if len(shape) == 1 else 1 / math.sqrt(shape[-1])
        weights[name] = torch.randn(*shape) * spread + (1.0 if name.endswith("LayerNorm.weight") else 0.0)
    return weights


def make_words():
    source = random.Random(20)
    words = set()
    while len(words) < CONFIG["vocab_size"] - len(SPECIALS):
        words.add("".join(source.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(source.randint(3, 9))))
    return SPECIALS + sorted(words)


class Encoder(nn.Module):
    """BERT without pooler, written from its published architecture; a mask of ones, as peers are given it."""

    def __init__(self, weights):
        super().__init__()
        self.names = {name: name.replace(".", "_") for name in weights}
        for name, tensor in weights.items():
            self.register_buffer(self.names[name], tensor)

    def get(self, name):
        return getattr(self, self.names[name])

    def linear(self, x, name):
        return functional.linear(x, self.get(name + ".weight"), self.get(name + ".bias"))

    def norm(self, x, name):
        return functional.layer_norm(x, [CONFIG["hidden_size"]], self.get(name + ".weight"), self.get(name + ".bias"),
                                     CONFIG["layer_norm_eps"])

    def heads(self, x):
        return x.view(x.shape[0], x.shape[1], CONFIG["num_attention_heads"], HEAD_SIZE).transpose(1, 2)

    def forward(self, input_ids, attention_mask, token_type_ids):
        positions = torch.arange(input_ids.shape[1])
        x = (self.get("embeddings.word_embeddings.weight")[input_ids] +
             self.get("embeddings.token_type_embeddings.weight")[token_type_ids] +
             self.get("embeddings.position_embeddings.weight")[positions])
        x = self.norm(x, "embeddings.LayerNorm")
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for i in range(CONFIG["num_hidden_layers"]):
            layer = f"encoder.layer.{i}."
            q, k, v = (self.heads(self.linear(x, f"{layer}attention.self.{p}")) for p in ("query", "key", "value"))
            scores = q @ k.transpose(-1, -2) / math.sqrt(HEAD_SIZE) + mask
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape)
            x = self.norm(x + self.linear(mixed, layer + "attention.output.dense"), layer + "attention.output.LayerNorm")
            wide = functional.gelu(self.linear(x, layer + "intermediate.dense"))
            x = self.norm(x + self.linear(wide, layer + "output.dense"), layer + "output.LayerNorm")
        return x


def export(weights, path):
    ids = torch.randint(5, 100, (2, 16))
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "hidden"]}
    torch.onnx.export(Encoder(weights).eval(), (ids, torch.ones_like(ids), torch.zeros_like(ids)), str(path),
                      input_names=names, output_names=["hidden"], dynamic_axes=axes, opset_version=OPSET,
                      do_constant_folding=True)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    weights = make_weights()
    write_safetensors(folder / "model.safetensors", weights)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    (folder / "vocab.txt").write_text("\n".join(make_words()) + "\n")
    with torch.no_grad():
        export(weights, folder / "model.onnx")


if __name__ == "__main__":
    main()
