#!/usr/bin/python3
"""Makes the tiny Whisper models of tests/golden/whisper with what a reference computes from them.

    make_whisper.py              write them all; the same machine and torch give the same bytes
    make_whisper.py --check      how far the results move when a part of the arithmetic is left out
    make_whisper.py --shape DIR  a model of whisper-tiny's shape, random, with reference results, into DIR (300 MB)

Each folder is a model as published (config.json, generation_config.json, model.safetensors) with golden.json (the cases)
and golden.safetensors (mel features; states, logits and scores before the softmax of the alignment heads). Needs Debian's python3-torch.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

import torch

import whisper
from checkpoint import DTYPES, random_weights, write_safetensors

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden/whisper"

COMMON = {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "activation_function": "gelu",
          "d_model": 24, "encoder_layers": 2, "encoder_attention_heads": 3, "encoder_ffn_dim": 40, "decoder_layers": 2,
          "decoder_attention_heads": 2, "decoder_ffn_dim": 36, "num_mel_bins": 8, "max_source_positions": 70,
          "max_target_positions": 40, "vocab_size": 60, "scale_embedding": False, "is_encoder_decoder": True}
GENERATION = {"alignment_heads": [[1, 0], [0, 1]]}

# name: (config, generation_config, dtype, options)
MODELS = {
    "whisper": (COMMON, GENERATION, "F32", {}),
    # Distilled: another number of layers in the decoder; heads of an odd width; a window of less than one panel.
    "whisper-distil-f16": ({**COMMON, "decoder_layers": 1, "decoder_attention_heads": 8, "max_source_positions": 30,
                            "num_mel_bins": 12, "torch_dtype": "float16"}, {}, "F16", {"head_in_file": True}),
    # More positions than are computed at once, a head of its own.
    "whisper-long-bf16": ({**COMMON, "encoder_layers": 1, "max_source_positions": 300, "tie_word_embeddings": False,
                           "torch_dtype": "bfloat16"}, {}, "BF16", {}),
}

TINY = {**COMMON, "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536,
        "decoder_layers": 4, "decoder_attention_heads": 6, "decoder_ffn_dim": 1536, "num_mel_bins": 80,
        "max_source_positions": 1500, "max_target_positions": 448, "vocab_size": 51865}


def shapes(config):
    """{name without prefix: shape}"""
    d = config["d_model"]
    table = {}

    def pair(name, *shape):
        table[name + ".weight"], table[name + ".bias"] = shape, shape[:1]

    def attention(name):
        for part in "qkv":
            table[f"{name}.{part}_proj.weight"] = (d, d)
            if part != "k":
                table[f"{name}.{part}_proj.bias"] = (d,)
        pair(name + ".out_proj", d, d)
        pair(name + "_layer_norm", d)

    pair("encoder.conv1", d, config["num_mel_bins"], 3)
    pair("encoder.conv2", d, d, 3)
    table["encoder.embed_positions.weight"] = (config["max_source_positions"], d)
    table["decoder.embed_tokens.weight"] = (config["vocab_size"], d)
    table["decoder.embed_positions.weight"] = (config["max_target_positions"], d)
    for side in ("encoder", "decoder"):
        for i in range(config[side + "_layers"]):
            layer = f"{side}.layers.{i}."
            attention(layer + "self_attn")
            if side == "decoder":
                attention(layer + "encoder_attn")
            pair(layer + "fc1", config[side + "_ffn_dim"], d)
            pair(layer + "fc2", d, config[side + "_ffn_dim"])
            pair(layer + "final_layer_norm", d)
        pair(side + ".layer_norm", d)
    if config.get("tie_word_embeddings") is False:
        table["proj_out.weight"] = (config["vocab_size"], d)
    return table


def fast_weights(table, dtype):
    """As checkpoint.random_weights, for a model of full size: torch's generator."""
    torch.manual_seed(7)
    weights = {}
    for name, shape in table.items():
        norm = "layer_norm" in name and name.endswith("weight")
        width = 0.4 if norm else 0.5 if len(shape) == 1 or "embed" in name else 1.5 / (shape[1] * (shape[2] if len(shape) > 2 else 1)) ** 0.5
        weights[name] = ((torch.rand(shape, dtype=torch.float64) * 2 - 1) * width + (1 if norm else 0)).to(DTYPES[dtype])
    return weights


class Model:
    """Everything about one of them but its files."""

    def __init__(self, name, config, generation, dtype, options, weights=None):
        self.name, self.config, self.generation, self.options = name, config, generation, options
        self.stored = weights or random_weights(shapes(config), name, dtype)
        self.weights = {key: tensor.double() for key, tensor in self.stored.items()}

    def file_tensors(self):
        tensors = {("" if key == "proj_out.weight" else "model.") + key: tensor for key, tensor in self.stored.items()}
        if self.options.get("head_in_file"):
            tensors["proj_out.weight"] = torch.zeros_like(self.stored["decoder.embed_tokens.weight"])
        return tensors

    def heads(self):
        config = self.config
        upper = [[layer, head] for layer in range(config["decoder_layers"] // 2, config["decoder_layers"])
                 for head in range(config["decoder_attention_heads"])]
        return self.generation.get("alignment_heads") or upper

    def cases(self):
        """(mel [mels, frames], token ids): the shortest, around a block of the cache, the whole context."""
        source = random.Random("cases of " + self.name)
        lengths = self.options.get("lengths") or (1, 17, self.config["max_target_positions"])
        for length in lengths:
            mels, frames = self.config["num_mel_bins"], 2 * self.config["max_source_positions"]
            values = [source.uniform(-1, 1) for _ in range(mels * frames)]
            mel = torch.tensor(values, dtype=torch.float32).reshape(mels, frames)
            yield mel, [source.randrange(self.config["vocab_size"]) for _ in range(length)]


def results(model, weights=None):
    """[(states, logits, scores of the alignment heads)]"""
    with torch.no_grad():
        found = []
        for mel, ids in model.cases():
            states = whisper.encode(weights or model.weights, model.config, mel.double())
            logits, scores = whisper.decode(weights or model.weights, model.config, states, ids)
            found.append((states, logits, torch.stack([scores[layer, head] for layer, head in model.heads()])))
        return found


def write(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.config, indent=1) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(model.generation) + "\n")
    write_safetensors(folder / "model.safetensors", model.file_tensors())
    cases, tensors = list(model.cases()), {}
    for i, ((mel, _), (states, logits, scores)) in enumerate(zip(cases, results(model))):
        tensors |= {f"{i}.mel": mel, f"{i}.states": states.float(), f"{i}.logits": logits.float(), f"{i}.scores": scores.float()}
    (folder / "golden.json").write_text(json.dumps({"cases": [ids for _, ids in cases]}) + "\n")
    write_safetensors(folder / "golden.safetensors", tensors)
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"wrote {folder.name}: {len(cases)} cases of up to {max(len(ids) for _, ids in cases)} tokens, {size / 1e3:.0f} kB")


def faults(model):
    """(what is left out, weights)"""
    def with_weights(change, chosen):
        return {key: change(t) if chosen(key) else t for key, t in model.weights.items()}

    yield "positions of the encoder one later", with_weights(lambda t: t.roll(-1, 0), lambda k: k == "encoder.embed_positions.weight")
    yield "positions of the decoder one later", with_weights(lambda t: t.roll(-1, 0), lambda k: k == "decoder.embed_positions.weight")
    yield "taps the other way round", with_weights(lambda t: t.flip(2), lambda k: k.endswith("conv2.weight"))
    for kind in ("conv1.bias", "q_proj.bias", "v_proj.bias", "out_proj.bias", "fc1.bias", "layer_norm.bias"):
        yield f"no {kind}", with_weights(torch.zeros_like, lambda k, kind=kind: k.endswith(kind))


def check(model):
    """Prints, for every fault, the largest difference over the cases as a share of max|b|, the tests' measure."""
    right = results(model)
    for name, weights in faults(model):
        wrong = results(model, weights)
        shares = [max(((a[k] - b[k]).abs().max() / b[k].abs().max()).item() for a, b in zip(wrong, right)) for k in (0, 1)]
        print(f"{model.name:20} {name:40} states {shares[0]:.1e}  logits {shares[1]:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="measure what the cases can tell; writes nothing")
    parser.add_argument("--shape", type=Path, metavar="DIR", help="write a model of whisper-tiny's shape there, and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.shape:
        write(Model("shape", TINY, {}, "F32", {"lengths": (5, 40)}, fast_weights(shapes(TINY), "F32")), options.shape)
        return
    for name, (config, generation, dtype, extra) in MODELS.items():
        model = Model(name, config, generation, dtype, extra)
        if options.check:
            check(model)
        else:
            write(model, GOLDEN / name)


if __name__ == "__main__":
    main()
