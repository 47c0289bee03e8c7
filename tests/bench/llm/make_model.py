#!/usr/bin/python3
"""Makes one model of random weights twice, from the same numbers: a Hugging Face directory and a GGUF file.

    make_model.py FOLDER [--shape NAME]     FOLDER/config.json, tokenizer.json, model.safetensors, model.gguf

The shape is Qwen2-0.5B's (24 layers, 896 wide, 14 heads on 2, feed-forward 4864, 151,936 tokens, tied), in bfloat16:
what a decoder costs depends on its shape, not on its numbers. The vocabulary is made up: bytes, and words that no text
has; the benchmark sends token ids. GGUF as its specification (ggml/docs/gguf.md, version 3) describes it.
Needs Debian's python3-numpy.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np

SHAPES = {
    "qwen2-0.5b": {"vocab_size": 151_936, "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
                   "num_key_value_heads": 2, "intermediate_size": 4864},
    "tiny": {"vocab_size": 512, "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "intermediate_size": 352},
}
POSITIONS, EPSILON, THETA = 2048, 1e-6, 1_000_000.0
SEED = 5


def bfloat16(values):
    """float32 → the upper halves, rounded to nearest even, as uint16."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def tensors(shape):
    """Yields (Hugging Face's name, GGUF's name, array): uint16 of bfloat16 for matrices, float32 for vectors."""
    random = np.random.default_rng(SEED)
    d, ffn = shape["hidden_size"], shape["intermediate_size"]
    kv = d // shape["num_attention_heads"] * shape["num_key_value_heads"]

    def matrix(rows, columns):
        return bfloat16(random.standard_normal((rows, columns), dtype=np.float32) * (0.6 / columns ** 0.5))

    def ones():
        return np.ones(d, np.float32)

    yield "model.embed_tokens.weight", "token_embd.weight", matrix(shape["vocab_size"], d)
    for i in range(shape["num_hidden_layers"]):
        ours, theirs = f"model.layers.{i}.", f"blk.{i}."
        yield ours + "input_layernorm.weight", theirs + "attn_norm.weight", ones()
        for name, short, rows, columns in (("q", "attn_q", d, d), ("k", "attn_k", kv, d), ("v", "attn_v", kv, d)):
            yield f"{ours}self_attn.{name}_proj.weight", f"{theirs}{short}.weight", matrix(rows, columns)
            yield f"{ours}self_attn.{name}_proj.bias", f"{theirs}{short}.bias", np.zeros(rows, np.float32)
        yield ours + "self_attn.o_proj.weight", theirs + "attn_output.weight", matrix(d, d)
        yield ours + "post_attention_layernorm.weight", theirs + "ffn_norm.weight", ones()
        yield ours + "mlp.gate_proj.weight", theirs + "ffn_gate.weight", matrix(ffn, d)
        yield ours + "mlp.up_proj.weight", theirs + "ffn_up.weight", matrix(ffn, d)
        yield ours + "mlp.down_proj.weight", theirs + "ffn_down.weight", matrix(d, ffn)
    yield "model.norm.weight", "output_norm.weight", ones()


def alphabet():
    """GPT-2's printable character of every byte."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) for byte in visible] + [chr(0x100 + i) for i in range(len(hidden))]


def vocabulary(size):
    """Bytes, one pair that can be merged, and words that nothing merges to."""
    pieces = alphabet() + ["aa"]
    return pieces + [f"<w{i}>" for i in range(size - len(pieces))]


def write_safetensors(path, named):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, array in named:
        header[name] = {"dtype": "BF16" if array.dtype == np.uint16 else "F32", "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in named:
            file.write(array.tobytes())


class Gguf:
    """A GGUF file of version 3: header, metadata, tensor infos, data aligned to 32 bytes."""
    U32, F32, STRING, ARRAY, I32 = 4, 6, 8, 9, 5
    TENSOR_F32, TENSOR_BF16, ALIGNMENT = 0, 30, 32

    def __init__(self):
        self.metadata = []

    @staticmethod
    def text(value):
        raw = value.encode()
        return struct.pack("<Q", len(raw)) + raw

    def add(self, key, kind, value):
        self.metadata.append(self.text(key) + struct.pack("<I", kind) + self.packed(kind, value))

    def add_array(self, key, kind, values):
        body = b"".join(self.packed(kind, value) for value in values)
        self.metadata.append(self.text(key) + struct.pack("<IIQ", self.ARRAY, kind, len(values)) + body)

    def packed(self, kind, value):
        return self.text(value) if kind == self.STRING else struct.pack({4: "<I", 5: "<i", 6: "<f"}[kind], value)

    def write(self, path, named):
        infos, offset = [], 0
        for name, array in named:
            kind = self.TENSOR_BF16 if array.dtype == np.uint16 else self.TENSOR_F32
            shape = array.shape[::-1]  # the fastest dimension first
            infos.append(self.text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
            offset += array.nbytes + -array.nbytes % self.ALIGNMENT
        head = b"GGUF" + struct.pack("<IQQ", 3, len(named), len(self.metadata)) + b"".join(self.metadata + infos)
        with path.open("wb") as file:
            file.write(head + b"\0" * (-len(head) % self.ALIGNMENT))
            for _, array in named:
                file.write(array.tobytes() + b"\0" * (-array.nbytes % self.ALIGNMENT))


def gguf_of(shape, pieces):
    file = Gguf()
    file.add("general.architecture", file.STRING, "qwen2")
    file.add("general.name", file.STRING, "random weights")
    for key, value in (("context_length", POSITIONS), ("embedding_length", shape["hidden_size"]),
                       ("block_count", shape["num_hidden_layers"]), ("feed_forward_length", shape["intermediate_size"]),
                       ("attention.head_count", shape["num_attention_heads"]),
                       ("attention.head_count_kv", shape["num_key_value_heads"])):
        file.add(f"qwen2.{key}", file.U32, value)
    file.add("qwen2.attention.layer_norm_rms_epsilon", file.F32, EPSILON)
    file.add("qwen2.rope.freq_base", file.F32, THETA)
    file.add("general.file_type", file.U32, 32)  # mostly bfloat16
    file.add("tokenizer.ggml.model", file.STRING, "gpt2")
    file.add("tokenizer.ggml.pre", file.STRING, "qwen2")
    file.add_array("tokenizer.ggml.tokens", file.STRING, pieces)
    file.add_array("tokenizer.ggml.token_type", file.I32, [1] * len(pieces))
    file.add_array("tokenizer.ggml.merges", file.STRING, ["a a"])
    file.add("tokenizer.ggml.eos_token_id", file.U32, len(pieces) - 1)
    file.add("tokenizer.ggml.bos_token_id", file.U32, len(pieces) - 1)
    return file


def write_side_files(folder, shape, pieces):
    end = len(pieces) - 1
    config = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **shape, "hidden_act": "silu",
              "max_position_embeddings": POSITIONS, "rms_norm_eps": EPSILON, "rope_theta": THETA,
              "tie_word_embeddings": True, "use_sliding_window": False, "torch_dtype": "bfloat16",
              "bos_token_id": end, "eos_token_id": end}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    tokenizer = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": byte_level,
                 "post_processor": None, "decoder": byte_level,
                 "model": {"type": "BPE", "vocab": {piece: i for i, piece in enumerate(pieces)}, "merges": ["a a"]}}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", choices=SHAPES, default="qwen2-0.5b")
    options = parser.parse_args()
    shape, folder = SHAPES[options.shape], options.folder
    folder.mkdir(parents=True, exist_ok=True)
    pieces = vocabulary(shape["vocab_size"])
    made = list(tensors(shape))
    write_side_files(folder, shape, pieces)
    write_safetensors(folder / "model.safetensors", [(ours, array) for ours, _, array in made])
    # Last: who finds it finds the rest.
    gguf_of(shape, pieces).write(folder / "model.gguf", [(theirs, array) for _, theirs, array in made])
    print(f"made {folder}: {sum(array.size for _, _, array in made) / 1e6:.0f} M parameters")


if __name__ == "__main__":
    main()
