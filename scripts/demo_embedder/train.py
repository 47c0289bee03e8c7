"""Trains the encoder: cosines of sentences learn the known grades of their meanings."""

import math
import random
import time
from collections import Counter

import torch

from . import bert
from .wordpiece import Tokenizer, make_vocabulary, split_words

BATCH = 128
GROUP = 32  # sentences computed together; padding costs as much as text
PEAK_RATE, WARMUP = 3e-3, 100
RARE = 12  # words of the text seen less often, invented ones above all, get no entry of their own
DROPOUT, SPLIT_WORDS, FORGET_WORDS = 0.05, 0.04, 0.05
PARAPHRASE_TEMPERATURE, PARAPHRASE_WEIGHT = 0.05, 0.02


def learn_vocabulary(world, batches=250, merges=1200):
    """WordPiece vocabulary of the world's own text: all its words, and common parts of words."""
    counts = Counter()
    for _ in range(batches):
        sentences, _grades = world.batch(BATCH)
        for sentence in sentences:
            counts.update(split_words(sentence))
    keep = world.lexicon.words() | set(world.extra_words)
    return make_vocabulary({w: n for w, n in counts.items() if w in keep or n >= RARE}, keep, merges)


def grade_loss(vectors, grades):
    """Squared error of all cosines, related pairs counting more. vectors [n, d], grades [n, n]."""
    weight = (1.0 + 6.0 * grades.abs()) * (1.0 - torch.eye(len(grades)))
    return (weight * (vectors @ vectors.T - grades) ** 2).sum() / weight.sum()


def paraphrase_loss(vectors, grades):
    """InfoNCE (van den Oord 2018): a paraphrase beats all sentences that mean something else."""
    logits = (vectors @ vectors.T) / PARAPHRASE_TEMPERATURE
    same = (grades > 0.995).float() * (1.0 - torch.eye(len(grades)))
    logits = logits - torch.eye(len(grades)) * 1e4
    gain = (logits.exp() * same).sum(1).clamp_min(1e-12).log() - logits.exp().sum(1).log()
    return -(gain * (same.sum(1) > 0)).sum() / (same.sum(1) > 0).sum().clamp_min(1)


def rate_at(step, steps):
    """Linear warm-up, then a cosine down to a fiftieth."""
    if step < WARMUP:
        return PEAK_RATE * (step + 1) / WARMUP
    done = (step - WARMUP) / max(1, steps - WARMUP)
    return PEAK_RATE * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * done)))


def _encode(tokenizer, sentences, rng):
    """Ids with some words split into smaller pieces and some pieces forgotten."""
    sequences = [tokenizer.encode(s, 64, rng, SPLIT_WORDS) for s in sentences]
    return [[s[0]] + [i for i in s[1:-1] if rng.random() >= FORGET_WORDS] + [s[-1]] for s in sequences]


def _embed(weights, config, sequences):
    """Vectors [n, d] in the order of `sequences`, computed in groups of like length."""
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    groups = [order[i : i + GROUP] for i in range(0, len(order), GROUP)]
    parts = [bert.embed(weights, config, *bert.pad([sequences[i] for i in g]), dropout=DROPOUT) for g in groups]
    return torch.cat(parts)[torch.tensor(order).argsort()]


def train(world, steps, held_out, seed, report):
    """(weights, config, vocabulary); raises if a held-out sentence comes up in training."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    vocabulary = learn_vocabulary(world)
    tokenizer = Tokenizer(vocabulary)
    config = dict(bert.CONFIG, vocab_size=len(vocabulary))
    weights = bert.initial_weights(config)
    optimizer = torch.optim.AdamW(weights.values(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    began, running = time.monotonic(), None
    for step in range(steps):
        sentences, grades = world.batch(BATCH)
        held_out.refuse(sentences)
        sequences, rate = _encode(tokenizer, sentences, rng), rate_at(step, steps)
        loss = _step(weights, config, optimizer, rate, sequences, torch.from_numpy(grades))
        running = loss if running is None else 0.99 * running + 0.01 * loss
        if (step + 1) % 250 == 0:
            report(step + 1, time.monotonic() - began, running)
    return weights, config, vocabulary


def _step(weights, config, optimizer, rate, sequences, grades):
    """One update; returns the loss."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    vectors = _embed(weights, config, sequences)
    loss = grade_loss(vectors, grades) + PARAPHRASE_WEIGHT * paraphrase_loss(vectors, grades)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
    optimizer.step()
    return loss.item()
