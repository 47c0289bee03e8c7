#!/usr/bin/python3
"""Makes tests/golden/audio: what a reference computes of audio.

    make_audio.py            write mel.safetensors; with the test data also silero.json
    make_audio.py --check    how far the features move when a part of the definition is done otherwise

mel.safetensors has samples that are made here (chirps, a decaying tone, noise, silence), and Whisper's features of them
with 80 and 128 bins, in float64 by torch.stft. silero.json has the probability of speech in each 512 samples of two files
of the test data (BERTH_TEST_DATA, default ../shared/data), from the published TorchScript. Needs Debian's python3-torch.
"""

import argparse
import json
import math
import os
import random
import wave
from pathlib import Path

import torch

from checkpoint import write_safetensors

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/audio"
DATA = Path(os.environ.get("BERTH_TEST_DATA", ROOT / "../shared/data"))
RATE, FFT, HOP = 16000, 400, 160
# Of the test data: what silero.json is made of.
SPOKEN = {"jfk": "speech/jfk.wav", "test": "models/silero-vad/test.wav"}


def samples(seconds=0.64):
    """16-bit samples: a chirp that rises in loudness, a click, noise, 0.1 s of silence, a loud tone that decays."""
    source = random.Random("audio")
    count = int(seconds * RATE)
    out = []
    for i in range(count):
        t = i / RATE
        x = 3000 * t * math.sin(2 * math.pi * (120 * t + 5500 * t * t)) + source.gauss(0, 2 + 60 * t)
        if i == 1000:
            x += 9000
        if 0.3 <= t < 0.4:
            x = 0
        if t >= 0.45:
            x += 24000 * math.exp(-30 * (t - 0.45)) * math.sin(2 * math.pi * 1760 * t)
        out.append(max(-32768, min(32767, round(x))))
    return torch.tensor(out, dtype=torch.float64)


def mel_of(hertz):
    linear = hertz * 3 / 200
    return torch.where(hertz < 1000, linear, 15 + torch.log(hertz.clamp(min=1) / 1000) * 27 / math.log(6.4))


def hertz_of(mel):
    return torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * math.log(6.4) / 27))


def filters(bins, area=True, slaney=True):
    """[bins, 201]: triangles on Slaney's scale, of equal area."""
    frequencies = torch.linspace(0, RATE / 2, FFT // 2 + 1, dtype=torch.float64)
    if slaney:
        edges = hertz_of(torch.linspace(0, mel_of(torch.tensor(RATE / 2, dtype=torch.float64)), bins + 2,
                                        dtype=torch.float64))
    else:
        top = 2595 * math.log10(1 + RATE / 2 / 700)
        edges = 700 * (10 ** (torch.linspace(0, top, bins + 2, dtype=torch.float64) / 2595) - 1)
    rise = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    weights = torch.minimum(rise, fall).clamp(min=0)
    return weights * (2 / (edges[2:] - edges[:-2]))[:, None] if area else weights


def features(pcm, bins, padding=0, periodic=True, mode="reflect", drop=True, **kind):
    """[bins, frames]"""
    signal = torch.cat([pcm / 32768, torch.zeros(padding, dtype=torch.float64)])
    window = torch.hann_window(FFT, periodic=periodic, dtype=torch.float64)
    spectrum = torch.stft(signal, FFT, HOP, window=window, center=True, pad_mode=mode, return_complex=True)
    power = (spectrum[:, :-1] if drop else spectrum).abs() ** 2
    energies = (filters(bins, **kind) @ power).clamp(min=1e-10).log10()
    return (torch.maximum(energies, energies.max() - 8) + 4) / 4


def write_mel():
    pcm = samples()
    tensors = {"samples": pcm.float()}
    for bins in (80, 128):
        tensors[f"mel.{bins}"] = features(pcm, bins).float()
    # As a piece in a window of 0.8 s, and as a whole file with silence behind it.
    tensors["window.80"] = features(pcm, 80, padding=int(0.8 * RATE) - len(pcm)).float()
    write_safetensors(GOLDEN / "mel.safetensors", tensors)
    print(f"wrote mel.safetensors: {len(pcm)} samples, {(GOLDEN / 'mel.safetensors').stat().st_size / 1e3:.0f} kB")


def read_wav(path):
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1 and file.getframerate() == RATE and file.getsampwidth() == 2
        return torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16).float() / 32768


def speech(model, pcm):
    """The probability of speech in each 512 samples; zeros behind the last ones."""
    model.reset_states()
    pcm = torch.cat([pcm, torch.zeros(-len(pcm) % 512)])
    with torch.no_grad():
        return [float(f"{model(piece[None], RATE).item():.7f}") for piece in pcm.split(512)]


def write_silero():
    if not DATA.exists():
        return print(f"no test data at {DATA} (set BERTH_TEST_DATA): silero.json stays as it is")
    model = torch.jit.load(str(DATA / "models/silero-vad/silero_vad.jit"))
    table = {name: speech(model, read_wav(DATA / path)) for name, path in SPOKEN.items()}
    rows = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in table.items()]
    (GOLDEN / "silero.json").write_text("{" + ",\n".join(rows) + "}\n")
    print("wrote silero.json: " + ", ".join(f"{name} {len(row)}" for name, row in table.items()))


FAULTS = {"a symmetric window": {"periodic": False}, "zeros instead of the mirror": {"mode": "constant"},
          "triangles of height 1": {"area": False}, "the HTK scale": {"slaney": False}}


def check():
    right = features(samples(), 80)
    for name, fault in FAULTS.items():
        print(f"{name:32} {(features(samples(), 80, **fault) - right).abs().max():.1e}")
    signal = samples()
    single = torch.stft((signal / 32768).float(), FFT, HOP, window=torch.hann_window(FFT), center=True,
                        return_complex=True)[:, :-1].abs() ** 2
    energies = (filters(80).float() @ single).clamp(min=1e-10).log10()
    print(f"{'(float32 throughout)':32} "
          f"{((torch.maximum(energies, energies.max() - 8) + 4) / 4 - right).abs().max():.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="measure what the features can tell; writes nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        return check()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    write_mel()
    write_silero()


if __name__ == "__main__":
    main()
