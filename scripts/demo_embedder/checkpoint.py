"""Writes and reads a model folder: Hugging Face files with sentence-transformers side files."""

import json
import struct
from pathlib import Path

import numpy as np
import torch

from .bert import CONFIG
from .wordpiece import CLS, MASK, PAD, SEP, SPECIALS, UNK, Tokenizer

MAX_SEQUENCE = 128
DTYPES = {"F16": np.float16, "F32": np.float32}


def write_safetensors(path, tensors):
    """safetensors: u64 little-endian header length, JSON header, then the data back to back.

    `tensors` are {name: float32 array}; they are stored as F16. The header is padded with
    blanks so that the data begin at a multiple of 8.
    """
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, array in tensors.items():
        raw = array.astype(np.float16).tobytes()
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [offset, offset + len(raw)]}
        data.append(raw)
        offset += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def read_safetensors(path):
    """{name: float32 tensor} of a safetensors file."""
    raw = Path(path).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, base = json.loads(raw[8 : 8 + size]), 8 + size
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            array = np.frombuffer(raw[base + begin : base + end], DTYPES[entry["dtype"]])
            tensors[name] = torch.from_numpy(array.astype(np.float32).reshape(entry["shape"]))
    return tensors


def _special(token, index):
    return {"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}


def _piece(token, type_id):
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _template():
    """[CLS] A [SEP] and [CLS] A [SEP] B [SEP]."""
    single = [_piece("[CLS]", 0), {"Sequence": {"id": "A", "type_id": 0}}, _piece("[SEP]", 0)]
    second = [{"Sequence": {"id": "B", "type_id": 1}}, _piece("[SEP]", 1)]
    tokens = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("[CLS]", CLS), ("[SEP]", SEP))}
    return {"type": "TemplateProcessing", "single": single, "pair": single + second, "special_tokens": tokens}


def tokenizer_json(vocabulary):
    """The complete tokenizer.json of a lower-casing BERT tokenizer."""
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(token, i) for token, i in zip(SPECIALS, (PAD, UNK, CLS, SEP, MASK))],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _template(),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {piece: i for i, piece in enumerate(vocabulary)}},
    }


def _side_files():
    """{path: JSON value} of what stands beside the weights."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "modules.json": [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
                         for i, (path, kind) in enumerate(modules)],
        "1_Pooling/config.json": {"word_embedding_dimension": CONFIG["hidden_size"], "pooling_mode_cls_token": False,
                                  "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False,
                                  "pooling_mode_mean_sqrt_len_tokens": False},
        "sentence_bert_config.json": {"max_seq_length": MAX_SEQUENCE, "do_lower_case": False},
        "tokenizer_config.json": {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None,
                                  "tokenize_chinese_chars": True, "model_max_length": MAX_SEQUENCE,
                                  "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]",
                                  "sep_token": "[SEP]", "mask_token": "[MASK]"},
    }


def save(folder, weights, config, vocabulary):
    """Writes the whole model folder (without its README)."""
    folder = Path(folder)
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", {n: w.detach().numpy() for n, w in weights.items()})
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    tokenizer = json.dumps(tokenizer_json(vocabulary), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(tokenizer + "\n")
    for name, value in {"config.json": config, **_side_files()}.items():
        (folder / name).write_text(json.dumps(value, indent=1) + "\n")


def load(folder):
    """(weights, config, tokenizer) of a model folder."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    vocabulary = (folder / "vocab.txt").read_text().split("\n")[:-1]
    return read_safetensors(folder / "model.safetensors"), config, Tokenizer(vocabulary)
