"""BERT, DistilBERT and MPNet as published, in float64, over padded batches: slow and plain.

Written from the papers and the layout of the published checkpoints, one function per family, so that nothing
of what it shares with the engine under test could be wrong in both: heads are looped over, sequences padded
and masked, buckets come from the logarithm. A `Weights` is {name: float64 tensor} without the family's prefix,
`config` is config.json.
"""

import math

import torch

ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "silu": lambda x: x / (1 + torch.exp(-x)),
}


def linear(weights, name, x):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def layer_norm(weights, name, x, eps):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * weights[name + ".weight"] + weights[name + ".bias"]


def attention(q, k, v, mask, heads, bias=None):
    """[batch, tokens, size] each; mask [batch, tokens], true where a token is; bias [tokens, tokens, heads]."""
    size = q.shape[-1] // heads
    mixed = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(size)
        if bias is not None:
            scores = scores + bias[..., head]
        scores = scores.masked_fill(~mask[:, None, :], -math.inf)
        mixed.append(torch.softmax(scores, -1) @ v[..., part])
    return torch.cat(mixed, -1)


def bert(weights, config, ids, types, mask):
    """Devlin et al. 2018. Hidden states [batch, tokens, hidden_size]."""
    eps, act = config["layer_norm_eps"], ACTIVATIONS[config["hidden_act"]]
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][types]
    x = layer_norm(weights, "embeddings.LayerNorm", x, eps)
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}."
        q, k, v = (linear(weights, at + f"attention.self.{part}", x) for part in ("query", "key", "value"))
        mixed = attention(q, k, v, mask, config["num_attention_heads"])
        mixed = linear(weights, at + "attention.output.dense", mixed)
        x = layer_norm(weights, at + "attention.output.LayerNorm", mixed + x, eps)
        wide = act(linear(weights, at + "intermediate.dense", x))
        x = layer_norm(weights, at + "output.LayerNorm", linear(weights, at + "output.dense", wide) + x, eps)
    return x


def distilbert(weights, config, ids, types, mask):
    """Sanh et al. 2019: BERT without segments; its layer norms have 1e-12 whatever config.json says."""
    eps, act = 1e-12, ACTIVATIONS[config["activation"]]
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = layer_norm(weights, "embeddings.LayerNorm", x, eps)
    for i in range(config["n_layers"]):
        at = f"transformer.layer.{i}."
        q, k, v = (linear(weights, at + f"attention.{part}_lin", x) for part in "qkv")
        mixed = linear(weights, at + "attention.out_lin", attention(q, k, v, mask, config["n_heads"]))
        x = layer_norm(weights, at + "sa_layer_norm", mixed + x, eps)
        wide = act(linear(weights, at + "ffn.lin1", x))
        x = layer_norm(weights, at + "output_layer_norm", linear(weights, at + "ffn.lin2", wide) + x, eps)
    return x


def relative_bucket(relative, buckets=32, max_distance=128):
    """T5's bucket, both directions, of key position - query position, with the published float32 logarithm."""
    half = buckets // 2
    exact = half // 2
    distance = relative.abs()
    ratio = torch.log(distance.float() / exact) / math.log(max_distance / exact)
    large = exact + (ratio * (half - exact)).long()
    large = torch.minimum(large, torch.full_like(large, half - 1))
    return torch.where(distance < exact, distance, large) + half * (relative > 0)


def mpnet_positions(ids, padding=1):
    """Counted from padding + 1 over the tokens that are no padding; padding has its own row."""
    counted = (ids != padding).long()
    return torch.cumsum(counted, 1) * counted + padding


def mpnet(weights, config, ids, types, mask):
    """Song et al. 2020: no segments, positions from 2 on, one relative bias for all layers."""
    eps, act, tokens = config["layer_norm_eps"], ACTIVATIONS[config["hidden_act"]], torch.arange(ids.shape[1])
    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][mpnet_positions(ids)]
    x = layer_norm(weights, "embeddings.LayerNorm", x, eps)
    buckets = relative_bucket(tokens[None, :] - tokens[:, None])
    bias = weights["encoder.relative_attention_bias.weight"][buckets]
    for i in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{i}."
        q, k, v = (linear(weights, at + f"attention.attn.{part}", x) for part in "qkv")
        mixed = attention(q, k, v, mask, config["num_attention_heads"], bias)
        mixed = linear(weights, at + "attention.attn.o", mixed)
        x = layer_norm(weights, at + "attention.LayerNorm", mixed + x, eps)
        wide = act(linear(weights, at + "intermediate.dense", x))
        x = layer_norm(weights, at + "output.LayerNorm", linear(weights, at + "output.dense", wide) + x, eps)
    return x


FAMILIES = {"bert": bert, "distilbert": distilbert, "mpnet": mpnet}


def hidden_states(weights, config, sequences, padding):
    """One [tokens, size] for each of the sequences (ids, second), computed in one padded batch."""
    longest = max(len(ids) for ids, _ in sequences)
    ids = torch.full((len(sequences), longest), padding)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
    for row, (given, second) in enumerate(sequences):
        ids[row, : len(given)] = torch.tensor(given)
        mask[row, : len(given)] = True
        if second:
            types[row, second : len(given)] = 1
    x = FAMILIES[config["model_type"]](weights, config, ids, types, mask)
    return [x[row, : len(given)] for row, (given, _) in enumerate(sequences)]


def ranking_logit(weights, config, hidden):
    """The score of one sequence from its first token."""
    first = hidden[0]
    if config["model_type"] == "bert":
        return linear(weights, "classifier", torch.tanh(linear(weights, "pooler.dense", first)))
    if config["model_type"] == "distilbert":
        return linear(weights, "classifier", ACTIVATIONS["relu"](linear(weights, "pre_classifier", first)))
    return linear(weights, "classifier.out_proj", torch.tanh(linear(weights, "classifier.dense", first)))


def pooled(hidden, pooling):
    return hidden[0] if pooling == "cls" else hidden.mean(0)
