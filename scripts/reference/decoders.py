"""Llama, Qwen2 and Qwen3 as published, in float64, over whole sequences: slow and plain.

Written from the papers and the layout of the published checkpoints, so that nothing of what it shares with the engine
under test could be wrong in both: no cache, one sequence at a time, heads looped over, pairs of a head turned as complex
numbers. `weights` is {name: float64 tensor} without the prefix "model.", `config` is config.json.
"""

import cmath
import math

import torch


def linear(weights, name, x):
    y = x @ weights[name + ".weight"].T
    return y + weights[name + ".bias"] if name + ".bias" in weights else y


def rms_norm(weight, x, eps):
    """Zhang and Sennrich 2019."""
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def rope_of(config):
    """The scaling's dictionary in either spelling, with theta and the rotated share filled in."""
    rope = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    rope.setdefault("rope_type", rope.get("type", "default"))
    for key, default in (("rope_theta", 10000.0), ("partial_rotary_factor", 1.0),
                         ("original_max_position_embeddings", config["max_position_embeddings"])):
        rope.setdefault(key, config.get(key, default))
    return rope


def plain_frequencies(size, theta):
    """Su et al. 2021: theta^(-2i/d)."""
    return [theta ** (-2 * i / size) for i in range(size // 2)]


def linear_frequencies(size, rope):
    """Chen et al. 2023: positions are divided by the factor."""
    return [f / rope["factor"] for f in plain_frequencies(size, rope["rope_theta"])], 1.0


def llama3_frequencies(size, rope):
    """Llama 3.1: long waves are stretched, short ones are not, those between partly."""
    old, factor = rope["original_max_position_embeddings"], rope["factor"]
    longest, shortest = old / rope["low_freq_factor"], old / rope["high_freq_factor"]
    result = []
    for f in plain_frequencies(size, rope["rope_theta"]):
        wave = 2 * math.pi / f
        if wave > longest:
            f = f / factor
        elif wave >= shortest:
            smooth = (old / wave - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            f = (1 - smooth) * f / factor + smooth * f
        result.append(f)
    return result, 1.0


def yarn_frequencies(size, rope):
    """Peng et al. 2023, NTK-by-parts with the attention's temperature."""
    theta, factor, old = rope["rope_theta"], rope["factor"], rope["original_max_position_embeddings"]

    def dimension(rotations):
        return size * math.log(old / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low, high = dimension(rope.get("beta_fast", 32)), dimension(rope.get("beta_slow", 1))
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, size - 1)
    result = []
    for i, f in enumerate(plain_frequencies(size, theta)):
        kept = 1 - min(max((i - low) / ((high - low) or 0.001), 0), 1)
        result.append(f / factor * (1 - kept) + f * kept)

    def scale(mscale):
        return 0.1 * mscale * math.log(factor) + 1 if factor > 1 else 1.0

    attention = rope.get("attention_factor")
    if attention is None:
        both = rope.get("mscale") and rope.get("mscale_all_dim")
        attention = scale(rope["mscale"]) / scale(rope["mscale_all_dim"]) if both else scale(1)
    return result, attention


def longrope_frequencies(size, rope, context, positions):
    """Ding et al. 2024: a factor of its own for each pair, chosen by the served context."""
    old = rope["original_max_position_embeddings"]
    factors = rope["long_factor"] if context > old else rope["short_factor"]
    result = [f / e for f, e in zip(plain_frequencies(size, rope["rope_theta"]), factors)]
    factor = rope.get("factor") or positions / old
    attention = rope.get("attention_factor")
    if attention is None:
        attention = math.sqrt(1 + math.log(factor) / math.log(old)) if factor > 1 else 1.0
    return result, attention


def frequencies(config, context):
    """(radians per position of each pair, scale of the rotated vectors)"""
    rope = rope_of(config)
    size = int(head_size(config) * rope["partial_rotary_factor"])
    if rope["rope_type"] == "default":
        return plain_frequencies(size, rope["rope_theta"]), 1.0
    if rope["rope_type"] == "longrope":
        return longrope_frequencies(size, rope, context, config["max_position_embeddings"])
    return {"linear": linear_frequencies, "llama3": llama3_frequencies, "yarn": yarn_frequencies}[rope["rope_type"]](
        size, rope)


def rotate(x, turns, scale):
    """x [tokens, head_size]: component i and i + half are one complex number, turned by position · turns[i]."""
    half = len(turns)
    pairs = torch.complex(x[:, :half].contiguous(), x[:, half:2 * half].contiguous())
    angles = torch.tensor([[scale * cmath.exp(1j * p * t) for t in turns] for p in range(len(x))],
                          dtype=torch.complex128)
    turned = pairs * angles
    return torch.cat([turned.real, turned.imag, x[:, 2 * half:]], 1)


def windows(config):
    """Of each layer: how many of the last positions it sees, or None for all."""
    layers, window = config["num_hidden_layers"], config.get("sliding_window")
    types = config.get("layer_types")
    if types is None:
        first = config.get("max_window_layers", 28) if config.get("use_sliding_window") else layers
        types = ["sliding_attention" if i >= first else "full_attention" for i in range(layers)]
    return [window if kind == "sliding_attention" else None for kind in types]


def attention(weights, config, at, x, turns, scale, window):
    size, heads, kv_heads = head_size(config), config["num_attention_heads"], config["num_key_value_heads"]
    q, k, v = (linear(weights, f"{at}{name}_proj", x) for name in "qkv")
    tokens = torch.arange(len(x))
    behind = tokens[:, None] - tokens[None, :]
    seen = (behind >= 0) if window is None else (behind >= 0) & (behind < window)
    mixed = []
    for head in range(heads):
        kv = head // (heads // kv_heads)
        query, key = q[:, head * size:(head + 1) * size], k[:, kv * size:(kv + 1) * size]
        if at + "q_norm.weight" in weights:
            query = rms_norm(weights[at + "q_norm.weight"], query, config["rms_norm_eps"])
            key = rms_norm(weights[at + "k_norm.weight"], key, config["rms_norm_eps"])
        query, key = rotate(query, turns, scale), rotate(key, turns, scale)
        scores = (query @ key.T / math.sqrt(size)).masked_fill(~seen, -math.inf)
        mixed.append(torch.softmax(scores, -1) @ v[:, kv * size:(kv + 1) * size])
    return linear(weights, at + "o_proj", torch.cat(mixed, 1))


def feed_forward(weights, at, x):
    """Shazeer 2020: SwiGLU."""
    gate = linear(weights, at + "gate_proj", x)
    return linear(weights, at + "down_proj", gate / (1 + torch.exp(-gate)) * linear(weights, at + "up_proj", x))


def logits(weights, config, ids, context):
    """[tokens, vocab_size] of one sequence, served with `context` positions."""
    eps = config["rms_norm_eps"]
    turns, scale = frequencies(config, context)
    x = weights["embed_tokens.weight"][torch.tensor(ids)]
    for i, window in enumerate(windows(config)):
        at = f"layers.{i}."
        normed = rms_norm(weights[at + "input_layernorm.weight"], x, eps)
        x = x + attention(weights, config, at + "self_attn.", normed, turns, scale, window)
        normed = rms_norm(weights[at + "post_attention_layernorm.weight"], x, eps)
        x = x + feed_forward(weights, at + "mlp.", normed)
    x = rms_norm(weights["norm.weight"], x, eps)
    return x @ weights["embed_tokens.weight" if config.get("tie_word_embeddings") else "lm_head.weight"].T
