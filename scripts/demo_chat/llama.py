"""The Llama architecture (Touvron et al. 2023) for training, on plain tensors named as in the checkpoint."""

import math

import torch
from torch.nn import functional

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 128, "num_hidden_layers": 4,
          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 352,
          "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
          "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False, "torch_dtype": "float16"}


def initial_weights(config):
    """{name: float32 parameter}, normal with Llama's deviation of 0.02, less for what ends a residual branch."""
    d, ffn = config["hidden_size"], config["intermediate_size"]
    kv = config["num_key_value_heads"] * config["head_dim"]
    weights = {"model.embed_tokens.weight": torch.randn(config["vocab_size"], d) * 0.05, "model.norm.weight": torch.ones(d)}
    residual = 0.05 / math.sqrt(2 * config["num_hidden_layers"])
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        weights[layer + "input_layernorm.weight"] = torch.ones(d)
        weights[layer + "post_attention_layernorm.weight"] = torch.ones(d)
        for name, rows, columns, deviation in (
                ("self_attn.q_proj", d, d, 0.05), ("self_attn.k_proj", kv, d, 0.05), ("self_attn.v_proj", kv, d, 0.05),
                ("self_attn.o_proj", d, d, residual), ("mlp.gate_proj", ffn, d, 0.05), ("mlp.up_proj", ffn, d, 0.05),
                ("mlp.down_proj", d, ffn, residual)):
            weights[f"{layer}{name}.weight"] = torch.randn(rows, columns) * deviation
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def rms_norm(x, weight, epsilon):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + epsilon) * weight


def rotate(x, config):
    """RoPE (Su et al. 2021), halves side by side. x [batch, heads, tokens, head_dim]."""
    half = config["head_dim"] // 2
    frequency = config["rope_theta"] ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(x.shape[2], dtype=torch.float32)[:, None] * frequency
    cos, sin = angle.cos(), angle.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(x, weights, layer, config, mask):
    batch, tokens, _ = x.shape
    heads, kv_heads, size = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]

    def project(name, count):
        y = functional.linear(x, weights[f"{layer}self_attn.{name}_proj.weight"])
        return y.view(batch, tokens, count, size).transpose(1, 2)

    q, k, v = rotate(project("q", heads), config), rotate(project("k", kv_heads), config), project("v", kv_heads)
    k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
    scores = (q @ k.transpose(-1, -2) / math.sqrt(size) + mask).softmax(-1)
    joined = (scores @ v).transpose(1, 2).reshape(batch, tokens, -1)
    return functional.linear(joined, weights[f"{layer}self_attn.o_proj.weight"])


def feed_forward(x, weights, layer):
    gate = functional.silu(functional.linear(x, weights[f"{layer}mlp.gate_proj.weight"]))
    return functional.linear(gate * functional.linear(x, weights[f"{layer}mlp.up_proj.weight"]),
                             weights[f"{layer}mlp.down_proj.weight"])


def logits(weights, config, ids):
    """ids [batch, tokens] → float32 [batch, tokens, vocabulary]."""
    epsilon, x = config["rms_norm_eps"], weights["model.embed_tokens.weight"][ids]
    mask = torch.full((ids.shape[1], ids.shape[1]), -math.inf).triu(1)
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        x = x + attention(rms_norm(x, weights[layer + "input_layernorm.weight"], epsilon), weights, layer, config, mask)
        x = x + feed_forward(rms_norm(x, weights[layer + "post_attention_layernorm.weight"], epsilon), weights, layer)
    return functional.linear(rms_norm(x, weights["model.norm.weight"], epsilon), weights["model.embed_tokens.weight"])
