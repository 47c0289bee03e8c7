#!/usr/bin/python3
"""Makes the tiny decoders of tests/golden/decoders with the logits that a reference computes from them.

    make_decoders.py            write them all; the same machine and torch give the same bytes
    make_decoders.py --check    how far the logits move when a part of the arithmetic is left out

Each folder is a model as published (config.json, model.safetensors or shards), of random weights, with golden.json
(the served context, ids) and logits.safetensors beside it. Needs Debian's python3-torch.
"""

import argparse
import json
import math
import random
import shutil
from pathlib import Path

import torch

import decoders
from checkpoint import random_weights, write_safetensors

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden/decoders"

COMMON = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40,
          "vocab_size": 40, "hidden_act": "silu", "rms_norm_eps": 0.01, "max_position_embeddings": 96,
          "bos_token_id": 1, "eos_token_id": 2}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **COMMON, "num_key_value_heads": 2}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **COMMON, "num_key_value_heads": 2}
QWEN3 = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **COMMON, "num_key_value_heads": 2,
         "head_dim": 8}
# A base and a head under which the ramp of YaRN and the bounds of llama3 lie among the frequencies.
RAMP = {"head_dim": 16, "rope_theta": 500.0}
SHORT, LONG = [1.0, 1.1, 1.3, 1.7], [1.2, 2.0, 3.5, 8.0]

# name: (what differs from the family's config, dtype, {option: value})
MODELS = {
    # Llama 1: as many KV heads as heads, an output layer of its own, and the tensors that nobody needs.
    "llama-1": ({**LLAMA, "architectures": ["LLaMAForCausalLM"], "num_key_value_heads": 4, "torch_dtype": "float32"},
                "F32", {"frequencies_in_file": True}),
    # Llama 3.2: tied, and the output layer in the file all the same.
    "llama-3": ({**LLAMA, **RAMP, "tie_word_embeddings": True, "rope_scaling": {
        "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 48,
        "rope_type": "llama3"}}, "F32", {"head_in_file": True}),
    "llama-biases": ({**LLAMA, "attention_bias": True, "mlp_bias": True, "head_dim": 12,
                      "partial_rotary_factor": 0.5}, "F32", {}),
    "llama-linear-f16": ({**LLAMA, "rope_scaling": {"type": "linear", "factor": 3.0}, "torch_dtype": "float16"}, "F16",
                         {"shards": 3}),
    "llama-longrope-short": ({**LLAMA, "head_dim": 8, "rope_scaling": {
        "type": "longrope", "short_factor": SHORT, "long_factor": LONG, "original_max_position_embeddings": 48}},
        "F32", {"context": 48}),
    "llama-longrope-long": ({**LLAMA, "head_dim": 8, "original_max_position_embeddings": 48, "rope_scaling": {
        "rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG, "factor": 2.5}}, "F32", {}),
    "qwen2-window": ({**QWEN2, "tie_word_embeddings": True, "use_sliding_window": True, "sliding_window": 20,
                      "max_window_layers": 1}, "F32", {}),
    # Qwen2.5 as its documents extend it.
    "qwen2-yarn": ({**QWEN2, **RAMP, "max_position_embeddings": 24, "use_sliding_window": False,
                    "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 24,
                                     "beta_fast": 1.5}}, "F32", {"context": 96, "shards": 2}),
    "qwen3": ({**QWEN3, "head_dim": 16, "rope_theta": 1e6}, "F32", {}),
    "qwen3-yarn": ({**QWEN3, "head_dim": 16, "attention_bias": True, "rope_parameters": {
        "rope_type": "yarn", "rope_theta": 500.0, "factor": 2.0, "original_max_position_embeddings": 48,
        "beta_fast": 4, "beta_slow": 0.5, "mscale": 1.2, "mscale_all_dim": 0.5, "truncate": False}}, "F32", {}),
    "qwen3-yarn-attention": ({**QWEN3, "head_dim": 16, "tie_word_embeddings": True, "rope_parameters": {
        "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 24,
        "attention_factor": 1.3}}, "F32", {}),
    "qwen3-window-bf16": ({**QWEN3, "layer_types": ["sliding_attention", "full_attention"], "use_sliding_window": True,
                           "sliding_window": 17, "dtype": "bfloat16"}, "BF16", {}),
}


def shapes(config):
    """{name without prefix: shape}"""
    d, wide, size = config["hidden_size"], config["intermediate_size"], decoders.head_size(config)
    q, kv = config["num_attention_heads"] * size, config["num_key_value_heads"] * size
    table = {"embed_tokens.weight": (config["vocab_size"], d)}
    qwen2 = config["model_type"] == "qwen2"
    attention_bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
    for i in range(config["num_hidden_layers"]):
        at = f"layers.{i}."
        table[at + "input_layernorm.weight"] = (d,)
        for name, rows, columns, bias in (
                ("self_attn.q_proj", q, d, attention_bias or qwen2), ("self_attn.k_proj", kv, d, attention_bias or qwen2),
                ("self_attn.v_proj", kv, d, attention_bias or qwen2), ("self_attn.o_proj", d, q, attention_bias),
                ("mlp.gate_proj", wide, d, mlp_bias), ("mlp.up_proj", wide, d, mlp_bias),
                ("mlp.down_proj", d, wide, mlp_bias)):
            table[f"{at}{name}.weight"] = (rows, columns)
            if bias:
                table[f"{at}{name}.bias"] = (rows,)
        if config["model_type"] == "qwen3":
            table[at + "self_attn.q_norm.weight"] = table[at + "self_attn.k_norm.weight"] = (size,)
        table[at + "post_attention_layernorm.weight"] = (d,)
    table["norm.weight"] = (d,)
    if not config.get("tie_word_embeddings"):
        table["lm_head.weight"] = (config["vocab_size"], d)
    return table


class Model:
    """Everything about one of them but its files."""

    def __init__(self, name):
        self.name = name
        self.config, self.dtype, self.options = MODELS[name]
        self.stored = random_weights(shapes(self.config), name, self.dtype)
        self.weights = {key: tensor.double() for key, tensor in self.stored.items()}
        self.context = self.options.get("context", self.config["max_position_embeddings"])

    def file_tensors(self):
        tensors = {("" if key == "lm_head.weight" else "model.") + key: tensor for key, tensor in self.stored.items()}
        if self.options.get("head_in_file"):
            tensors["lm_head.weight"] = torch.zeros_like(self.stored["embed_tokens.weight"])
        if self.options.get("frequencies_in_file"):
            for i in range(self.config["num_hidden_layers"]):
                tensors[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = torch.zeros(3)
        return tensors

    def cases(self):
        """The shortest, around a block of the cache, the whole context."""
        source = random.Random("cases of " + self.name)
        for length in (1, 16, 33, self.context):
            yield [source.randrange(self.config["vocab_size"]) for _ in range(length)]


def write_weights(folder, tensors, shards):
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return
    names, where = list(tensors), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        chosen = names[shard::shards]
        write_safetensors(folder / file, {name: tensors[name] for name in chosen})
        where.update({name: file for name in chosen})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}) + "\n")


def results(model, weights=None, config=None, context=None):
    with torch.no_grad():
        return [decoders.logits(weights or model.weights, config or model.config, ids, context or model.context)
                for ids in model.cases()]


def write(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.config, indent=1) + "\n")
    write_weights(folder, model.file_tensors(), model.options.get("shards", 1))
    cases = list(model.cases())
    golden = {"context": model.context, "cases": cases}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    write_safetensors(folder / "logits.safetensors", {str(i): l.float() for i, l in enumerate(results(model))})
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"wrote {folder.name}: {len(cases)} cases of up to {max(map(len, cases))} tokens, {size / 1e3:.0f} kB")


def without(config, *keys, **changes):
    return {**{key: value for key, value in config.items() if key not in keys}, **changes}


def rope_faults(config):
    """(what is done otherwise, config): the scaling's parts one by one."""
    key = "rope_parameters" if "rope_parameters" in config else "rope_scaling"
    rope = config.get(key)
    if rope is None:
        return
    yield "no scaling", without(config, key, rope_theta=decoders.rope_of(config)["rope_theta"])
    if "factor" in rope:
        yield "another factor", without(config, **{key: {**rope, "factor": rope["factor"] * 1.5}})
    for part in ("beta_fast", "beta_slow", "mscale", "attention_factor", "truncate"):
        if part in rope:
            yield f"no {part}", without(config, **{key: without(rope, part)})
    if "high_freq_factor" in rope:
        yield "another high_freq_factor", without(config, **{key: {**rope, "high_freq_factor": 3.0}})
        yield "another low_freq_factor", without(config, **{key: {**rope, "low_freq_factor": 1.5}})
    if rope.get("original_max_position_embeddings", config["max_position_embeddings"]) != config["max_position_embeddings"]:
        yield "no original context", without(config, **{key: without(rope, "original_max_position_embeddings")})


def faults(model):
    """(what is left out or done otherwise, weights, config, context)"""
    for name, config in rope_faults(model.config):
        yield name, model.weights, config, model.context
    if "longrope" in model.name:
        yield "the other factors", model.weights, model.config, 144 - model.context
    if "partial_rotary_factor" in model.config:
        yield "all components rotated", model.weights, without(model.config, "partial_rotary_factor"), model.context
    key = "rope_parameters" if "rope_parameters" in model.config else "rope_theta"
    theta = {**model.config[key], "rope_theta": 600.0} if key == "rope_parameters" else 12000.0
    yield "another theta", model.weights, {**model.config, key: theta}, model.context
    yield "rms_norm_eps 1e-6", model.weights, {**model.config, "rms_norm_eps": 1e-6}, model.context
    window = model.config.get("sliding_window")
    if window:
        for other in (None, window + 1, window - 1):
            yield f"a window of {other}", model.weights, {**model.config, "sliding_window": other}, model.context
    for kind in sorted({key.split(".", 2)[-1] for key in model.weights if "bias" in key or "q_norm" in key}):
        changed = {key: (torch.zeros_like(t) if "bias" in key else torch.ones_like(t)) if key.endswith(kind) else t
                   for key, t in model.weights.items()}
        yield f"no {kind}", changed, model.config, model.context


def check(model):
    """Prints, for every fault, the largest difference over the cases as a share of max|b|, the tests' measure."""
    right = results(model)
    for name, weights, config, context in faults(model):
        wrong = results(model, weights, config, context)
        share = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(wrong, right))
        print(f"{model.name:22} {name:34} {share:.1e}" + ("" if share > 1e-3 or math.isnan(share) else "  (too little)"))


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


if __name__ == "__main__":
    main()
