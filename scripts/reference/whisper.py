"""Whisper as published, in float64, one window and one sequence at a time: slow and plain.

Written from Radford et al. 2022 and the layout of the published checkpoints, so that nothing of what it shares with the
engine under test could be wrong in both: convolutions are sums over their taps, no cache, heads looped over. `weights` is
{name: float64 tensor} without the prefix "model.", `config` is config.json.
"""

import math

import torch


def linear(weights, name, x):
    y = x @ weights[name + ".weight"].T
    return y + weights[name + ".bias"] if name + ".bias" in weights else y


def layer_norm(weights, name, x):
    """Ba et al. 2016."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * weights[name + ".weight"] + weights[name + ".bias"]


def gelu(x):
    """Hendrycks and Gimpel 2016, with the error function."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def convolution(weights, name, x, step):
    """x [frames, channels]; three taps, a border of one zero."""
    border = torch.zeros(1, x.shape[1], dtype=x.dtype)
    padded = torch.cat([border, x, border])
    count = (len(x) - 1) // step + 1
    weight = weights[name + ".weight"]
    y = weights[name + ".bias"].expand(count, -1).clone()
    for tap in range(3):
        y += padded[tap:tap + (count - 1) * step + 1:step] @ weight[:, :, tap].T
    return y


def attention(weights, name, heads, x, seen, causal):
    """Also the scores of each head before the softmax: [heads, len(x), len(seen)]."""
    size = x.shape[1] // heads
    q, k, v = linear(weights, name + ".q_proj", x), linear(weights, name + ".k_proj", seen), linear(weights, name + ".v_proj", seen)
    mixed, scores = [], []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        score = q[:, part] @ k[:, part].T / math.sqrt(size)
        if causal:
            score = score.masked_fill(torch.ones_like(score).triu(1).bool(), -math.inf)
        scores.append(score)
        mixed.append(torch.softmax(score, -1) @ v[:, part])
    return linear(weights, name + ".out_proj", torch.cat(mixed, 1)), torch.stack(scores)


def feed_forward(weights, layer, x):
    normed = layer_norm(weights, layer + "final_layer_norm", x)
    return x + linear(weights, layer + "fc2", gelu(linear(weights, layer + "fc1", normed)))


def encode(weights, config, mel):
    """mel [mels, 2 · positions] -> states [positions, width]"""
    x = gelu(convolution(weights, "encoder.conv1", mel.T, 1))
    x = gelu(convolution(weights, "encoder.conv2", x, 2)) + weights["encoder.embed_positions.weight"]
    for i in range(config["encoder_layers"]):
        layer = f"encoder.layers.{i}."
        normed = layer_norm(weights, layer + "self_attn_layer_norm", x)
        x = x + attention(weights, layer + "self_attn", config["encoder_attention_heads"], normed, normed, False)[0]
        x = feed_forward(weights, layer, x)
    return layer_norm(weights, "encoder.layer_norm", x)


def decode(weights, config, states, ids):
    """Logits [tokens, vocab_size] of teacher-forced ids, and cross-attention's scores [layers, heads, tokens, positions]."""
    heads = config["decoder_attention_heads"]
    x = weights["decoder.embed_tokens.weight"][torch.tensor(ids)] + weights["decoder.embed_positions.weight"][:len(ids)]
    all_scores = []
    for i in range(config["decoder_layers"]):
        layer = f"decoder.layers.{i}."
        normed = layer_norm(weights, layer + "self_attn_layer_norm", x)
        x = x + attention(weights, layer + "self_attn", heads, normed, normed, True)[0]
        normed = layer_norm(weights, layer + "encoder_attn_layer_norm", x)
        mixed, scores = attention(weights, layer + "encoder_attn", heads, normed, states, False)
        x = feed_forward(weights, layer, x + mixed)
        all_scores.append(scores)
    x = layer_norm(weights, "decoder.layer_norm", x)
    output = weights["proj_out.weight"] if config.get("tie_word_embeddings") is False else weights["decoder.embed_tokens.weight"]
    return x @ output.T, torch.stack(all_scores)
