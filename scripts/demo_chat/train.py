"""Trains the demo chat model: the next token of stories and conversations, packed into rows."""

import math
import random
import time

import torch
from torch.nn import functional

from . import bpe, llama, stories

ROWS, TOKENS = 16, 192
PEAK_RATE, WARMUP = 3e-3, 50
VOCABULARY = 768
PLAIN = 0.3  # share of texts that are no conversation


def chat_ids(tokenizer, messages, add_generation_prompt=False):
    """The conversation as the chat template renders it."""
    ids = []
    for message in messages:
        ids += [bpe.IM_START, *tokenizer.encode(f"{message['role']}\n{message['content']}"), bpe.IM_END,
                *tokenizer.encode("\n")]
    if add_generation_prompt:
        ids += [bpe.IM_START, *tokenizer.encode("assistant\n")]
    return ids


def text_ids(tokenizer, rng):
    if rng.random() < PLAIN:
        return [*tokenizer.encode(stories.plain(rng)), bpe.END_OF_TEXT]
    return [*chat_ids(tokenizer, stories.conversation(rng)), bpe.END_OF_TEXT]


def batch(tokenizer, rng):
    """[ROWS, TOKENS + 1] ids; each row begins with a text and is filled with further ones."""
    rows = []
    for _ in range(ROWS):
        row = []
        while len(row) <= TOKENS:
            row += text_ids(tokenizer, rng)
        rows.append(row[:TOKENS + 1])
    return torch.tensor(rows)


def learn_tokenizer(rng):
    texts = [stories.plain(rng) for _ in range(1500)]
    texts += [f"{m['role']}\n{m['content']}" for _ in range(1500) for m in stories.conversation(rng)]
    return bpe.Tokenizer(bpe.learn(texts, VOCABULARY))


def rate_at(step, steps):
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < WARMUP:
        return PEAK_RATE * (step + 1) / WARMUP
    done = (step - WARMUP) / max(1, steps - WARMUP)
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done)))


def train(steps, seed, report):
    """(weights, config, tokenizer)."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    tokenizer = learn_tokenizer(rng)
    config = dict(llama.CONFIG, vocab_size=len(tokenizer.pieces), bos_token_id=bpe.END_OF_TEXT,
                  eos_token_id=[bpe.END_OF_TEXT, bpe.IM_END])
    weights = llama.initial_weights(config)
    optimizer = torch.optim.AdamW(weights.values(), lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.05)
    began, running = time.monotonic(), None
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps)
        ids = batch(tokenizer, rng)
        scores = llama.logits(weights, config, ids[:, :-1])
        loss = functional.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            report(step + 1, time.monotonic() - began, running)
    return weights, config, tokenizer
