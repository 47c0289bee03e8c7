"""BERT's encoder, straight from its definition (Devlin et al. 2018, arXiv:1810.04805).

Weights are a dict with Hugging Face's tensor names. b: batch, t: tokens, d: hidden size.
"""

import math

import torch
import torch.nn.functional as F

CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "hidden_act": "gelu",
    "max_position_embeddings": 128,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "use_cache": True,
    "torch_dtype": "float16",
}


def shapes(config):
    """{tensor name: shape} of a checkpoint."""
    d, inner = config["hidden_size"], config["intermediate_size"]
    table = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], d),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], d),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], d),
        "embeddings.LayerNorm.weight": (d,),
        "embeddings.LayerNorm.bias": (d,),
    }
    for layer in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{layer}."
        linear = {"attention.self.query": (d, d), "attention.self.key": (d, d), "attention.self.value": (d, d),
                  "attention.output.dense": (d, d), "intermediate.dense": (inner, d), "output.dense": (d, inner)}
        for name, shape in linear.items():
            table[p + name + ".weight"], table[p + name + ".bias"] = shape, shape[:1]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            table[p + name + ".weight"], table[p + name + ".bias"] = (d,), (d,)
    return table


def initial_weights(config):
    """Random weights: normal(0, 0.05) words, normal(0, 0.02) positions, Xavier matrices."""
    weights = {}
    for name, shape in shapes(config).items():
        if "LayerNorm.weight" in name:
            tensor = torch.ones(shape)
        elif name.endswith("bias"):
            tensor = torch.zeros(shape)
        elif name.startswith("embeddings"):
            tensor = torch.randn(shape) * (0.05 if "word" in name else 0.005)
        else:
            tensor = torch.randn(shape) * math.sqrt(2.0 / sum(shape))
        weights[name] = tensor.requires_grad_()
    return weights


def _linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w[name + ".bias"])


def _layer_norm(w, name, x, eps):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], eps)


def _attention(w, prefix, x, bias, heads):
    """Softmax(q k^T / sqrt(d / heads) + bias) v per head. x [b, t, d], bias [b, 1, 1, t]."""
    b, t, d = x.shape

    def split(name):
        return _linear(w, prefix + name, x).view(b, t, heads, d // heads).transpose(1, 2)

    q, k, v = split("query"), split("key"), split("value")
    scores = q @ k.transpose(-1, -2) / math.sqrt(d // heads) + bias
    return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d)


def hidden_states(w, config, ids, mask, dropout=0.0):
    """ids, mask [b, t] -> last hidden states [b, t, d]."""
    eps, heads = config["layer_norm_eps"], config["num_attention_heads"]
    drop = lambda x: F.dropout(x, dropout) if dropout else x  # noqa: E731
    positions = torch.arange(ids.shape[1])
    x = F.embedding(ids, w["embeddings.word_embeddings.weight"])
    x = x + w["embeddings.position_embeddings.weight"][positions] + w["embeddings.token_type_embeddings.weight"][0]
    x = drop(_layer_norm(w, "embeddings.LayerNorm", x, eps))
    bias = (1.0 - mask[:, None, None, :]) * -1e4
    for layer in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{layer}."
        context = _attention(w, p + "attention.self.", x, bias, heads)
        context = drop(_linear(w, p + "attention.output.dense", context))
        x = _layer_norm(w, p + "attention.output.LayerNorm", x + context, eps)
        inner = F.gelu(_linear(w, p + "intermediate.dense", x))
        x = _layer_norm(w, p + "output.LayerNorm", x + drop(_linear(w, p + "output.dense", inner)), eps)
    return x


def embed(w, config, ids, mask, dropout=0.0):
    """Unit sentence vectors [b, d]: the mean of the hidden states of all real tokens."""
    hidden = hidden_states(w, config, ids, mask, dropout)
    summed = (hidden * mask[:, :, None]).sum(1)
    return F.normalize(summed / mask.sum(1, keepdim=True), dim=-1)


def pad(sequences, pad_id=0):
    """Lists of ids -> (ids [b, t] int64, mask [b, t] float32), t the longest."""
    longest = max(map(len, sequences))
    ids = torch.tensor([s + [pad_id] * (longest - len(s)) for s in sequences])
    mask = torch.tensor([[1.0] * len(s) + [0.0] * (longest - len(s)) for s in sequences])
    return ids, mask
