"""Tensors of random weights for an architecture, and safetensors files."""

import json
import math
import random
import struct

import torch

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def shapes(config, ranking):
    """{name without prefix: shape}, and for a reranker those of its head, named as they are in the file."""
    family = config["model_type"]
    d = config["dim" if family == "distilbert" else "hidden_size"]
    wide = config["hidden_dim" if family == "distilbert" else "intermediate_size"]
    layers = config["n_layers" if family == "distilbert" else "num_hidden_layers"]
    names = {
        "bert": ("encoder.layer.", [f"attention.self.{p}" for p in ("query", "key", "value")] +
                 ["attention.output.dense"], "attention.output.LayerNorm", "intermediate.dense", "output.dense",
                 "output.LayerNorm"),
        "distilbert": ("transformer.layer.", [f"attention.{p}_lin" for p in ("q", "k", "v", "out")], "sa_layer_norm",
                       "ffn.lin1", "ffn.lin2", "output_layer_norm"),
        "mpnet": ("encoder.layer.", [f"attention.attn.{p}" for p in "qkvo"], "attention.LayerNorm",
                  "intermediate.dense", "output.dense", "output.LayerNorm"),
    }
    layer, square, first_norm, up, down, last_norm = names[family]
    body = {"embeddings.word_embeddings.weight": (config["vocab_size"], d),
            "embeddings.position_embeddings.weight": (config["max_position_embeddings"], d)}

    def pair(table, name, *shape):
        table[name + ".weight"], table[name + ".bias"] = shape, shape[:1]

    if family == "bert":
        body["embeddings.token_type_embeddings.weight"] = (config["type_vocab_size"], d)
    pair(body, "embeddings.LayerNorm", d)
    for i in range(layers):
        for name in square:
            pair(body, f"{layer}{i}.{name}", d, d)
        pair(body, f"{layer}{i}.{first_norm}", d)
        pair(body, f"{layer}{i}.{up}", wide, d)
        pair(body, f"{layer}{i}.{down}", d, wide)
        pair(body, f"{layer}{i}.{last_norm}", d)
    if family == "mpnet":
        body["encoder.relative_attention_bias.weight"] = (
            config["relative_attention_num_buckets"], config["num_attention_heads"])
    head = {}
    if ranking:
        dense, out = {"bert": ("pooler.dense", "classifier"), "distilbert": ("pre_classifier", "classifier"),
                      "mpnet": ("classifier.dense", "classifier.out_proj")}[family]
        pair(body if family == "bert" else head, dense, d, d)
        pair(head, out, 1, d)
    return body, head


def span(name, shape):
    """From where to where values are drawn: wide enough that every part of the arithmetic can be told by the result."""
    norm = "LayerNorm" in name or "layer_norm" in name or name.endswith("norm.weight")
    if "relative" in name:
        return -2, 2
    if "embeddings.weight" in name or "embed_tokens" in name:
        return -1, 1
    if norm and name.endswith("weight"):
        return 0.6, 1.4
    if len(shape) == 1:
        return -0.5, 0.5
    width = 2.5 / math.sqrt(shape[1])
    return -width, width


def random_weights(table, seed, dtype):
    """{name: tensor of dtype}. Python's own generator: the same numbers everywhere."""
    source = random.Random(seed)
    weights = {}
    for name, shape in table.items():
        low, high = span(name, shape)
        values = [source.uniform(low, high) for _ in range(math.prod(shape))]
        weights[name] = torch.tensor(values, dtype=torch.float64).to(DTYPES[dtype]).reshape(shape)
    return weights


def raw(tensor):
    """Little-endian bytes; numpy has no bfloat16."""
    bits = tensor.contiguous().view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor.contiguous()
    return bits.numpy().tobytes()


def write_safetensors(path, tensors):
    """u64 little-endian header length, JSON header padded to a multiple of 8, then the data back to back."""
    code = {dtype: name for name, dtype in DTYPES.items()}
    header, data, offset = {}, [], 0
    for name, tensor in tensors.items():
        piece = raw(tensor)
        header[name] = {"dtype": code[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(piece)]}
        data.append(piece)
        offset += len(piece)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
