#!/usr/bin/python3
"""Makes the quickstart's demo chat model from nothing, or checks the committed one.

    make_demo_chat.py            train and write examples/quickstart/models/demo-chat
    make_demo_chat.py --check    ask it for stories, greedily; how many are grammatical
    make_demo_chat.py --golden   write tests/golden/demo-chat.json: greedy answers by this script's own forward pass

Needs Debian's python3-torch and python3-numpy. One thread, fixed seeds: the same machine
and the same torch give the same bytes.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

# Debian's OpenBLAS does not know newer processors and then falls back to kernels several times
# slower; it reads its choice at load, hence the second start.
if os.environ.get("BERTH_BLAS_CHOSEN") is None and "avx512f" in Path("/proc/cpuinfo").read_text():
    os.environ.update(OPENBLAS_CORETYPE="SkylakeX", BERTH_BLAS_CHOSEN="1")
    os.execv(sys.executable, [sys.executable, *sys.argv])

import torch

from demo_chat import bpe, judge, llama, stories
from demo_chat.train import chat_ids, train
from demo_embedder.checkpoint import read_safetensors, write_safetensors

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples/quickstart/models/demo-chat"
GOLDEN = ROOT / "tests/golden/demo-chat.json"
SEED, CHECK_SEED = 7, 1_000_003
LONGEST_ANSWER = 160

CHAT_TEMPLATE = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""


def save(folder, weights, config, tokenizer):
    """Writes the whole model folder (without its README)."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", {name: w.detach().numpy() for name, w in weights.items()})
    text = json.dumps(tokenizer.to_json(), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text + "\n")
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    side_files = {
        "config.json": config,
        "generation_config.json": {"bos_token_id": bpe.END_OF_TEXT, "eos_token_id": [bpe.END_OF_TEXT, bpe.IM_END],
                                   "do_sample": True, "temperature": 0.7, "top_p": 0.9},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bpe.SPECIALS[0],
                                  "eos_token": bpe.SPECIALS[2], "pad_token": bpe.SPECIALS[0],
                                  "model_max_length": config["max_position_embeddings"]},
    }
    for name, value in side_files.items():
        (folder / name).write_text(json.dumps(value, indent=1) + "\n")


def load(folder):
    """(weights, config, tokenizer) of a model folder."""
    config = json.loads((folder / "config.json").read_text())
    merges = json.loads((folder / "tokenizer.json").read_text())["model"]["merges"]
    tokenizer = bpe.Tokenizer([tuple(pair.split(" ")) for pair in merges])
    return read_safetensors(folder / "model.safetensors"), config, tokenizer


def greedy(weights, config, ids, most=LONGEST_ANSWER):
    """The answer's ids up to an end token, which is not part of it; and the smallest lead of a best token."""
    answer, lead = [], float("inf")
    with torch.no_grad():
        while len(answer) < most:
            row = llama.logits(weights, config, torch.tensor([ids + answer]))[0, -1]
            best, second = row.topk(2).values.tolist()
            lead = min(lead, best - second)
            token = int(row.argmax())
            if token in config["eos_token_id"]:
                break
            answer.append(token)
    return answer, lead


def check(folder, questions=100):
    """Prints how many greedy answers to questions that training did not draw are grammatical."""
    weights, config, tokenizer = load(folder)
    rng = random.Random(CHECK_SEED)
    grammatical = faithful = 0
    for i in range(questions):
        cast = stories.draw_cast(rng)
        question = stories.request(cast, rng)
        ids = chat_ids(tokenizer, [{"role": "user", "content": question}], add_generation_prompt=True)
        text = tokenizer.decode(greedy(weights, config, ids)[0])
        grammatical += judge.grammatical(text)
        faithful += judge.faithful(text, cast)
        if i < 3:
            print(f"  > {question}\n  {text}")
    print(f"of {questions} stories {grammatical} are grammatical, {faithful} are about the hero who was asked for")


def write_golden(folder):
    """Questions with prompt ids and greedy answers, for the server's tests."""
    weights, config, tokenizer = load(folder)
    cases = []
    for messages in ([{"role": "user", "content": "Tell me a story about a girl named Mia and a red ball."}],
                     [{"role": "user", "content": "Hello!"}],
                     [{"role": "system", "content": "You are a storyteller."},
                      {"role": "user", "content": "Please tell me how Leo, the fox, met a bear."}],
                     [{"role": "user", "content": "Hi!"},
                      {"role": "assistant", "content": "Hello! Shall I tell you a story?"},
                      {"role": "user", "content": "Tell me a story."}]):
        ids = chat_ids(tokenizer, messages, add_generation_prompt=True)
        answer, lead = greedy(weights, config, ids)
        cases.append({"messages": messages, "prompt_ids": ids, "ids": answer, "text": tokenizer.decode(answer),
                      "smallest_lead": round(lead, 5)})
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    GOLDEN.write_text('{"model": "demo-chat", "cases": [\n' + rows + "\n]}\n")
    print(f"wrote {GOLDEN.relative_to(ROOT)}")


def make(folder, steps):
    """Trains, writes the folder, reads it back and reports."""
    def report(step, seconds, loss):
        print(f"step {step:5d}  {seconds:4.0f} s  loss {loss:.4f}", flush=True)

    began = time.monotonic()
    weights, config, tokenizer = train(steps, SEED, report)
    save(folder, weights, config, tokenizer)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"made {folder} in {time.monotonic() - began:.0f} s: {len(tokenizer.pieces)} tokens, {size / 1e6:.2f} MB")
    check(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="how many greedy stories of the committed model are grammatical")
    parser.add_argument("--golden", action="store_true", help="write the golden answers of the committed model")
    parser.add_argument("--steps", type=int, default=1000, help="training steps")
    parser.add_argument("--model", type=Path, default=MODEL, help="the model folder to write or to check")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        check(options.model)
    elif options.golden:
        write_golden(options.model)
    else:
        make(options.model, options.steps)


if __name__ == "__main__":
    main()
